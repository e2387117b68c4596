"""Fitting: scripts are bags of windows; a malicious script needs one bad window, a benign one must have none."""

from collections import Counter

import numpy as np
import scipy.sparse as sparse

from . import labels
from .network import BUCKETS, Network, known_only, matrix


class Bags:
    """All windows of a corpus as one matrix, and which rows belong to which script."""

    def __init__(self, corpus):
        self.corpus = corpus
        self.rows = np.cumsum([0] + [len(w) for w in corpus.windows])
        self.x = matrix([w for windows in corpus.windows for w in windows])
        self.malicious = np.array([l == "malicious" for l in corpus.label])
        self.dual = np.array([l == "dual_use" for l in corpus.label])
        self.techniques = np.stack(
            [labels.of(t, g) for t, g in zip(corpus.texts, corpus.techniques)]
        ) * (self.malicious | self.dual)[:, None]

    def scores(self, network, x=None):
        """The highest logit over each script's windows, and the row that has it."""
        logits = network.logits(known_only(self.x, network.known) if x is None else x)[:, 0]
        best = np.array([self.rows[i] + np.argmax(logits[self.rows[i] : self.rows[i + 1]]) for i in range(len(self.corpus))])
        return logits[best], best


def weights(corpus, bags):
    """Weight of each script: near-duplicates count little more than one script, and large sources do not drown
    small ones."""
    clusters, sources = Counter(corpus.cluster), Counter(corpus.source)
    w = np.array([1 / np.sqrt(clusters[c]) / max(1.0, sources[s] / 200) ** 0.5 for c, s in zip(corpus.cluster, corpus.source)])
    w[bags.dual] = 0.0
    positive, negative = w[bags.malicious].sum(), w[~bags.malicious & ~bags.dual].sum()
    if positive > 0:
        w[bags.malicious] *= 0.35 * negative / positive
    return w


def common_features(bags, train, sources_min):
    """Which features occur in scripts of at least so many sources: what only one author writes teaches nothing."""
    names = sorted(set(bags.corpus.source))
    number = {name: i for i, name in enumerate(names)}
    rows = np.repeat([number[s] for s in bags.corpus.source], np.diff(bags.rows))
    chosen = np.repeat(train, np.diff(bags.rows))
    x = bags.x[chosen]
    by_source = sparse.csr_matrix((np.ones(len(x.indices), np.float32), (np.repeat(rows[chosen], np.diff(x.indptr)), x.indices)), shape=(len(names), BUCKETS))
    by_source.data[:] = 1
    return np.asarray(by_source.sum(0)).ravel() >= sources_min


def used_by_attackers(bags, train, attacks_min):
    """Which features occur in so many malicious scripts. What only harmless scripts say is left out: a style that was never
    seen must not look bad for want of what is usual."""
    chosen = np.repeat(train & (bags.malicious | bags.dual), np.diff(bags.rows))
    return np.asarray(bags.x[chosen].sum(0)).ravel() >= attacks_min


def fit(bags, train, epochs=5, rate=0.01, decay=3.0, batch=1024, seed=1, dims=8, sources_min=3, attacks_min=50, drop=0.3, hidden=48, say=lambda *_: None):
    """Fits a network to the scripts for which `train` is true."""
    corpus = bags.corpus
    network = Network(1 + len(labels.IDS), dims=dims, hidden=hidden, seed=seed)
    network.learn_only(common_features(bags, train, sources_min) & used_by_attackers(bags, train, attacks_min))
    all_rows = known_only(bags.x, network.known)
    rng = np.random.default_rng(seed)
    weight = weights(corpus, bags)
    chosen = np.flatnonzero(train & (weight + bags.dual > 0))
    for epoch in range(epochs):
        logits, best = bags.scores(network, all_rows)
        rows, owner = [], []
        for i in chosen:
            first, last = bags.rows[i], bags.rows[i + 1]
            if bags.malicious[i] or bags.dual[i]:
                # Nothing is known at first of where the malice is.
                pick = [best[i]] if epoch >= 2 else range(first, min(last, first + 4))
            else:
                pick = {best[i], *rng.integers(first, last, size=min(3, last - first))}
            for row in pick:
                rows.append(row)
                owner.append(i)
        rows, owner = np.array(rows), np.array(owner)
        order = rng.permutation(len(rows))
        now = rate * (1 - epoch / epochs) ** 0.9
        for at in range(0, len(order), batch):
            part = order[at : at + batch]
            who = owner[part]
            target = np.concatenate([bags.malicious[who, None], bags.techniques[who]], axis=1).astype(np.float32)
            w = np.repeat(weight[who, None], target.shape[1], axis=1)
            # Techniques are learnt from malicious and dual-use scripts.
            w[:, 1:] = 0.3 * (bags.malicious | bags.dual)[who, None]
            x = all_rows[rows[part]]
            # Features are left out at random, so that no single one carries a script.
            x.data *= (rng.random(len(x.data)) >= drop).astype(np.float32) / (1 - drop)
            network.train(x, target, w.astype(np.float32), now, decay)
        say(f"epoch {epoch + 1}/{epochs}: {len(rows)} windows")
    return network
