"""The second opinion: a small network over what a script does (`sensor facts`), asked about scripts that the first one, which sees words,
finds suspicious.

    second = x l + relu(x A + b) c + d;  logit = g + softplus(FAST first + second + bias)

for scripts whose first logit reaches the gate g; others keep the first. Facts are ones and zeros, numbers of style follow them.
"""

import base64

import numpy as np

from . import fit as first
from . import measure

# The probability that stands for the gate: what flags 1 % of harmless scripts by the first opinion alone.
GATE = 0.2
GATE_LOGIT = float(np.log(GATE / (1 - GATE)))
# Where the softplus is as far above the gate as the balanced operating point is: its logit is 0.
BALANCED_AT = float(np.log(np.expm1(-GATE_LOGIT)))
# The largest logit that the sensor tells from others (`explain.rs`).
LOGIT_MAX = float(np.log((1 - 1e-6) / 1e-6))
# How much the first opinion's logit counts beside the second's. Chosen on the parts that are not reported on: by three folds of them
# 1 finds more where one in a thousand harmless scripts is flagged (69.4 %, 2: 68.1), 2 where one in ten thousand is (58.5 %, 1: 54.6).
FAST = 2.0
# How far above or below what stands in for it when it is late the second opinion is at least: for scripts that were not followed to their
# end (many long ones are not, and padding is easy), that do what is seldom harmless, that do one thing that only attackers do, that and
# another, and three things that only attackers do. Chosen on the parts that are not reported on, where 511 of 2,820 attacks do three of
# them, and one of 39,912 harmless scripts. (Two do eight, most of them long: that is not enough to go by.)
CUT, SUSPICIOUS, ONE, MORE, THREE = -2.0, -2.0, -1.0, 1.0, 6.0
# Things of attackers that so few harmless scripts do, and so many malicious ones of so many sources, have a floor of their own: a few lines
# of harm in a long and careful script are asked about. (In the folds of the parts that are not reported on this changes neither what is
# found nor what is flagged by more than a tenth of a percent: few attacks of the corpus hide so.)
SELDOM, ATTACKS, SOURCES, DECISIVE = 1 / 20_000, 4, 3, 0.1
# Whose words look worse than all but this share of the harmless ones is followed, too, and counts as asked about if it does three things
# that only attackers do, or one that decides.
LOOK = 0.1
# What it learns from: scripts that the first opinion, without having seen their source, takes for worse than all but this share of the
# harmless ones. Only such are ever asked about, and what tells them apart is not what tells attacks from all that is harmless.
NEAR = 0.1
# What the generator writes has few styles: in the second opinion it counts less.
GENERATED = 0.3
# What the malicious ones weigh together, beside the harmless ones.
POSITIVE = 0.35
NETWORKS, HIDDEN, EPOCHS, BATCH = 3, 48, 12, 512
RATE, DECAY, DROP = 3e-3, 1e-4, 0.3


def inputs(corpus):
    """A row for each script: its facts, then its style."""
    return np.stack(corpus.behaviour).astype(np.float32)


def decisive(corpus, harmless, malicious):
    """Names of what only attackers do: seldom any of the harmless scripts, and some of the malicious ones, of several sources. Both are
    masks."""
    x, source = inputs(corpus) > 0, np.array(corpus.source)

    def decides(does):
        attacks = does & malicious
        return (
            (does & harmless).sum() <= SELDOM * harmless.sum()
            and attacks.sum() >= ATTACKS
            and len(set(source[attacks])) >= SOURCES
        )

    return [name for name in corpus.attacks if decides(x[:, corpus.behaviour_names.index(name)])]


