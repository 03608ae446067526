"""The values that settings are chosen from, by the names that users write."""

from typing import Literal

Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin"]
Metric = Literal[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "micro_f1",
    "example_f1",
    "mcc",
    "weighted_kappa",
    "off_by_one",
    "log_loss",
    "brier",
    "mean_score",
    "token_f1",
    "mae",
    "median_error",
    "r2",
]
DecimalSign = Literal["point", "comma"]
ScoringMode = Literal["likelihood", "generation"]
Grading = Literal["strict", "official"]
CalibrationMethod = Literal["none", "contextual", "batch", "auto"]
Method = Literal["portfolio", "opro", "evoprompt-ga", "evoprompt-de", "one-step", "random"]
Arm = Literal[
    "opro tagged",
    "opro bracket",
    "opro completion",
    "reflection",
    "library",
    "random words",
    "paraphrases",
    "crossover",
    "shot sets",
    "shot moves",
    "shot growth",
    "form",
    "wording",
]
"""The proposers of the portfolio, by the names that their proposals get."""
Style = Literal["tagged", "bracket", "completion"]
ExemplarChoice = Literal["random", "constant", "accumulative-wrong", "current-wrong"]
BlockOrder = Literal["trajectory-first", "exemplars-first"]
TrajectoryOrder = Literal["ascending", "descending", "random"]
ScoreDisplay = Literal["100-buckets", "20-buckets", "raw", "hidden"]
Quantize = Literal["auto", "bf16", "fp32", "nf4", "int8"]
BudgetName = Literal["light", "medium", "heavy"]
BadRows = Literal["error", "skip"]
Blank = Literal["unlabelled", "none"]
Annotators = Literal["first", "agree", "majority"]
Twins = Literal["together", "apart"]
Switch = Literal["on", "off"]
Baselines = Literal["standard", "full"]
Prefer = Literal["best", "short", "balanced"]
