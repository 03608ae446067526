"""What fuzz.py is made of.

trying.py    examples of one target under a clock, what they end in, the smallest that fails
texts.py     text, bytes and JSON that is hostile or nearly right
reading.py   targets: tables, task files, settings, graders
running.py   targets: proposals of an optimizer, prompts, run files
models.py    targets: model folders, GGUF files
"""
