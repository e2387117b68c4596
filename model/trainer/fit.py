"""Fitting: scripts are bags of windows and passages; a malicious script needs one bad part, a benign one must have none."""

import hashlib
from collections import Counter

import numpy as np

from . import device, labels
from .network import Network, known_only, matrix

# By how much (in logits) a passage counts less than a window: there are ten times as many to be wrong about. A higher
# one finds fewer lines hidden in harmless scripts, a lower one raises more false alarms.
PASSAGE_PENALTY = 1.0
# Networks whose mean is the model: what one learnt by chance the others did not.
NETWORKS = 4
# The sensor looks at the passages of so many windows, the worst of those that have some.
WORST_WINDOWS = 2
# A feature is known that occurs in so many windows of malicious scripts.
ATTACKS_MIN = 20

# In so many parts the scripts are dealt out, by source, where each is to be judged by a network that did not see it.
FOLDS = 3
# From so many scripts on a source counts less for each. One style of droppers would be most of what is learnt.
SOURCE = 60

_shared = None


class Bags:
    """All windows of a corpus, and behind them all passages, as one matrix, and which rows belong to which script."""

    def __init__(self, corpus):
        self.corpus = corpus
        self.windows_of = np.array([len(w) for w in corpus.windows])
        self.rows = np.concatenate([[0], np.cumsum(self.windows_of)])
        self.passages = self.rows[-1] + np.cumsum([0] + [len(p) for p in corpus.passages])
        # For each window, its first passage within the script, and one past its last.
        self.places = np.concatenate(corpus.places).astype(np.int64)
        self.places[:, 1] += self.places[:, 0]
        self.x = matrix([part for parts in (corpus.windows, corpus.passages) for script in parts for part in script])
        self.malicious = np.array([l == "malicious" for l in corpus.label])
        self.dual = np.array([l == "dual_use" for l in corpus.label])
        self.trojan = np.array([host is not None for host in corpus.host_source])
        self.techniques = np.zeros((len(corpus), len(labels.IDS)), np.float32)
        for i in np.flatnonzero(self.malicious | self.dual):
            self.techniques[i] = labels.of(corpus.texts[i], corpus.techniques[i])
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
        script_of = np.repeat(np.arange(len(self.corpus)), self.windows_of)
        # Within each script the worst window first, of two that are as bad the earlier one.
        worst_first = np.lexsort((-logits[:windows], script_of))
        window = worst_first[self.rows[:-1]]
        score, passage = logits[window].copy(), np.full(len(self.corpus), -1)
        near, owner = self._passages_near(worst_first, script_of)
        if len(near):
            start = np.flatnonzero(np.diff(owner, prepend=-1))
            highest = np.maximum.reduceat(logits[near], start)
            first = np.flatnonzero(logits[near] == np.repeat(highest, np.diff(start, append=len(near))))
            first = first[np.flatnonzero(np.diff(owner[first], prepend=-1))]
            passage[owner[start]] = near[first]
            score[owner[start]] = np.maximum(score[owner[start]], highest - PASSAGE_PENALTY)
        return score, window, passage

    def _passages_near(self, worst_first, script_of):
        """The rows of the passages of each script's worst windows that have some, in their order, and whose they are."""
        some = worst_first[self.places[worst_first, 1] > self.places[worst_first, 0]]
        nth_of = np.arange(len(some)) - np.searchsorted(script_of[some], script_of[some])
        places, of = [], []
        for nth in range(WORST_WINDOWS):
            there = some[nth_of == nth]
            places.append(self.places[there])
            of.append(script_of[there])
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
    w = np.array([1 / np.sqrt(clusters[c]) / max(1.0, sources[s] / SOURCE) ** 0.5 for c, s in zip(corpus.cluster, corpus.source)])
    w[bags.dual] = 0.0
    positive, negative = w[bags.malicious].sum(), w[~bags.malicious & ~bags.dual].sum()
    if positive > 0:
        w[bags.malicious] *= 0.35 * negative / positive
    return w


def used_by_attackers(bags, train):
    """Which features occur in so many windows of malicious scripts. What only harmless scripts say is left out: a style that
    was never seen must not look bad for want of what is usual."""
    chosen = np.flatnonzero(np.repeat(train & (bags.malicious | bags.dual), bags.windows_of))
    return np.asarray(bags.x[chosen].sum(0)).ravel() >= ATTACKS_MIN


