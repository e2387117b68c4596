"""Ways to change a script without changing what it does, as somebody would who wants it to score lower. Each takes a script
and a random source. Unlike those of `obfuscate` they hide no words: they dilute, rename, move and replace."""

import re
import zlib

from . import benign
from .grammar import Slots, expand

# A fifth of the operators, by the hash of their names, is kept back: never trained on, so that they can measure what the others taught.
KEPT_BACK_OF = 5

_PATH = re.compile(r"(?<![\w/.$~-])(/(?:tmp|var/tmp|dev/shm|opt|usr/local|etc|root|home|var)/[\w./-]+)")
_URL = re.compile(r"https?://[\w.:-]+(/[\w./-]*)?")
_LINE = re.compile(r"^(curl|wget|chmod|rm|cp|mv|mkdir|nohup|crontab|systemctl|service|kill|pkill|useradd|tar|scp|ssh|nc|chattr|iptables) [^|&;<>()`'\"\\$]*$")

_REPLACEMENTS = (
    (re.compile(r"\bchmod \+x ([^\s;|&()'\"`]+)"), ["chmod 755 {0}", "chmod u+x {0}", "install -m 755 {0} {0}.new && mv {0}.new {0}", "setfacl -m u::rwx {0}"]),
    (re.compile(r"\brm -rf? ([^\s;|&()'\"`]+)"), ["unlink {0}", "find {0} -delete", "perl -e 'unlink shift' {0}", "python3 -c 'import os,sys;os.remove(sys.argv[1])' {0}"]),
    (re.compile(r"\bcurl (?:-[a-zA-Z]+ )*(https?://\S+) \| (?:ba)?sh\b"), ["wget -qO- {0} | bash", "source <(curl -fsSL {0})", "bash -c \"$(curl -fsSL {0})\"", "python3 -c 'import urllib.request as u,sys;sys.stdout.buffer.write(u.urlopen(sys.argv[1]).read())' {0} | sh"]),
    (re.compile(r"\bcurl -o (\S+) (https?://\S+)"), ["wget -O {0} {1}", "curl --output {0} {1}", "python3 -c 'import urllib.request as u,sys;u.urlretrieve(*sys.argv[1:])' {1} {0}"]),
    (re.compile(r"\bwget -O (\S+) (https?://\S+)"), ["curl -o {0} {1}", "curl -fsSL {1} > {0}", "aria2c -o {0} {1}"]),
    (re.compile(r"\bnohup (\S+) (.*)&$", re.M), ["setsid {0} {1}&", "({0} {1}&)", "{0} {1}& disown", "systemd-run {0} {1}"]),
    (re.compile(r"\bcat (/\S+)(?= \|)"), ["head -c 1000000 {0}", "sed '' {0}", "dd if={0} status=none", "awk 1 {0}"]),
    (re.compile(r"\bbase64 -d\b"), ["openssl base64 -d -A", "base64 --decode", "python3 -m base64 -d"]),
    (re.compile(r"\bsh (/\S+)"), [". {0}", "bash {0}", "env sh {0}", "/bin/dash {0}"]),
)


def _twin(rng):
    """Harmless lines of the generator's own, whole statements all of them."""
    recipe = benign.FAMILIES[rng.choice(["admin", "entrypoint", "installer", "plain"])]
    slots = Slots(rng)
    steps = [expand(rng.choice(idioms), slots) for idioms, low, high in recipe for _ in range(rng.randint(low, high))]
    return "\n".join(steps) or "true"


def before(text, rng):
    return "\n".join(_twin(rng) for _ in range(rng.randrange(1, 6))) + "\n" + text


def behind(text, rng):
    return text + "\n" + "\n".join(_twin(rng) for _ in range(rng.randrange(1, 6)))


def between(text, rng):
    """Harmless lines within, where a line ends a statement."""
    if "<<" in text:
        return behind(before(text, rng), rng)
    out, depth, quotes = [], 0, 0
    for line in text.split("\n"):
        out.append(line)
        quotes += sum(map(line.count, "'\"`"))
        depth += len(re.findall(r"\b(?:if|case|for|while|until)\b|[{(]", line)) - len(re.findall(r"\b(?:fi|esac|done)\b|[})]", line))
        if depth == 0 and quotes % 2 == 0 and rng.random() < 0.5 and not line.rstrip().endswith(("|", "&&", "\\")):
            out.append(_twin(rng))
    return "\n".join(out)


def header(text, rng):
    """What careful people write: a licence, a usage, strict settings, a clean-up."""
    name = Slots(rng).make_plain()
    parts = [
        f"# {name}: sets up {rng.choice(['the service', 'the node', 'the environment', 'monitoring'])}\n#\n# Licensed under the Apache License, Version 2.0",
        "set -euo pipefail",
        f"usage() {{\n  echo \"Usage: $0 [-h] [-v] [{name}]\"\n  exit 1\n}}\nwhile getopts hv o; do case $o in h) usage ;; v) set -x ;; esac; done",
        "log() { echo \"$(date +%T) $*\"; }\nlog starting",
        "trap 'rm -f \"$work\"' EXIT\nwork=$(mktemp)",
    ]
    shebang, rest = (text.split("\n", 1) + [""])[:2] if text.startswith("#!") else ("#!/bin/bash", text)
    return "\n".join([shebang, *rng.sample(parts, rng.randrange(1, len(parts) + 1)), rest])


