"""How much of what a model finds it still finds when the same script is hidden: each transform of the generator on
malicious scripts of sources that the model has not seen, and each as the last lines of somebody's harmless script."""

import pathlib
import random
import tempfile

import numpy as np

from generator import obfuscate, scripts

from . import corpus, fit

# Scripts of a part that are transformed, and their longest; long ones would take minutes and add nothing.
SCRIPTS_MAX = 150
BYTES_MAX = 4096
# How long the harmless scripts are.
HOST_BYTES = range(4096, 65536)


def samples(bags, held, seed):
    """Indexes of held-out malicious scripts that can be transformed as text."""
    def fits(i):
        text = bags.corpus.texts[i]
        try:
            return 0 < len(text) <= BYTES_MAX and bool(text.decode("utf-8").strip())
        except UnicodeDecodeError:
            return False

    found = [i for i in np.flatnonzero(held & bags.malicious) if fits(i)]
    return sorted(random.Random(seed).sample(found, min(SCRIPTS_MAX, len(found))))


def scores(bags, held, logits, sensor, seed):
    """`logits` gives those of bags. For each transform, and for "plain", the scores of the same scripts in the same order."""
    chosen = samples(bags, held, seed)
    if not chosen:
        return {}
    plain = [bags.corpus.texts[i].decode("utf-8") for i in chosen]
    hosts = [
        text.decode("utf-8", "replace").rstrip("\n")
        for text, label, there in zip(bags.corpus.texts, bags.corpus.label, held)
        if there and label == "benign" and len(text) in HOST_BYTES
    ]
    transforms = {"plain": lambda text, rng: text, **obfuscate.ALL}
    if hosts:
        transforms["tail"] = lambda text, rng: f"{rng.choice(hosts)}\n{text}"
    items, names = [], list(transforms)
    for name in names:
        for number, text in zip(chosen, plain):
            # One source of chance for each script and transform: adding one changes no other.
            rng = random.Random(f"{seed} {name} {number}")
            items.append({"content": transforms[name](text, rng), "label": "malicious", "source": name})
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "hidden.jsonl"
        scripts.write(path, items)
        found = logits(fit.Bags(corpus.load(path, sensor)))
    return {name: found[i * len(chosen) : (i + 1) * len(chosen)] for i, name in enumerate(names)}
