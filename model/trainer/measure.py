"""Figures of a model on the report part, of whose sources it has seen nothing."""

import numpy as np

from . import labels, parts
from .network import sigmoid

__all__ = ["figures", "sigmoid"]

# A source's benign scripts count as at most so many, or one style would decide what a false alarm is.
SOURCE_MAX = 100
RATES = {"sensitive": 0.01, "balanced": 0.001, "strict": 0.0001}


def threshold(scores, sources, rate):
    """The score that this share of benign scripts exceeds, sources weighted."""
    names, counts = np.unique(sources, return_counts=True)
    size = dict(zip(names, counts))
    weight = np.array([min(1.0, SOURCE_MAX / size[s]) for s in sources])
    order = np.argsort(scores)
    above = 1 - np.cumsum(weight[order]) / weight.sum()
    return float(scores[order][np.searchsorted(-above, -rate)])


def interval(found, total):
    """95 % Wilson interval of a share."""
    if total == 0:
        return [0.0, 1.0]
    z, p = 1.96, found / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return [round(float(max(0, middle - half)), 6), round(float(min(1, middle + half)), 6)]


def share(mask, hit):
    found, total = int((mask & hit).sum()), int(mask.sum())
    return {"found": found, "of": total, "share": round(found / max(total, 1), 6), "interval95": interval(found, total)}


def of_tactic(tactic):
    """Columns of the techniques of a tactic."""
    return [n for n, id in enumerate(labels.IDS) if labels.TACTICS[id] == tactic]


def weighted(mask, sources, hit):
    """The share of scripts that are hit, a source counting as at most SOURCE_MAX scripts."""
    names, counts = np.unique(sources[mask], return_counts=True)
    size = dict(zip(names, counts))
    weight = np.array([min(1.0, SOURCE_MAX / size[s]) for s in sources[mask]])
    return round(float((weight * hit[mask]).sum() / max(weight.sum(), 1e-9)), 4)


def at_rates(bags, scores, part):
    """What is found of the report part where so many of its harmless scripts are flagged."""
    corpus = bags.corpus
    source, kind, label = np.array(corpus.source), np.array(corpus.kind), np.array(corpus.label)
    held = part == parts.REPORT
    benign, malicious = held & (label == "benign"), held & (label == "malicious")
    out = {}
    for name, rate in RATES.items():
        hit = scores > threshold(scores[benign], source[benign], rate)
        out[name] = {
            "rate": rate,
            "malicious": share(malicious, hit),
            "weighted": weighted(malicious, source, hit),
            "by_kind": {k: share(malicious & (kind == k), hit) for k in sorted(set(kind[malicious]))},
        }
    return out


# How the sources of scripts are named that were fetched as they are on a machine (`trainer/natural.py`).
NATURAL = "debian-natural"
# Harmless scripts are told by their length, from so many bytes on.
LENGTHS = [0, 1024, 4096, 16384, 65536]


def figures(bags, scores, part, hidden, kept_back):
    """What is found of the report part, by source, kind, technique and tactic, and what is flagged there. `hidden` has scores
    of the same scripts for each transform, `kept_back` those of generated attacks whose idiom was not trained on."""
    corpus = bags.corpus
    source, kind, label = np.array(corpus.source), np.array(corpus.kind), np.array(corpus.label)
    held = part == parts.REPORT
    benign, malicious = held & (label == "benign"), held & (label == "malicious")
    # The thresholds need as many harmless scripts as there are; what is found does not depend on which these are.
    placed = (part != parts.FIT) & (label == "benign")
    logits = {name: threshold(scores[placed], source[placed], rate) for name, rate in RATES.items()}
    out = {"logits": logits}
    generated = np.char.startswith(source, "generator")
    out["scripts"] = {k: int((~generated & (label == k)).sum()) for k in ("benign", "malicious", "dual_use")}
    out["parts"] = {
        name: {k: int((~generated & (part == name) & (label == k)).sum()) for k in ("benign", "malicious")}
        for name in (parts.FIT, parts.TUNE, parts.REPORT)
    }
    out["sources"] = {name: len(set(source[~generated & (part == name)])) for name in (parts.FIT, parts.TUNE, parts.REPORT)}
    out["generated"] = int(generated.sum())
    out["at_rate"] = at_rates(bags, scores, part)
    natural = benign & np.char.startswith(source, NATURAL)
    size = np.array([len(text) for text in corpus.texts])
    balanced = scores > logits["balanced"]
    out["natural"] = {name: share(natural, scores > logit) for name, logit in logits.items()}
    bounds = list(zip(LENGTHS, LENGTHS[1:] + [np.inf]))
    out["false_alarms_by_length"] = {str(low): share(benign & (size >= low) & (size < high), balanced) for low, high in bounds}
    for name, logit in logits.items():
        hit = scores > logit
        out[name] = {
            "malicious": share(malicious, hit),
            "dual_use": share(held & (label == "dual_use"), hit),
            "false_alarms": share(benign, hit),
            "malicious_by_source": {s: share(malicious & (source == s), hit) for s in sorted(set(source[malicious]))},
            "malicious_by_technique": {
                id: share(malicious & (bags.techniques[:, n] > 0), hit) for n, id in enumerate(labels.IDS)
            },
            "malicious_by_tactic": {
                tactic: share(malicious & (bags.techniques[:, of_tactic(tactic)].max(axis=1) > 0), hit)
                for tactic in sorted(set(labels.TACTICS.values()))
            },
            # Only those that have some.
            "false_alarms_by_source": {s: share(benign & (source == s), hit) for s in sorted(set(source[benign & hit]))},
            "false_alarms_by_kind": {k: share(benign & (kind == k), hit) for k in sorted(set(kind[benign]))},
        }
    all_of = lambda found: np.ones(len(found), bool)
    out["hidden"] = {name: share(all_of(found), found > logits["balanced"]) for name, found in hidden.items()}
    out["kept_back"] = share(all_of(kept_back), kept_back > logits["balanced"])
    out["headline"] = out["at_rate"]["balanced"]["malicious"]["share"]
    return out
