"""Puts idioms together into scripts: order, wrapping, error handling, comments, names."""

import json
import random
import zlib

from . import attacks, benign, evade, obfuscate
from .grammar import Slots, expand

SHEBANGS = ["#!/bin/bash", "#!/bin/sh", "#!/usr/bin/env bash", "#!/bin/bash\nset -e", "#!/bin/bash\nset -euo pipefail", "#!/bin/sh\nset -eu"]
COMMENTS = ["# setup", "# main", "# cleanup", "# install", "# update system", "# check", "# start service", "# TODO", "# ---------------", "# by {user}", "# version {n}.0", "# {plain} {plain2}"]
FILLER = ["sleep {n}", "cd {tmp}", "export PATH=$PATH:/bin:/usr/bin:/usr/local/bin:/usr/sbin", "echo \"{plain}\"", "ulimit -n 65535", "umask 022", "sync", "echo done", "set +e", "export DEBIAN_FRONTEND=noninteractive",
          "export LC_ALL=C", "{var}=\"{plain}\"", "echo '{plain} started'", "date", "mkdir -p {tmp}", "sleep 1"]

# What scripts say while they work.
CHATTER = ["echo", "echo \"[+] {plain} {plain2}\"", "echo '-----------------------------------------'", "echo \"‹Step¦Stage¦Part› {n}: ‹checking¦preparing¦loading¦starting› {plain} ...\"", "printf '%s\\n' \"‹Please wait¦Working¦Almost done¦One moment›\"",
           "echo -e \"\\e[1;32m‹done¦ok¦{plain}›\\e[0m\"", "echo -e \"\\033[0;31m* ‹Welcome to¦This is¦You are using› {plain} by {user}\\033[0m\"", "echo \"   | {plain}   ‹:¦->¦=›   $‹{var}¦HOSTNAME¦USER¦SHELL›\"", "echo '=================  {plain}  ================='",
           "echo \"‹User¦Host¦Kernel¦Uptime›: $(‹id -un¦hostname¦uname -r¦uptime -p›)\"", "echo '#   {plain2} {plain} {n}.{n}    #'", "sleep {n}", "tput setaf {n}", "clear", "printf '\\n'", "echo \"‹Contact¦Site¦Docs›: {user}@{domain}\""]


def is_kept_back(idiom):
    """Is it one of the fifth of all idioms that a measurement of what training did not see keeps back?"""
    return zlib.crc32(idiom.encode()) % 5 == 0


def body(recipe, slots, used):
    """The steps of one script; the idioms that they come from are added to `used`."""
    rng = slots.rng
    steps = []
    for idioms, low, high in recipe:
        for _ in range(rng.randint(low, high)):
            used.append(rng.choice(idioms))
            steps.append(expand(used[-1], slots))
            # Other names for the next idiom, now and then.
            for key in [k for k in slots.values if k not in ("ip", "domain", "host", "url")]:
                if rng.random() < 0.5:
                    del slots.values[key]
            if rng.random() < 0.2:
                for key in ("ip", "domain", "host", "url", "urlpath"):
                    slots.values.pop(key, None)
    if not steps:
        used.append(rng.choice(recipe[-1][0]))
        steps.append(expand(used[-1], slots))
    return steps


def _indented(step):
    """A here-document ends where its mark begins a line."""
    return step if "<<" in step else "\n".join("  " + line for line in step.split("\n"))


