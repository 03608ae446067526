"""Benchmarks in their original files, which the user has: nothing is shipped and nothing is fetched.

Splits, answer types and instruction positions are those of Yang et al. 2023 (section 5.1) where it has any.
The paper has no validation part: a third of its train rows is kept back for that, where there are no others.
Rows that repeat or contradict another one stay, so that their number is the published one, and are told of.
"""
