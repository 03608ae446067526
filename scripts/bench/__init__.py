"""What bench_scorer.py, bench_generation.py and bench_cost.py are made of.

workloads.py   what is scored: files of token ids, and made-up prompts for any model
contestants.py what a contestant is: it takes a step and tells its seconds and its scores
deadline.py    a contestant's time, and what cuts it off
options.py     options that benches share
ours.py        the engine at one level
peers.py       transformers and lm-eval in this process
vllm_peer.py   vLLM in a child process (vllm_child.py, under another Python)
measuring.py   interleaved repetitions, the fp32 reference
gpu.py         the parts of bench_gpu.py (random_model.py makes its model, wheels.py packs for it)
scoring.py     one bench: who takes part, which steps are run
generating.py  short answers and samples against transformers' generate
rows.py        its result: a row for every pair of ours and a peer
costs.py       the time of a step as its dimensions grow
plot.py        a line plot as SVG
"""
