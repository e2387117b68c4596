"""`python -m trainer`: from a directory of scripts to a model, its vectors and its card."""

import argparse
import json
import os
import pathlib
import random
import tempfile

# The networks are fitted side by side, a core each: BLAS threads besides would wait for each other. Read when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from generator import scripts

from . import attack, card, corpus, device, export, fit, measure, opinion, parts, report
from . import hidden as hidden_scripts

# What the generator adds: enough of each family to be learnt, few enough that the corpus still counts.
ATTACKS, TWINS, TROJANS = 28000, 24000, 2500
# Variants of the corpus's harmless scripts; of its malicious ones there is one each.
VARIANTS = 3000
SEED = 1


def say(text):
    print(text, flush=True)


def read(directory, sensor, share):
    """All files of the corpus, and that share of what the generator writes."""
    everything = corpus.Corpus()
    paths = sorted(p for p in pathlib.Path(directory).iterdir() if p.name.endswith((".jsonl", ".jsonl.zst")))
    if not paths:
        raise SystemExit(f"{directory}: no .jsonl or .jsonl.zst files")
    for path in paths:
        say(f"reading {path.name}")
        everything.extend(corpus.load(path, sensor))
    everything.label = [
        "dual_use" if parts.is_scanner(source) else label for source, label in zip(everything.source, everything.label)
    ]
    hosts = [
        {"content": text.decode("utf-8", "replace"), "source": source, "cluster": cluster}
        for text, label, source, cluster in zip(everything.texts, everything.label, everything.source, everything.cluster)
        if label == "benign" and 200 < len(text) < 8000
    ]
    say("writing scripts of families that the corpus lacks")
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "generated.jsonl"
        attacks, twins, trojans = (int(share * count) for count in (ATTACKS, TWINS, TROJANS))
        items = scripts.generate(SEED, attacks, twins, hosts, trojans)
        items += variants(everything, hosts, int(share * VARIANTS))
        scripts.write(path, items)
        everything.extend(corpus.load(path, sensor))
    return everything


def variants(everything, hosts, harmless):
    """Scripts of the corpus, changed as an evader would: each short malicious one, and some of the harmless ones."""
    rng = random.Random(SEED)
    originals = [
        {"content": text.decode("utf-8", "replace"), "source": source, "cluster": cluster, "label": label}
        for text, label, source, cluster in zip(everything.texts, everything.label, everything.source, everything.cluster)
        if label == "malicious" and len(text) < 8000
    ]
    originals += [host | {"label": "benign"} for host in rng.sample(hosts, min(harmless, len(hosts)))]
    return [scripts.variant(rng, original, number) for number, original in enumerate(originals)]


class Model:
    """Both opinions."""

    def __init__(self, bags, train, where, said=lambda *_: None):
        self.network = fit.fit(bags, train, where, said)
        self.opinion = opinion.fit(bags, train, fit.unseen(bags, train, where))

    def fast(self, bags):
        return bags.scores(self.network)[0]

    def second(self, bags):
        return self.opinion.second(opinion.inputs(bags.corpus))

    def calibrate(self, bags, placed):
        self.opinion.calibrate(self.fast(bags), self.second(bags), placed, np.array(bags.corpus.source), opinion.floors(bags.corpus, self.opinion.decisive))

    def logits(self, bags):
        """Of each script the logit as the sensor computes it."""
        return self.opinion.logits(self.fast(bags), self.second(bags), opinion.floors(bags.corpus, self.opinion.decisive))


def of_kept_back_idioms(bags, where, placed):
    """Scores of generated attacks of one step by a model that was trained without that step's idiom."""
    kept_back = np.array(bags.corpus.kept_back)
    of_one_step = np.array(bags.corpus.kind) == "step"
    say(f"leave-idioms-out: {kept_back.sum()} generated scripts held out")
    model = Model(bags, ~kept_back, where)
    model.calibrate(bags, placed)
    return model.logits(bags)[kept_back & of_one_step]