def dress(steps, slots, long_form):
    """Shebang, comments, functions, error handling."""
    rng = slots.rng
    out = []
    # Up to so many lines before each step: what is printed says little about what is done.
    chatter = rng.randrange(1, 12) if long_form and rng.random() < 0.12 else 0
    for step in steps:
        if chatter:
            out += [expand(rng.choice(CHATTER), slots) for _ in range(rng.randrange(chatter + 1))]
        if rng.random() < 0.12 and long_form:
            out.append(expand(rng.choice(COMMENTS), slots))
        if rng.random() < 0.15:
            out.append(expand(rng.choice(FILLER), slots))
        one = "\n" not in step
        roll = rng.random()
        if one and roll < 0.08 and "&" not in step[-2:]:
            step = f"({step}) >/dev/null 2>&1" + rng.choice([" &", "", " || true"])
        elif one and roll < 0.14 and not step.rstrip().endswith("&"):
            step = step + rng.choice([" 2>/dev/null", " || true", " || echo failed", " >/dev/null 2>&1"])
        elif roll < 0.22 and long_form:
            name = slots.make_plain().replace("-", "_")
            step = f"{rng.choice(['', 'function '])}{name}() {{\n{_indented(step)}\n}}\n{name}"
        elif roll < 0.28 and long_form:
            test = expand(rng.choice(['[ "$(id -u)" -eq 0 ]', "[ ! -f {file} ]", "[ -x \"$(command -v curl)\" ]", "[ -d {tmp} ]", "which wget >/dev/null 2>&1", "[ -z \"$1\" ]", "grep -q docker /proc/1/cgroup"]), slots)
            step = f"if {test}; then\n{_indented(step)}\nfi"
        out.append(step)
    text = rng.choice(["\n", "\n", "\n", "; "] if all("\n" not in s and not s.startswith("#") and not s.endswith("&") for s in out) else ["\n"]).join(out)
    if long_form and rng.random() < 0.75:
        text = rng.choice(SHEBANGS) + "\n" + text
    return text


def script(recipe, rng, used):
    slots = Slots(rng)
    return dress(body(recipe, slots, used), slots, long_form=rng.random() < 0.6)


def _item(kind, label, text, number, used=()):
    item = {"content": text, "label": label, "source": f"generator:{kind}", "cluster": f"{kind}-{number}", "kind": kind}
    return item | ({"kept_back": True} if any(map(is_kept_back, used)) else {})


def attack(rng, number):
    family = rng.choices(list(attacks.WEIGHTS), list(attacks.WEIGHTS.values()))[0]
    used = []
    text = script(attacks.FAMILIES[family], rng, used)
    if rng.random() < 0.25:
        text = evade.apply(text, rng)
    if rng.random() < 0.3:
        text = obfuscate.apply(text, rng)
    return _item(family, "malicious", text, number, used)


def twin(rng, number):
    family = rng.choice(sorted(benign.FAMILIES))
    text = script(benign.FAMILIES[family], rng, [])
    if rng.random() < 0.25:
        text = evade.apply(text, rng)
    if rng.random() < 0.08:
        # Encoding and padding alone are no malice.
        text = obfuscate.apply(text, rng, ["base64", "base32", "gzip", "zlib", "codes", "heredoc", "comments", "padding", "variables", "quotes"])
    return _item(f"benign-{family}", "benign", text, number)


def trojan(rng, host, number):
    """An attack of a line or two within somebody's harmless script. `host` is an object with its text as `content`, and
    perhaps its `source` and `cluster`, which the trojan keeps as `host_source` and `host_cluster`."""
    family = rng.choice(["loader", "reverse_shell", "credentials", "persistence", "exfil", "escape", "miner", "c2", "hook", "account", "harvest", "riddle"])
    recipe = [(idioms, min(low, 1), 1 if low else 0) for idioms, low, high in attacks.FAMILIES[family]]
    used = []
    payload = "\n".join(body(recipe, Slots(rng), used))
    if rng.random() < 0.25:
        payload = obfuscate.apply(payload, rng, ["base64", "quotes", "variables", "hex"])
    lines = host["content"].split("\n")
    at = rng.choice([0, len(lines), rng.randrange(len(lines) + 1)])
    item = _item("trojan", "malicious", "\n".join(lines[:at] + [payload] + lines[at:]), number, used)
    return item | {f"host_{key}": host[key] for key in ("source", "cluster") if key in host}


def variant(rng, original, number):
    """A script of the corpus, changed as somebody would who wants another score: its label is that of the original, which is an object as
    `trojan` takes it, with its `label`."""
    item = _item("variant", original["label"], evade.apply(original["content"], rng), number)
    return item | {f"host_{key}": original[key] for key in ("source", "cluster") if key in original}


def generate(seed, attacks_wanted, twins_wanted, hosts=(), trojans_wanted=0):
    """A list of items in the form of the corpus."""
    rng = random.Random(seed)
    items = [attack(rng, i) for i in range(attacks_wanted)]
    items += [twin(rng, i) for i in range(twins_wanted)]
    if hosts:
        items += [trojan(rng, rng.choice(hosts), i) for i in range(trojans_wanted)]
    return items


def write(path, items):
    with open(path, "w", encoding="utf-8") as out:
        for item in items:
            out.write(json.dumps(item) + "\n")
