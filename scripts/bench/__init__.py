"""What bench_scorer.py and bench_cost.py are made of.

workloads.py   what is scored: files of token ids, and made-up prompts for any model
contestants.py what a contestant is: it takes a step and tells its seconds and its scores
ours.py        the engine at one level
peers.py       transformers and lm-eval in this process
vllm_peer.py   vLLM in a child process (vllm_child.py, under another Python)
measuring.py   interleaved repetitions, the fp32 reference
rows.py        one row of the result for every pair of ours and a peer
plot.py        a line plot as SVG
"""
