"""Scripts and their labels, read from JSON Lines (optionally zstd).

Each object has at least `content` and `label` (malicious, dual_use or benign); `source`, `cluster`, `kind`,
`techniques` are used where they are there. Content is a string, or {"base64": ...} when it is not UTF-8.
"""

import base64
import io
import json
import pathlib
import subprocess
from dataclasses import dataclass, field

import numpy as np
import zstandard

from . import reviewed


@dataclass
class Corpus:
    """Scripts with what is known of each. `windows` and `passages` are lists of arrays of feature ids, `places` has for each
    window its first passage and how many it has."""

    texts: list = field(default_factory=list)
    label: list = field(default_factory=list)
    source: list = field(default_factory=list)
    cluster: list = field(default_factory=list)
    kind: list = field(default_factory=list)
    hard: list = field(default_factory=list)
    techniques: list = field(default_factory=list)
    # Of a trojan, the source and the cluster of the harmless script that it hides in.
    host_source: list = field(default_factory=list)
    host_cluster: list = field(default_factory=list)
    # Has the generator used an idiom in it that is kept back when it is measured what training did not see?
    kept_back: list = field(default_factory=list)
    windows: list = field(default_factory=list)
    passages: list = field(default_factory=list)
    places: list = field(default_factory=list)
    # What each script does: a number for each of `behaviour_names`, facts first and the `styles` numbers of style last.
    behaviour: list = field(default_factory=list)
    behaviour_names: list = field(default_factory=list)
    styles: int = 0
    # Names of facts that only attackers set off.
    attacks: list = field(default_factory=list)
    suspicious: list = field(default_factory=list)

    def extend(self, other):
        for name in self.__dataclass_fields__:
            if name not in ("behaviour_names", "styles", "attacks", "suspicious"):
                getattr(self, name).extend(getattr(other, name))
        self.behaviour_names, self.styles = other.behaviour_names, other.styles
        self.attacks, self.suspicious = other.attacks, other.suspicious

    def __len__(self):
        return len(self.label)


def lines(path):
    """The objects of a JSON Lines file."""
    with open(path, "rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw) if str(path).endswith(".zst") else raw
        with io.TextIOWrapper(stream, "utf-8") as text:
            for number, line in enumerate(text, 1):
                if not line.strip():
                    continue
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise SystemExit(f"{path}:{number}: not a JSON object: {error}") from error


def text_of(content):
    """The script as bytes."""
    if isinstance(content, dict):
        return base64.b64decode(content["base64"])
    return content.encode("utf-8", "surrogatepass")


def read_features(stream):
    """Yields, for each script of a `sensor features` stream, its windows, its passages and its places."""
    data = np.frombuffer(stream, dtype="<u4")
    at = 0

    def sets():
        nonlocal at
        count = int(data[at])
        at += 1
        found = []
        for _ in range(count):
            size = int(data[at])
            found.append(data[at + 1 : at + 1 + size])
            at += 1 + size
        return found

    while at < len(data):
        windows, passages = sets(), sets()
        places = data[at : at + 2 * len(windows)].reshape(-1, 2)
        at += places.size
        yield windows, passages, places


def read_behaviour(corpus, path, sensor):
    """What the scripts of a file do, as the sensor sees it."""
    done = subprocess.run([sensor, "facts", "--names"], stdout=subprocess.PIPE, check=True)
    names = json.loads(done.stdout)
    place = {name: n for n, name in enumerate(names["facts"])}
    corpus.behaviour_names, corpus.styles = names["facts"] + names["style"], len(names["style"])
    corpus.attacks, corpus.suspicious = names["attacks"], names["suspicious"]
    done = subprocess.run([sensor, "facts", str(path)], stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        row = np.zeros(len(corpus.behaviour_names), np.float32)
        row[[place[fact["fact"]] for fact in said["facts"]]] = 1
        row[len(place) :] = said["style"]
        corpus.behaviour.append(row)


def fingerprint(sensor):
    """Names the definition of the features that the sensor computes."""
    done = subprocess.run([sensor, "features", "--fingerprint"], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


def load(path, sensor):
    """Reads one file, with features computed by the sensor's own code."""
    corpus = Corpus()
    name = pathlib.Path(path).name
    for item in lines(path):
        corpus.texts.append(text_of(item["content"]))
        corpus.label.append(reviewed.label(corpus.texts[-1], item.get("label", "benign")))
        corpus.source.append(item.get("source", name))
        corpus.cluster.append(f"{name}:{item.get('cluster', len(corpus))}")
        corpus.kind.append(item.get("kind") or item.get("family") or "")
        corpus.hard.append(bool(item.get("hard")))
        corpus.techniques.append(item.get("techniques"))
        corpus.host_source.append(item.get("host_source"))
        corpus.host_cluster.append(item.get("host_cluster"))
        corpus.kept_back.append(bool(item.get("kept_back")))
    done = subprocess.run([sensor, "features", str(path)], stdout=subprocess.PIPE, check=True)
    for windows, passages, places in read_features(done.stdout):
        corpus.windows.append(windows)
        corpus.passages.append(passages)
        corpus.places.append(places)
    read_behaviour(corpus, path, sensor)
    if not len(corpus) == len(corpus.windows) == len(corpus.behaviour):
        raise SystemExit(f"{path}: {len(corpus)} scripts, {len(corpus.windows)} sets of features, {len(corpus.behaviour)} of facts")
    return corpus
