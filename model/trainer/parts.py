"""Three parts of the corpus that never mix, by source: `fit` is trained on, `tune` is for choosing and its errors may be read,
`report` is measured once a model and its errors are never read.

A source's part follows from the hash of its name alone, so that it stays when others are added.
"""

import hashlib
import re
from collections import defaultdict

FIT, TUNE, REPORT = "fit", "tune", "report"
# Up to which share of the hashes a source is of each part.
BOUNDS = ((FIT, 0.5), (TUNE, 0.65), (REPORT, 1.0))
# Sources of malicious scripts whose errors were read before there were parts, and after which the generator got idioms.
READ = {
    "0aff4175b90b64ac", "15f09faeb9f19639", "1ea8c11075b502fd", "272b9e9463d05d4d", "2e97115d621df4bf",
    "3deaa05856f9749d", "697ebd509aa1a400", "7d6ef1eb30ab6c84", "9541a801f6fbed11", "9ce8cfa45eeff548",
    "d89db503c486cf8b", "ecc0cc537e5e1545", "f606b7dad25b2274", "fa016af2e497c1d0", "fe3fb36dca4f7394",
    "fe6c10b4bcb11215",
}

# Sources of scanners: what they say is a list of attacks to look for. Nothing in the text tells them from an attack, so they are
# neither learnt as harmless nor used to place a threshold.
SCANNERS = {"b1581675bc3e0c20"}


def is_scanner(source):
    """Is the source one whose harmless scripts list attacks?"""
    return _digest(source)[:16] in SCANNERS


def _digest(source):
    return hashlib.sha256(f"parts {source}".encode()).hexdigest()


def of_source(source):
    """The part that a source belongs to."""
    digest = _digest(source)
    if source.startswith("generator") or digest[:16] in READ:
        return FIT
    share = int(digest[:8], 16) / 2**32
    return next(part for part, bound in BOUNDS if share < bound)


def of_all(corpus, say=lambda _: None):
    """The part of each source of a corpus. In a small one a part may lack malicious or benign scripts; then the sources are
    dealt out in the order of their hashes."""
    labels = defaultdict(set)
    for source, label in zip(corpus.source, corpus.label):
        labels[source].add(label)
    part_of = {source: of_source(source) for source in labels}
    held = {source for source in labels if not source.startswith("generator")}
    if all(_has_both(labels, part_of, held, part) for part, _ in BOUNDS):
        return part_of
    say("too few sources for parts by hash: they are dealt out")
    for label in ("malicious", "benign"):
        names = sorted((source for source in held if label in labels[source]), key=_digest)
        for number, source in enumerate(names):
            part_of[source] = next(part for part, bound in BOUNDS if (number + 0.5) / len(names) < bound)
    if not all(_has_both(labels, part_of, held, part) for part, _ in BOUNDS):
        raise SystemExit("the corpus has too few sources: each of the three parts needs malicious and benign scripts")
    return part_of


def _has_both(labels, part_of, held, part):
    there = set().union(*(labels[source] for source in held if part_of[source] == part))
    return {"malicious", "benign"} <= there


def trained_on(corpus, part):
    """For each script, whether training may see it when tune and report are held out: nothing of theirs, no near-duplicate
    and no cluster mate of theirs, and no trojan in a script of theirs."""
    held = [p != FIT for p in part]
    texts = [_bare(text) for text in corpus.texts]
    bare = {text for text, out in zip(texts, held) if out}
    clusters = {cluster for cluster, out in zip(corpus.cluster, held) if out}
    part_of = dict(zip(corpus.source, part))
    hosts = [
        part_of.get(source, FIT) != FIT or cluster in clusters
        for source, cluster in zip(corpus.host_source, corpus.host_cluster)
    ]
    return [
        not (out or text in bare or cluster in clusters or host)
        for out, text, cluster, host in zip(held, texts, corpus.cluster, hosts)
    ]


def _bare(text):
    """What is the same of scripts that differ in addresses, numbers and blanks only."""
    return hashlib.sha256(re.sub(rb"[^a-z]+", b" ", text.lower())).digest()
