"""The model card, from the figures of a training run."""

from .fit import NETWORKS
from .network import PRIOR


def _share(s):
    low, high = s["interval95"]
    return f"{100 * s['share']:.1f} % ({s['found']} of {s['of']}; 95 %: {100 * low:.1f} to {100 * high:.1f})"


def _table(rows):
    return "\n".join(f"| {name} | {_share(value)} |" for name, value in rows.items())


def text(f):
    """Markdown."""
    points = "\n".join(
        f"| `{name}` | {f['thresholds'][name]:.4f} | {_share(f[name]['malicious'])} | {_share(f[name]['false_alarms'])} |"
        for name in ("strict", "balanced", "sensitive")
    )
    return f"""# The script model

**What it does.** Takes the hashed features of a part of a shell script and gives a probability that the script is malicious, and one
for each of 16 MITRE ATT&CK techniques. Parts are windows (up to 96 words); windows of what is left without
the statements that only print, where that is 70 % or less; and, around the two worst windows of the whole text, passages (a line, or two
in a row). A script's score is its worst part's; a passage counts less by the logits that the metadata's `passage.penalty` says.

**How it is built.** 1,048,576 hashed features (words, pairs, triples, command and argument, pipes, sequences, decoded layers; pairs,
arguments, pipes and sequences once more of what the words are about, by the list in `sensor-user/verdict/src/concepts.txt`; see
`sensor-user/verdict/src/features.rs`), of which those are known that attackers use now and then; for each an embedding of 8 values and a
linear weight, both in half precision, summed and divided by the square root of how many are known and {PRIOR:g} more; a hidden layer
of 48; 17 outputs. The logits are the mean of {NETWORKS} such networks. Inputs `features` int64[n] and `ends` int64[sets] (set i has the
features from ends[i - 1] to ends[i]), output `probabilities` float32[sets, 17]; thresholds and penalty are in the ONNX file's metadata.

**Data.** {f['scripts']['malicious']} malicious, {f['scripts']['dual_use']} dual-use and {f['scripts']['benign']} benign scripts from
public sources (not part of this repository), and {f['generated']} scripts written by `model/generator` (attacks of families that the
public ones lack, their harmless twins, and trojans). Technique labels are weak: patterns over the text (`trainer/labels.py`).

**How it was measured.** Leave-sources-out in four parts: every script is scored by a model that has seen no script of its source. A
source's benign scripts count as at most 100, so that one author's style does not decide. Of the generator's scripts all are trained on,
but for trojans in a script that is held out. Who wrote the generator has read this corpus, and wrote some idioms and twins after what these
figures had missed or flagged: they are not wholly of the unseen. What is said below of idioms kept back does not depend on that; but
themes whose idioms were missed there have got more of them, so that it tells of an idiom that has neighbours.

| operating point | threshold | malicious scripts found, unseen sources | benign scripts flagged, unseen sources (unweighted) |
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

With clusters of near-duplicates held out instead of sources, so that other scripts of the same author are known: {_share(f['clusters'])}.

With a fifth of the generator's idioms kept back, its scripts of a single step by one of those (a way to do it that training never saw, a third of
them obfuscated): {_share(f['kept_back'])}.

**Hidden scripts.** Each transform of the generator on up to 150 malicious scripts of each part, sources unseen, at `balanced`; `plain` are the same scripts as
they are, and `tail` puts each behind the last line of a harmless script of 4 to 64 KiB. The transforms themselves are known: the
generator uses them for a third of its attacks.

| transform | found |
| --- | --- |
{_table(f['hidden'])}

Benign scripts flagged at `balanced`, by kind:

| kind | flagged |
| --- | --- |
{_table(f['balanced']['false_alarms_by_kind'])}

**Limits.** Most public malicious scripts are honeypot droppers of one style, and the figures for other sources rest on few scripts. The model sees
words, not effects: a script that fetches a tool for a good reason looks like one that fetches a bad one, and a single step that
administrators take as well (`useradd`, `history -c`, `ufw disable`) is not called malicious. Text it cannot decode (encrypted, or
made from the environment) it cannot judge.

**Retraining.** `cargo xtask train --corpus DIR` with JSON Lines files whose objects have `content`, `label` (malicious, dual_use, benign) and, for
honest figures, `source` and `cluster`. The run is seeded: the same data gives the same figures.
"""