def main():
    parser = argparse.ArgumentParser(prog="trainer")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--sensor", required=True, help="the sensor's binary, which computes the features")
    parser.add_argument("--report", required=True, type=pathlib.Path, help="the page; it quotes scripts of the corpus")
    parser.add_argument("--generated", type=float, default=1.0, help="how much of the generator's scripts to add, as a share")
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args()
    if not 0 <= arguments.generated <= 1:
        parser.error(f"--generated {arguments.generated}: a share is from 0 to 1")
    out = pathlib.Path(arguments.out)
    everything = read(arguments.corpus, arguments.sensor, arguments.generated)
    say(f"{len(everything)} scripts, {sum(map(len, everything.windows))} windows, {sum(map(len, everything.passages))} passages")
    bags = fit.Bags(everything)
    where = device.choose(say, fit.of_a_few_steps)

    part_of = parts.of_all(everything, say)
    part = np.array([part_of[source] for source in everything.source])
    train = np.array(parts.trained_on(everything, part))
    say(f"held out: {(part == parts.TUNE).sum()} scripts to tune by, {(part == parts.REPORT).sum()} to report on")
    model = Model(bags, train, where)
    # The thresholds need as many harmless scripts as there are; what is found does not depend on which these are.
    placed = (part != parts.FIT) & (np.array(everything.label) == "benign")
    model.calibrate(bags, placed)
    calibrated = model.opinion
    scores = model.logits(bags)
    hidden = hidden_scripts.scores(bags, part == parts.REPORT, model.logits, arguments.sensor, SEED)
    figures = measure.figures(bags, scores, part, hidden, of_kept_back_idioms(bags, where, placed))
    say("attacking")
    figures["attacked"] = attack.figures(bags, scores, part == parts.REPORT, model.logits, arguments.sensor, SEED)
    figures["facts"], figures["styles"] = len(everything.behaviour_names) - everything.styles, everything.styles
    # What the first opinion alone would find, and the second.
    figures["alone"] = {
        name: measure.at_rates(bags, alone, part) for name, alone in (("words", model.fast(bags)), ("behaviour", model.second(bags)))
    }
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(report.text(bags, scores, part, figures), encoding="utf-8")
    say(f"wrote {arguments.report}")
    old = out / "metrics.json"
    if old.exists() and not arguments.force:
        before = json.loads(old.read_text())["headline"]
        if before > figures["headline"]:
            raise SystemExit(
                f"the model in {out} measured better ({before:.3f} of the report part's malicious scripts found at 0.1 % false alarms, "
                f"now {figures['headline']:.3f}): nothing was written; --force overwrites it"
            )

    say("fitting to everything")
    model = Model(bags, np.ones(len(everything), bool), where, say)
    for name in ("gate", "bias", "late", "look"):
        setattr(model.opinion, name, getattr(calibrated, name))
    # The first opinion's logits are moved so that the gate has its own.
    bias = opinion.GATE_LOGIT - calibrated.gate
    points = {name: float(measure.sigmoid(logit)) for name, logit in figures["logits"].items()}
    # Whatever passes the gate is what the sensitive operating point takes.
    points["sensitive"] = opinion.GATE
    out.mkdir(parents=True, exist_ok=True)
    metadata = {f"threshold.{name}": f"{p:.6f}" for name, p in points.items()}
    metadata["passage.penalty"] = f"{fit.PASSAGE_PENALTY:.6f}"
    metadata["features.sha256"] = corpus.fingerprint(arguments.sensor)
    export.to_onnx(model.network, out / "script.onnx", bias, 1.0, metadata | model.opinion.metadata())
    figures["thresholds"] = points
    write_vectors(out, model, arguments.sensor)
    old.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    (out / "CARD.md").write_text(card.text(figures))
    say(f"wrote {out}/script.onnx, vectors.jsonl, metrics.json and CARD.md")


def write_vectors(out, model, sensor):
    """Texts of the project's own with the trainer's scores, for the sensor's test; some of them of many windows."""
    items = scripts.generate(99, 30, 30)
    twins = scripts.generate(98, 0, 100)
    long = [twin | {"content": "\n".join(t["content"] for t in twins[n : n + 20])} for n, twin in zip(range(0, 100, 20), twins)]
    items += long + scripts.generate(97, 0, 0, long, 8)
    for number, item in enumerate(items):
        item["id"] = f"vector-{number}"
    path = out / "vectors.jsonl"
    scripts.write(path, items)
    vectors = corpus.load(path, sensor)
    bags = fit.Bags(vectors)
    scores = measure.sigmoid(model.logits(bags))
    for item, score in zip(items, scores):
        item["score"] = round(float(score), 6)
    scripts.write(path, items)


if __name__ == "__main__":
    main()
