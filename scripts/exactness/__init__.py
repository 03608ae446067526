"""What measure_models.py is made of.

stored.py      models of the user's folder, held against plain transformers
imports.py     GGUF files, imported and held against llama.cpp
gguf_files.py  files to import: small random ones, and quantised ones written anew without quantisation
llama_cpp.py   llama.cpp in a child process (llama_child.py, under a Python that has xllamacpp)
strings.py     varied texts for tokenizers
report.py      the tables
"""
