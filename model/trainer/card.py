"""The model card, from the figures of a training run."""

from .fit import NETWORKS
from .network import PRIOR
from .opinion import FAST
from .opinion import NETWORKS as OPINIONS


def _share(s):
    low, high = s["interval95"]
    return f"{100 * s['share']:.1f} % ({s['found']} of {s['of']}; 95 %: {100 * low:.1f} to {100 * high:.1f})"


def _part(f, name):
    scripts = f["parts"][name]
    return f"{f['sources'][name]} sources, {scripts['malicious']} malicious and {scripts['benign']} benign scripts"


def _rate(s):
    """Rare enough that a percentage without enough digits would say none."""
    low, high = s["interval95"]
    return f"{100 * s['share']:.3f} % ({s['found']} of {s['of']}; 95 %: {100 * low:.3f} to {100 * high:.3f})"


def _table(rows):
    return "\n".join(f"| {name} | {_share(value)} |" for name, value in rows.items())


def _alone(f):
    words, does = f["alone"]["words"], f["alone"]["behaviour"]
    return "\n".join(f"| {100 * words[k]['rate']:g} % | {_share(words[k]['malicious'])} | {_share(does[k]['malicious'])} |" for k in words)


def _attacked(a):
    rows = [(name, a[name]) for name in ("taught", "kept back") if name in a]
    if not rows:
        return "(none was found)"
    queries = list(rows[0][1]["found_after"])
    head = "| operators | " + " | ".join(f"{n} queries" for n in queries) + " | logit |\n" + "| --- " * (len(queries) + 2) + "|\n"
    return head + "\n".join(
        f"| {name}: {', '.join(row['operators'])} | " + " | ".join(str(row["found_after"][n]) for n in queries) + f" | -{row['median_fall']} |" for name, row in rows
    )


