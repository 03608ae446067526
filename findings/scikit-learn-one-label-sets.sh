#!/usr/bin/env bash
# scikit-learn 1.9.1: sets of labels as an indicator matrix, where there is one label.
#
# Behaviour: a matrix (N, 1) is taken for binary targets. average="samples" is refused, and average="macro" is the
#   mean over two classes, the label and its absence.
# Expected: as with two columns and more, where each column is a label and its absence is no class.
# Seen: "Samplewise metrics are not available outside of multilabel classification."; macro F1 of a label that is
#   never found: 0.4286 by itself, 0.0 for the same column beside a second one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'END'
import numpy as np
from sklearn.metrics import f1_score

right, said = np.array([[1], [0], [0], [0]]), np.array([[0], [0], [0], [0]])
second = np.array([[1], [1], [0], [0]])
try:
    f1_score(right, said, average="samples", zero_division=1)
    refused = ""
except ValueError as error:
    refused = str(error)
one = f1_score(right, said, average="macro", zero_division=0)
two = f1_score(np.hstack([right, second]), np.hstack([said, second]), average=None, zero_division=0)
print("samples, one column:", refused)
print("macro, one column:", round(float(one), 4), "; the same column beside another:", float(two[0]))
assert refused.startswith("Samplewise metrics are not available"), refused
assert abs(one - 0.4286) < 1e-4 and two[0] == 0.0, (one, two)
END