def parts_to_learn(bags, chosen, worst, epoch, rng):
    """The rows that an epoch learns from those scripts, and whose each is."""
    _, window, passage = worst
    # From when on a script's worst parts are known well enough.
    known = epoch >= 2
    harmless = chosen[~(bags.malicious | bags.dual)[chosen]]
    windows = [window[harmless]]
    # Of its other windows some.
    for _ in range(3):
        windows.append(bags.rows[harmless] + (rng.random(len(harmless)) * bags.windows_of[harmless]).astype(np.int64))
    attacks = np.setdiff1d(chosen, harmless)
    if known:
        windows.append(window[attacks])
    else:
        # Where the malice of a trojan is cannot be guessed.
        attacks = attacks[~bags.trojan[attacks]]
        windows += [bags.rows[attacks[bags.windows_of[attacks] > nth]] + nth for nth in range(4)]
    windows = np.unique(np.concatenate(windows))
    close = passage[chosen][passage[chosen] >= 0] if known else np.zeros(0, np.int64)
    whose = [np.searchsorted(first, rows, side="right") - 1 for first, rows in ((bags.rows, windows), (bags.passages, close))]
    return np.concatenate([windows, close]), np.concatenate(whose)


def fit(bags, train, where=device.Cpu, say=lambda *_: None):
    """Fits networks that differ by chance only to the scripts for which `train` is true, side by side, and gives their mean."""
    global _shared
    known = used_by_attackers(bags, train)
    # Before processes are forked, which share it.
    x = bags.known_only(known)
    _shared = bags, train, known, where
    networks = []
    with device.forked(min(NETWORKS, where.at_once(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes))) as processes:
        for network, said in processes.map(_fit_shared, range(1, NETWORKS + 1)):
            networks.append(network)
            say(f"network {len(networks)}/{NETWORKS}: {said}")
    _shared = None
    return Network.mean(networks)


def _fit_shared(seed):
    said = []
    bags, train, known, where = _shared
    return fit_one(bags, train, known, seed=seed, where=where.open(), say=said.append), said[-1]


def unseen(bags, train, where=device.Cpu):
    """Of each script for which `train` is true what a network says that was fitted to other sources: no script of its source or its
    cluster, and no trojan in one of them."""
    global _shared
    _shared = bags, train, None, where
    found = np.zeros(len(bags.corpus))
    with device.forked(min(FOLDS, where.at_once(bags.x.data.nbytes + bags.x.indices.nbytes + bags.x.indptr.nbytes))) as processes:
        for held, logits in processes.map(_judge_fold, range(FOLDS)):
            found[held] = logits
    _shared = None
    return found


def folds(sources):
    """Which fold each source is in: by the hash of its name."""
    of = {source: int(hashlib.sha256(f"fold {source}".encode()).hexdigest()[:8], 16) % FOLDS for source in set(sources)}
    return np.array([of[source] for source in sources])


def _judge_fold(fold):
    bags, train, _, where = _shared
    corpus = bags.corpus
    is_held = folds(corpus.source) == fold
    held, clusters = train & is_held, {cluster for cluster, out in zip(corpus.cluster, is_held) if out}
    hosts = folds([source or "" for source in corpus.host_source]) == fold
    others = train & ~is_held & ~(bags.trojan & hosts) & ~np.array([cluster in clusters for cluster in corpus.cluster])
    if not (others & bags.malicious).any() or not (others & ~bags.malicious & ~bags.dual).any():
        return held, 0.0
    network = fit_one(bags, others, used_by_attackers(bags, others), seed=100 + fold, where=where.open())
    return held, bags.scores(network)[0][held]


def fit_one(bags, train, known, epochs=12, rate=0.01, decay=3.0, batch=1024, seed=1, dims=8, drop=0.4, hidden=48, where=device.Cpu, say=lambda *_: None):
    """Fits one network that knows those features."""
    network = Network(known, 1 + len(labels.IDS), dims=dims, hidden=hidden, seed=seed, device=where)
    all_rows = where.matrix(bags.known_only(known))
    rng = np.random.default_rng(seed)
    weight = weights(bags.corpus, bags)
    chosen = np.flatnonzero(train & (weight + bags.dual > 0))
    for epoch in range(epochs):
        rows, owner = parts_to_learn(bags, chosen, bags.scores(network, all_rows), epoch, rng)
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