def floors(corpus, decisive=()):
    """How much above what stands in for it when it is late the second opinion is at least, whatever care is written around what a
    script does, minus infinity where there is no floor; and who is asked about from lower scores on."""
    x = inputs(corpus)

    def count(which):
        return x[:, [n for n, name in enumerate(corpus.behaviour_names) if name in set(which)]].sum(1)

    attacks, steps = count(corpus.attacks), count(corpus.attacks) + count(corpus.suspicious)
    decides = count(decisive) > 0
    floor = np.where(x[:, corpus.behaviour_names.index("cut")] > 0, CUT, -np.inf)
    rules = [(steps > 0, SUSPICIOUS), (attacks > 0, ONE), ((attacks > 0) & (steps > 1), MORE), (attacks > 2, THREE)]
    rules.append((decides, DECISIVE))
    for does, least in rules:
        floor = np.where(does, np.maximum(floor, least), floor)
    return floor, decides | (attacks > 2)


# Of a script that does nothing that is known.
NONE = (-np.inf, np.False_)


class Opinion:
    """The fitted network, and how it is brought together with the first one."""

    def __init__(self, names, parameters):
        self.names, self.p = names, parameters
        self.decisive = []
        self.gate = self.bias = self.late = 0.0
        # From which logit of the first opinion on a script is followed.
        self.look = GATE_LOGIT

    def second(self, x):
        p = self.p
        return x @ p["l"] + np.maximum(x @ p["A"] + p["b"], 0) @ p["c"] + p["d"][0]

    def calibrate(self, fast, second, placed, sources, floors=NONE):
        """Places the gate and the balanced operating point by harmless scripts: `placed` is their mask."""
        floors, sure = floors
        rates = measure.RATES
        self.gate = measure.threshold(fast[placed], sources[placed], rates["sensitive"])
        moved = self.moved(fast)
        look = measure.threshold(moved[placed], sources[placed], LOOK)
        self.look = min(GATE_LOGIT, float(look))
        asked = self.asked(moved, sure)
        alone = measure.threshold(moved[placed], sources[placed], rates["balanced"])
        # The floors depend on where the operating point is, and the other way round: a few steps agree.
        both, balanced = FAST * moved + second, FAST * alone
        for _ in range(4):
            raised = np.maximum(second, balanced - FAST * alone + floors)
            both = np.where(asked, FAST * moved + raised, -1e9)
            balanced = measure.threshold(both[placed], sources[placed], rates["balanced"])
        self.bias = BALANCED_AT - balanced
        # Stands in for the second where it is late: the first one's balanced operating point is where both have theirs.
        self.late = balanced - FAST * alone

    def moved(self, fast):
        """The first opinion's logits as the sensor knows them: moved so that the gate's is GATE_LOGIT, and taken from a probability of
        single precision."""
        return np.clip(fast - self.gate + GATE_LOGIT, -LOGIT_MAX, LOGIT_MAX)

    def asked(self, moved, sure):
        """Which scripts this opinion is about."""
        return (moved >= GATE_LOGIT) | ((moved >= self.look) & sure)

    def logits(self, fast, second, floors=NONE):
        """Of each script the logit as the sensor computes it; `floors` as the function says."""
        floors, sure = floors
        moved = self.moved(fast)
        asked = self.asked(moved, sure)
        second = np.maximum(second, self.late + floors)
        both = np.minimum(GATE_LOGIT + np.logaddexp(0, FAST * moved + second + self.bias), LOGIT_MAX)
        return np.where(asked, both, moved)

    def metadata(self):
        order = ("A", "b", "c", "l", "d")
        weights = np.concatenate([self.p[name].astype("<f4").ravel() for name in order])
        return {
            "opinion.inputs": " ".join(self.names),
            "opinion.hidden": str(len(self.p["b"])),
            "opinion.weights": base64.b64encode(weights.tobytes()).decode(),
            "opinion.gate": f"{GATE:.6f}",
            "opinion.first": f"{FAST:.6f}",
            "opinion.bias": f"{self.bias:.6f}",
            "opinion.late": f"{self.late:.6f}",
            "opinion.floor.cut": f"{self.late + CUT:.6f}",
            "opinion.floor.suspicious": f"{self.late + SUSPICIOUS:.6f}",
            "opinion.floor.one": f"{self.late + ONE:.6f}",
            "opinion.floor.more": f"{self.late + MORE:.6f}",
            "opinion.floor.three": f"{self.late + THREE:.6f}",
            "opinion.decisive": " ".join(self.decisive),
            "opinion.floor.decisive": f"{self.late + DECISIVE:.6f}",
            "opinion.look": f"{measure.sigmoid(self.look):.6f}",
        }


