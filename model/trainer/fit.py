"""Fitting: scripts are bags of windows and passages; a malicious script needs one bad part, a benign one must have none."""

import multiprocessing
import os
from collections import Counter

import numpy as np

from . import device, labels
from .network import Network, known_only, matrix

# By how much (in logits) a passage counts less than a window: there are ten times as many to be wrong about. A higher
# one finds fewer lines hidden in harmless scripts, a lower one raises more false alarms.
PASSAGE_PENALTY = 1.0
# Networks whose mean is the model: what one learnt by chance the others did not.
NETWORKS = 2
# The sensor looks at the passages of so many windows, the worst ones.
WORST_WINDOWS = 2
# A feature is known that occurs in so many windows of malicious scripts.
ATTACKS_MIN = 20

_shared = None


class Bags:
    """All windows of a corpus, and behind them all passages, as one matrix, and which rows belong to which script."""

    def __init__(self, corpus):
        self.corpus = corpus
        self.rows = np.cumsum([0] + [len(w) for w in corpus.windows])
        self.passages = self.rows[-1] + np.cumsum([0] + [len(p) for p in corpus.passages])
        # For each window, its first passage within the script, and one past its last.
        self.places = np.concatenate(corpus.places).astype(np.int64)
        self.places[:, 1] += self.places[:, 0]
        self.x = matrix([part for parts in (corpus.windows, corpus.passages) for script in parts for part in script])
        self.malicious = np.array([l == "malicious" for l in corpus.label])
        self.dual = np.array([l == "dual_use" for l in corpus.label])
        self.techniques = np.stack(
            [labels.of(t, g) for t, g in zip(corpus.texts, corpus.techniques)]
        ) * (self.malicious | self.dual)[:, None]
        self._known, self._known_only = None, None

    def known_only(self, known):
        """`known_only` of the matrix. It takes longer than an epoch, so the last one is kept: networks that are fitted to the
        same scripts, and their mean, know the same features."""
        if self._known is None or not np.array_equal(known, self._known):
            self._known_only = None
            self._known, self._known_only = known, known_only(self.x, known)
        return self._known_only

    def scores(self, network, x=None):
        """Of each script the logit as the sensor computes it, the row of its worst window, and that of its worst passage (-1
        where it has none)."""
        logits = network.logits(self.known_only(network.known) if x is None else x)[:, 0]
        windows = self.rows[-1]
        script_of = np.repeat(np.arange(len(self.corpus)), np.diff(self.rows))
        # Within each script the worst window first, of two that are as bad the earlier one.
        worst_first = np.lexsort((-logits[:windows], script_of))
        window = worst_first[self.rows[:-1]]
        score, passage = logits[window].copy(), np.full(len(self.corpus), -1)
        near, owner = self._passages_near(worst_first)
        if len(near):
            start = np.flatnonzero(np.diff(owner, prepend=-1))
            highest = np.maximum.reduceat(logits[near], start)
            first = np.flatnonzero(logits[near] == np.repeat(highest, np.diff(start, append=len(near))))
            first = first[np.flatnonzero(np.diff(owner[first], prepend=-1))]
            passage[owner[start]] = near[first]
            score[owner[start]] = np.maximum(score[owner[start]], highest - PASSAGE_PENALTY)
        return score, window, passage

    def _passages_near(self, worst_first):
        """The rows of the passages of each script's worst windows, in their order, and whose they are."""
        places, of = [], []
        for nth in range(WORST_WINDOWS):
            there = np.flatnonzero(np.diff(self.rows) > nth)
            places.append(self.places[worst_first[self.rows[there] + nth]])
            of.append(there)
        places, of = np.concatenate(places), np.concatenate(of)
        counts = places[:, 1] - places[:, 0]
        owner = np.repeat(of, counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        near = np.unique(self.passages[owner] + np.repeat(places[:, 0], counts) + within)
        return near, np.searchsorted(self.passages, near, side="right") - 1


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


def used_by_attackers(bags, train):
    """Which features occur in so many windows of malicious scripts. What only harmless scripts say is left out: a style that
    was never seen must not look bad for want of what is usual."""
    chosen = np.flatnonzero(np.repeat(train & (bags.malicious | bags.dual), np.diff(bags.rows)))
    return np.asarray(bags.x[chosen].sum(0)).ravel() >= ATTACKS_MIN


def parts_to_learn(bags, script, worst, epoch, rng):
    """The rows of a script that an epoch learns from."""
    window, passage = worst[1][script], worst[2][script]
    first, last = bags.rows[script : script + 2]
    # From when on a script's worst parts are known well enough.
    known = epoch >= 2
    close = [passage] if known and passage >= 0 else []
    if not (bags.malicious[script] or bags.dual[script]):
        return [*{window, *rng.integers(first, last, size=min(3, last - first))}, *close]
    if known:
        return [window, *close]
    # Where the malice of a trojan is cannot be guessed.
    return [] if bags.corpus.host_source[script] else range(first, min(last, first + 4))


def fit(bags, train, where=device.Cpu, say=lambda *_: None):
    """Fits networks that differ by chance only to the scripts for which `train` is true, and gives their mean."""
    seeds = range(1, NETWORKS + 1)
    known = used_by_attackers(bags, train)
    if where.on_host:
        # Before processes are forked, which share it.
        bags.known_only(known)
        networks = _fit_side_by_side(bags, train, known, seeds, say)
    else:
        networks = [fit_one(bags, train, known, seed=seed, where=where, say=say) for seed in seeds]
    return Network.mean(networks)


def _fit_side_by_side(bags, train, known, seeds, say):
    global _shared
    # Forked processes see the scripts without a copy.
    _shared = bags, train, known
    with multiprocessing.get_context("fork").Pool(min(NETWORKS, os.cpu_count() or 1)) as pool:
        networks = []
        for network, said in pool.imap(_fit_shared, seeds):
            networks.append(network)
            say(f"network {len(networks)}/{NETWORKS}: {said}")
    _shared = None
    return networks


def _fit_shared(seed):
    said = []
    return fit_one(*_shared, seed=seed, say=said.append), said[-1]


def fit_one(bags, train, known, epochs=8, rate=0.01, decay=3.0, batch=1024, seed=1, dims=8, drop=0.3, hidden=48, where=device.Cpu, say=lambda *_: None):
    """Fits one network that knows those features."""
    corpus = bags.corpus
    network = Network(known, 1 + len(labels.IDS), dims=dims, hidden=hidden, seed=seed, device=where)
    all_rows = where.matrix(bags.known_only(known))
    rng = np.random.default_rng(seed)
    weight = weights(corpus, bags)
    chosen = np.flatnonzero(train & (weight + bags.dual > 0))
    for epoch in range(epochs):
        worst = bags.scores(network, all_rows)
        rows, owner = [], []
        for i in chosen:
            parts = parts_to_learn(bags, i, worst, epoch, rng)
            rows.extend(parts)
            owner.extend([i] * len(parts))
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
            x = all_rows[where.put(rows[part])]
            # Features are left out at random, so that no single one carries a script.
            x.data *= where.put((rng.random(len(x.data)) >= drop).astype(np.float32) / (1 - drop))
            network.train(x, where.put(target), where.put(w.astype(np.float32)), now, decay)
        say(f"epoch {epoch + 1}/{epochs}: {len(rows)} parts")
    network.to_host()
    return network


def of_a_few_steps(where):
    """What a small network says after a few steps: the same on every device."""
    x = device.example()
    network = Network(np.ones(x.shape[1], bool), 3, device=where)
    target, weight = np.zeros((x.shape[0], 3), np.float32), np.ones((x.shape[0], 3), np.float32)
    target[::3] = 1.0
    matrix = where.matrix(x)[where.put(np.arange(x.shape[0]))]
    for _ in range(3):
        network.train(matrix, where.put(target), where.put(weight), 0.01, 3.0)
    return network.logits(matrix)
