"""Fitting: scripts are bags of windows; a malicious script needs one bad window, a benign one must have none."""

import numpy as np

from . import labels
from .network import Network, matrix


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

    def scores(self, network, scripts=None):
        """The highest logit over each script's windows, and the row that has it."""
        logits = network.logits(self.x)[:, 0]
        best = np.array([self.rows[i] + np.argmax(logits[self.rows[i] : self.rows[i + 1]]) for i in range(len(self.corpus))])
        return logits[best], best


def weights(corpus, bags):
    """Weight of each script: clusters of near-duplicates count little more than one script."""
    sizes = {}
    for c in corpus.cluster:
        sizes[c] = sizes.get(c, 0) + 1
    w = np.array([1 / np.sqrt(sizes[c]) for c in corpus.cluster])
    w[bags.dual] = 0.0
    positive, negative = w[bags.malicious].sum(), w[~bags.malicious & ~bags.dual].sum()
    if positive > 0:
        w[bags.malicious] *= 0.35 * negative / positive
    return w


def fit(bags, train, epochs=14, rate=0.01, decay=2e-3, batch=1024, seed=1, dims=8, say=lambda *_: None):
    """Fits a network to the scripts for which `train` is true."""
    corpus = bags.corpus
    network = Network(1 + len(labels.IDS), dims=dims, seed=seed)
    rng = np.random.default_rng(seed)
    weight = weights(corpus, bags)
    chosen = np.flatnonzero(train & (weight + bags.dual > 0))
    for epoch in range(epochs):
        logits, best = bags.scores(network)
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
            network.train(bags.x[rows[part]], target, w.astype(np.float32), now, decay)
        say(f"epoch {epoch + 1}/{epochs}: {len(rows)} windows")
    return network