def fit(bags, train, unseen):
    """Fits networks that differ by chance to the scripts for which `train` is true and which the first opinion suspects, and gives
    their mean. `unseen` is what that says of each without having seen its source."""
    corpus = bags.corpus
    x, weight = inputs(corpus), first.weights(corpus, bags)
    source = np.array(corpus.source)
    generated = np.char.startswith(source, "generator")
    weight[generated] *= GENERATED
    near = train & (weight > 0)
    harmless = near & ~bags.malicious & ~generated
    if harmless.any():
        near &= unseen > measure.threshold(unseen[harmless], source[harmless], NEAR)
    chosen = np.flatnonzero(near)
    # There are fewer harmless ones among them than among all.
    bad = chosen[bags.malicious[chosen]]
    if weight[bad].sum() > 0:
        weight[bad] *= POSITIVE * weight[chosen[~bags.malicious[chosen]]].sum() / weight[bad].sum()
    facts = len(corpus.behaviour_names) - corpus.styles
    each = [_fit_one(x, bags.malicious, weight, chosen, facts, seed) for seed in range(1, NETWORKS + 1)]
    mean = {
        "A": np.concatenate([p["A"] for p in each], axis=1),
        "b": np.concatenate([p["b"] for p in each]),
        "c": np.concatenate([p["c"] for p in each]) / NETWORKS,
        "l": np.mean([p["l"] for p in each], axis=0),
        "d": np.mean([p["d"] for p in each], axis=0),
    }
    opinion = Opinion(corpus.behaviour_names, mean)
    known = train & (first.weights(corpus, bags) > 0) & ~generated
    opinion.decisive = decisive(corpus, known & ~bags.malicious & ~bags.dual, known & bags.malicious)
    return opinion


def _fit_one(x, malicious, weight, chosen, facts, seed):
    rng = np.random.default_rng(seed)
    n = x.shape[1]
    p = {
        "A": rng.normal(0, 1 / np.sqrt(20), (n, HIDDEN)).astype(np.float32),
        "b": np.zeros(HIDDEN, np.float32),
        "c": rng.normal(0, 0.1, HIDDEN).astype(np.float32),
        "l": np.zeros(n, np.float32),
        "d": np.zeros(1, np.float32),
    }
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in p.items()}
    step = 0
    for epoch in range(EPOCHS):
        order = rng.permutation(chosen)
        rate = RATE * (1 - epoch / EPOCHS)
        for at in range(0, len(order), BATCH):
            rows = order[at : at + BATCH]
            part = x[rows].copy()
            # Facts are left out at random, so that no single one carries a script.
            part[:, :facts] *= rng.random((len(rows), facts)) >= DROP
            w = weight[rows]
            z = part @ p["A"] + p["b"]
            h = np.maximum(z, 0)
            error = measure.sigmoid(part @ p["l"] + h @ p["c"] + p["d"][0]) - malicious[rows]
            g = (w * error / w.sum()).astype(np.float32)
            back = np.outer(g, p["c"]) * (z > 0)
            gradient = {"A": part.T @ back, "b": back.sum(0), "c": h.T @ g, "l": part.T @ g, "d": g.sum(keepdims=True)}
            step += 1
            for name, value in p.items():
                slope = gradient[name] + (DECAY * value if name != "d" else 0)
                mean, square = moments[name]
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope * slope - square)
                value -= (rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)).astype(np.float32)
    return p
