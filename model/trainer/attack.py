"""A search that attacks the model: it sees nothing but scores, changes malicious scripts without changing what they do
(`generator/evade.py`), and keeps what scores lowest."""

import pathlib
import random
import subprocess
import tempfile

import numpy as np

from generator import evade, scripts

from . import corpus, fit
from .hidden import samples
# Scores that are asked for each script, how many at once, and the scripts that are attacked.
BUDGET, AT_ONCE, SCRIPTS_MAX = 60, 10, 80
# The longest that a script grows to, in bytes.
BYTES_MAX = 32 * 1024


def is_script(text):
    """Does bash parse it? Nothing is run."""
    done = subprocess.run(["bash", "-n"], input=text.encode("utf-8", "surrogatepass"), capture_output=True, check=False)
    return done.returncode == 0


def _scored(texts, logits, sensor):
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "attack.jsonl"
        scripts.write(path, [{"content": text, "label": "malicious", "source": "attack"} for text in texts])
        return logits(fit.Bags(corpus.load(path, sensor)))


def search(texts, start, operators, logits, sensor, seed):
    """For each script the lowest logit after each round."""
    best, lowest, rounds = list(texts), np.array(start, float), []
    for number in range(BUDGET // AT_ONCE):
        tried = []
        for which, text in enumerate(best):
            for nth in range(AT_ONCE):
                rng = random.Random(f"{seed} {number} {which} {nth}")
                changed = evade.apply(text, rng, operators, most=2)
                tried.append(changed if len(changed) <= BYTES_MAX and is_script(changed) else text)
        found = _scored(tried, logits, sensor).reshape(len(best), AT_ONCE)
        for which, row in enumerate(found):
            nth = int(row.argmin())
            if row[nth] < lowest[which]:
                lowest[which], best[which] = row[nth], tried[which * AT_ONCE + nth]
        rounds.append(lowest.copy())
    return rounds


def figures(bags, scores, held, logits, sensor, seed):
    """What of the found malicious scripts is still found at the balanced operating point (logit 0) after so many queries, and by how
    much the logit has fallen, by operators that were taught and by those that were kept back."""
    chosen = [i for i in samples(bags, held, seed) if scores[i] > 0][:SCRIPTS_MAX]
    texts = [bags.corpus.texts[i].decode("utf-8") for i in chosen]
    whole = [is_script(text) for text in texts]
    chosen, texts = [i for i, fits in zip(chosen, whole) if fits], [text for text, fits in zip(texts, whole) if fits]
    out = {"scripts": len(chosen)}
    for name, operators in (("taught", evade.TAUGHT), ("kept back", evade.KEPT_BACK)):
        if not chosen:
            break
        rounds = search(texts, scores[chosen], operators, logits, sensor, seed)
        out[name] = {
            "operators": operators,
            "found_after": {str((n + 1) * AT_ONCE): int((lowest > 0).sum()) for n, lowest in enumerate(rounds)},
            "median_fall": round(float(np.median(scores[chosen] - rounds[-1])), 3),
        }
    return out