def text(f):
    """Markdown."""
    points = "\n".join(
        f"| `{name}` | {f['thresholds'][name]:.4f} | {_share(f[name]['malicious'])} | {_rate(f[name]['false_alarms'])} |"
        for name in ("strict", "balanced", "sensitive")
    )
    rates = "\n".join(
        f"| {100 * at['rate']:g} % | {_share(at['malicious'])} | {100 * at['weighted']:.1f} % |" for at in f["at_rate"].values()
    )
    return f"""# The script model

**What it does.** Two opinions. The first takes the hashed features of a part of a shell script and gives a probability that the script is malicious, and one
for each of 16 MITRE ATT&CK techniques. Parts are windows (up to 96 words); windows of what is left without
the statements that only print, where that is 70 % or less; and, around the two worst windows of the whole text, passages (a line, or two
in a row). A script's score is its worst part's; a passage counts less by the logits that the metadata's `passage.penalty` says.
Where that reaches the gate, which flags 1 % of harmless scripts, or where it is worse than that of nine in ten of these and the script
does three things that only attackers do, or one that hardly any harmless one does, the second opinion weighs what it does (`sensor facts`):
{f['facts']} facts from an abstract run, and {f['styles']} numbers of style.

**How it is built.** 1,048,576 hashed features (words, pairs, triples, command and argument, pipes, sequences, decoded layers; pairs,
arguments, pipes and sequences once more of what the words are about, by the list in `sensor-user/verdict/src/concepts.txt`; see
`sensor-user/verdict/src/features.rs`), of which those are known that attackers use now and then; for each an embedding of 8 values and a
linear weight, both in half precision, summed and divided by the square root of how many are known and {PRIOR:g} more; a hidden layer
of 48; 17 outputs. The logits are the mean of {NETWORKS} such networks. Inputs `features` int64[n] and `ends` int64[sets] (set i has the
features from ends[i - 1] to ends[i]), output `probabilities` float32[sets, 17]; thresholds and penalty are in the ONNX file's metadata, and so is the second opinion:
a network with a hidden layer and a linear path, the mean of {OPINIONS}; both logits are added, the first one times {FAST:g}.

**Data.** {f['scripts']['malicious']} malicious, {f['scripts']['dual_use']} dual-use and {f['scripts']['benign']} benign scripts from
public sources (not part of this repository), and {f['generated']} scripts written by `model/generator` (attacks of families that the
public ones lack, their harmless twins, and trojans). 922 of the former were written for it: 422 attacks of kinds that are few, and 500
harmless scripts as near to attacks as administrators' work comes. None of these is in the report part. Technique labels are weak: patterns over the text (`trainer/labels.py`).

**How it was measured.** The corpus has three parts that share no source, by the hash of the source's name (`trainer/parts.py`): fit
({_part(f, 'fit')}), tune ({_part(f, 'tune')}) and report ({_part(f, 'report')}). The figures are those of the report part, by a model
that was fitted to the fit part only; nobody has read its errors on the malicious scripts of the report part. (Errors on some of
the harmless ones were read before there were parts.) The model in this directory was then fitted to all of it. A source's benign scripts count as at
most 100 where a threshold is placed, so that one author's style does not decide. Labels are by source; those of malicious scripts were
looked through by readers who saw the text alone and no scores, and what is no attack by its text counts as dual use
(`trainer/reviewed.txt`). A reader also looked at each of the 335 harmless ones that do something that otherwise only attackers do, 127 of
them of the report part: six of these are tests of tools, all of them used for fitting and tuning, none is an attack. A part of the harmless scripts was collected because it looks suspicious, so that their share here is
larger than on a node.

Malicious scripts found where that share of the report part's harmless scripts is flagged (in the last column a source counts as at most 100):

| harmless flagged | found | found, sources weighed |
| --- | --- | --- |
{rates}

By the words alone, and by what the scripts do alone (without the gate):

| harmless flagged | words | behaviour |
| --- | --- | --- |
{_alone(f)}

The same at 0.1 %, by kind:

| kind | found |
| --- | --- |
{_table(f['at_rate']['balanced']['by_kind'])}

At the operating points that are stored in the model (placed by the harmless scripts of tune and report):

| operating point | threshold | malicious scripts found | benign scripts flagged (unweighted) |
| --- | --- | --- | --- |
{points}

Malicious scripts found at `balanced`, by source:

| source | found |
| --- | --- |
{_table(f['balanced']['malicious_by_source'])}

Malicious scripts found at `balanced`, by what they do (weak labels; a script counts for each):

| technique | found |
| --- | --- |
{_table(f['balanced']['malicious_by_technique'])}

| tactic | found |
| --- | --- |
{_table(f['balanced']['malicious_by_tactic'])}

With a fifth of the generator's idioms kept back, its scripts of a single step by one of those (a way to do it that training never saw, a third of
them obfuscated): {_share(f['kept_back'])}.

**Hidden scripts.** Each transform of the generator on up to 150 malicious scripts of the report part, at `balanced`; `plain` are the same scripts as
they are, and `tail` puts each behind the last line of a harmless script of 4 to 64 KiB. The transforms themselves are known: the
generator uses them for a third of its attacks.

| transform | found |
| --- | --- |
{_table(f['hidden'])}

**Attacked.** A search that sees only scores changes {f['attacked']['scripts']} malicious scripts of the report part that are found at `balanced`, without changing
what they do: harmless lines before, between and behind, tests, functions, other names, variables for paths and hosts, other tools. In the training
there are scripts changed by the operators of the first row; those of the second are kept back. How many are still found after so many queries a script, and by
how much the logit fell in the middle of them:

{_attacked(f['attacked'])}

Of the scripts of a Debian installation and of source packages, as they are (`trainer/natural.py`; those of the report part):

| operating point | flagged |
| --- | --- |
{chr(10).join(f"| `{name}` | {_rate(value)} |" for name, value in f['natural'].items())}

Benign scripts flagged at `balanced`, by length:

| from bytes | flagged |
| --- | --- |
{chr(10).join(f"| {name} | {_rate(value)} |" for name, value in f['false_alarms_by_length'].items())}

Benign scripts flagged at `balanced`, by kind:

| kind | flagged |
| --- | --- |
{chr(10).join(f"| {name} | {_rate(value)} |" for name, value in f['balanced']['false_alarms_by_kind'].items())}

**Limits.** Most public malicious scripts are honeypot droppers of one style, and the figures for other sources rest on few scripts. Effects are
looked at only where the words are suspicious already. A script that fetches a tool for a good reason does what one does that fetches a bad one, and a single step that
administrators take as well (`useradd`, `history -c`, `ufw disable`) is not called malicious. Text it cannot decode (encrypted, or
made from the environment) it cannot judge.

**Retraining.** `cargo xtask train --corpus DIR` with JSON Lines files whose objects have `content`, `label` (malicious, dual_use, benign) and, for
honest figures, `source` and `cluster`. The run is seeded: the same data gives the same figures.
"""
