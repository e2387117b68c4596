"""Figures of a model by scores that were made without having seen the script's source."""

import numpy as np

from . import labels
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
    return [round(float(max(0, middle - half)), 4), round(float(min(1, middle + half)), 4)]


def share(mask, hit):
    found, total = int((mask & hit).sum()), int(mask.sum())
    return {"found": found, "of": total, "share": round(found / max(total, 1), 4), "interval95": interval(found, total)}


def of_tactic(tactic):
    """Columns of the techniques of a tactic."""
    return [n for n, id in enumerate(labels.IDS) if labels.TACTICS[id] == tactic]


def figures(bags, scores, by_cluster, hidden, kept_back):
    """Recall at each operating point, by source, technique and tactic; false alarms by kind and source; recall on scripts
    of clusters never seen, and when scripts are hidden. `hidden` has scores of the same scripts for each transform, `kept_back` those
    of generated attacks whose idiom was not trained on."""
    corpus = bags.corpus
    source, kind, label = np.array(corpus.source), np.array(corpus.kind), np.array(corpus.label)
    held = ~np.isnan(scores)
    benign = held & (label == "benign")
    malicious = held & (label == "malicious")
    logits = {name: threshold(scores[benign], source[benign], rate) for name, rate in RATES.items()}
    out = {"logits": logits, "scripts": {k: int((held & (label == k)).sum()) for k in ("benign", "malicious", "dual_use")}}
    out["generated"] = int((~held).sum())
    for name, logit in logits.items():
        hit = np.nan_to_num(scores, nan=-1e9) > logit
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
    # A threshold of its own: these scores are of other models.
    logit = threshold(by_cluster[benign], source[benign], RATES["balanced"])
    out["clusters"] = share(malicious, np.nan_to_num(by_cluster, nan=-1e9) > logit)
    all_of = lambda found: np.ones(len(found), bool)
    out["hidden"] = {name: share(all_of(found), found > logits["balanced"]) for name, found in hidden.items()}
    out["kept_back"] = share(all_of(kept_back), kept_back > logits["balanced"])
    out["headline"] = out["balanced"]["malicious"]["share"]
    return out