def paths(text, rng):
    """Paths by variables."""
    head = []

    def change(found):
        path = found.group(1)
        if rng.random() < 0.3:
            return path
        name, at = Slots(rng).make_plain().replace("-", "_").upper() + str(len(head)), path.rfind("/")
        head.append(f"{name}={path[:at] or '/'}")
        return f"${{{name}}}{path[at:]}"

    if "'" in text or text.startswith("#!") and "<<" in text:
        return text
    body = _PATH.sub(change, text)
    return "\n".join([*head, body])


def urls(text, rng):
    """Addresses by variables."""
    head = []

    def change(found):
        name = rng.choice(["BASE", "MIRROR", "REPO", "SOURCE", "HOST"]) + str(len(head))
        whole = found.group(0)
        path = found.group(1) or ""
        head.append(f"{name}={whole[: len(whole) - len(path)]}")
        return f"${{{name}}}{path}"

    if "'" in text:
        return text
    body = _URL.sub(change, text)
    return "\n".join([*head, body])


def hosted(text, rng):
    """From a code host, as a release, and not from an address."""
    def change(found):
        name = (found.group(1) or "/install.sh").rsplit("/", 1)[-1] or "install.sh"
        slots = Slots(rng)
        return f"https://github.com/{slots.make_plain()}/{slots.make_plain()}/releases/download/v1.{rng.randrange(9)}/{name}"
    return _URL.sub(change, text)


def renamed(text, rng):
    """Files by names that packages have."""
    names = {}

    def change(found):
        path = found.group(1)
        if not path.startswith(("/tmp/", "/var/tmp/", "/dev/shm/")):
            return path
        slots = Slots(rng)
        return names.setdefault(path, rng.choice(["/var/lib/{0}/{1}", "/opt/{0}/bin/{1}", "/usr/local/lib/{0}/{1}", "/var/cache/{0}/{1}"]).format(slots.make_plain(), slots.make_plain()))

    return _PATH.sub(change, text)


def function(text, rng):
    """All of it in a function."""
    name = Slots(rng).make_plain().replace("-", "_")
    return f"{name}() {{\n{text}\n}}\n{name} \"$@\"" if "<<" not in text else text


def through(text, rng):
    """Commands by a function that runs its arguments."""
    name = rng.choice(["run", "try", "do_it", "exec_step", "must"])
    lines = [f"{name} {line}" if _LINE.match(line) and rng.random() < 0.8 else line for line in text.split("\n")]
    return "\n".join([f'{name}() {{ "$@" || echo "failed: $*"; }}', *lines])


def checked(text, rng):
    """Tests before what is done."""
    return "\n".join(
        f"command -v {line.split()[0]} >/dev/null 2>&1 && {line}" if _LINE.match(line) and rng.random() < 0.7 else line for line in text.split("\n")
    )


def tools(text, rng):
    """Other tools to the same effect. What is quoted gets no quotes of its own."""
    def change(found, others):
        before = found.string[found.string.rfind("\n", 0, found.start()) + 1 : found.start()]
        fit = [other for other in others if not re.search("['\"]", before) or not re.search("['\"]", other)]
        return rng.choice(fit).format(*found.groups()) if fit else found.group(0)

    for pattern, others in _REPLACEMENTS:
        text = pattern.sub(lambda found: change(found, others), text)
    return text


def indirect(text, rng):
    """Its lines in variables that are evaluated."""
    lines = text.split("\n")
    out = []
    for number, line in enumerate(lines):
        if _LINE.match(line) and rng.random() < 0.6:
            out += [f"step{number}=\"{line}\"", rng.choice([f"eval \"$step{number}\"", f"$step{number}", f"sh -c \"$step{number}\""])]
        else:
            out.append(line)
    return "\n".join(out)


ALL = {
    "before": before, "behind": behind, "between": between, "header": header, "paths": paths, "urls": urls, "hosted": hosted, "renamed": renamed,
    "function": function, "through": through, "checked": checked, "tools": tools, "indirect": indirect,
}
# What comes from a code host may be harmless: an attack that is moved there cannot be taught as one.
KEPT_BACK = sorted(name for name in ALL if name == "hosted" or zlib.crc32(name.encode()) % KEPT_BACK_OF == 0)
TAUGHT = sorted(set(ALL) - set(KEPT_BACK))


def apply(text, rng, names=None, most=3):
    """Some of the operators, one after the other."""
    for name in rng.choices(names or TAUGHT, k=rng.randint(1, most)):
        text = ALL[name](text, rng)
    return text
