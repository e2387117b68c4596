"""The report of a training run: one HTML page, for the eyes of whoever trained. It quotes scripts of the corpus, so it is
written beside the build's products and not beside the model."""

import html
import io

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from . import parts

# Worst errors shown of each kind, and how much of each script.
ERRORS, EXCERPT = 25, 600
STYLE = """
:root { color-scheme: light; } body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #d0d7de; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } pre { background: #f6f8fa; padding: .6rem; overflow: auto; max-height: 16rem; white-space: pre-wrap;
overflow-wrap: anywhere; } svg { max-width: 100%; height: auto; }
"""


def _figure(draw):
    figure, axes = plt.subplots(figsize=(9, 4.2))
    draw(axes)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    out = io.StringIO()
    # No date and no random names: the same run writes the same page.
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    return text[text.index("<svg") :]


def _roc(curves, logits):
    def draw(axes):
        for name, (benign, malicious) in curves.items():
            at = np.sort(benign)[::-1]
            rates = np.arange(1, len(at) + 1) / len(at)
            found = 1 - np.searchsorted(np.sort(malicious), at, side="right") / len(malicious)
            axes.plot(rates, found, label=name, drawstyle="steps-post")
        for name, logit in logits.items():
            benign, malicious = next(iter(curves.values()))
            axes.plot([max((benign > logit).mean(), 1e-5)], [(malicious > logit).mean()], "o", label=name)
        axes.set(xscale="log", xlim=(1e-5, 0.1), ylim=(0, 1), xlabel="benign scripts flagged", ylabel="malicious scripts found")
        axes.legend(loc="lower right")

    return _figure(draw)


def _histogram(benign, malicious, dual, logits):
    def draw(axes):
        bins = np.linspace(min(benign.min(), malicious.min()), max(benign.max(), malicious.max()), 80)
        for name, scores in (("benign", benign), ("dual use", dual), ("malicious", malicious)):
            if len(scores):
                axes.hist(scores, bins, alpha=0.5, label=name)
        for name, logit in logits.items():
            axes.axvline(logit, color="black", linewidth=0.8)
            axes.annotate(name, (logit, axes.get_ylim()[1]), rotation=90, va="top", ha="right", fontsize=8)
        axes.set(yscale="log", xlabel="score (logit), by a model that saw none of the script's source", ylabel="scripts")
        axes.legend()

    return _figure(draw)


def _share(s):
    low, high = s["interval95"]
    return f"<td class=n>{100 * s['share']:.2f} %</td><td class=n>{s['found']} of {s['of']}</td><td class=n>{100 * low:.1f} to {100 * high:.1f}</td>"


def _table(title, rows):
    body = "".join(f"<tr><td>{html.escape(name)}</td>{_share(value)}</tr>" for name, value in rows.items())
    return f"<h3>{html.escape(title)}</h3><table><tr><th></th><th>share</th><th>scripts</th><th>95 %</th></tr>{body}</table>"


def _errors(title, corpus, scores, chosen):
    parts = []
    for i in chosen:
        text = corpus.texts[i][:EXCERPT].decode("utf-8", "replace")
        head = f"{scores[i]:+.2f} · {corpus.kind[i] or corpus.label[i]} · {corpus.source[i]} · {len(corpus.texts[i])} bytes"
        parts.append(f"<p>{html.escape(head)}</p><pre>{html.escape(text)}</pre>")
    return f"<h3>{html.escape(title)}</h3>{''.join(parts)}"


def text(bags, scores, part, figures):
    """The page. Curves are of the report part. Errors are shown of the part to tune by only: those of the other are not to
    be read."""
    corpus = bags.corpus
    label = np.array(corpus.label)
    of = lambda name, which=parts.REPORT: scores[(part == which) & (label == name)]
    curves = {name: (of("benign", name), of("malicious", name)) for name in (parts.REPORT, parts.TUNE)}
    held = part == parts.TUNE
    logits = figures["logits"]
    balanced = figures["balanced"]
    missed = [i for i in np.argsort(scores) if held[i] and label[i] == "malicious" and scores[i] <= logits["balanced"]][:ERRORS]
    alarms = [i for i in np.argsort(-scores) if held[i] and label[i] == "benign" and scores[i] > logits["balanced"]][:ERRORS]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Training report</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{STYLE}</style></head><body>
<h1>Training report</h1>
<p>{figures['scripts']['malicious']} malicious, {figures['scripts']['dual_use']} dual-use and {figures['scripts']['benign']} benign scripts;
{figures['generated']} generated ones were trained on and not measured. Every score is by a model that saw no script of the same source.</p>
<h2>Found, by false alarms</h2>{_roc(curves, logits)}
<h2>Scores</h2>{_histogram(of('benign'), of('malicious'), of('dual_use'), logits)}
<h2>At the operating point balanced</h2>
{_table('Malicious scripts found, by source', balanced['malicious_by_source'])}
{_table('Malicious scripts found, by technique', balanced['malicious_by_technique'])}
{_table('Malicious scripts found, by tactic', balanced['malicious_by_tactic'])}
{_table('Malicious scripts found when hidden, by transform', figures['hidden'])}
{_table('Generated attacks of one step found, its idiom kept back from training', {'all': figures['kept_back']})}
{_table('Benign scripts flagged, by kind', balanced['false_alarms_by_kind'])}
{_table('Benign scripts flagged, by source', balanced['false_alarms_by_source'])}
<h2>Worst errors of the part to tune by</h2>
{_errors('Malicious scripts missed, the harmless-looking first', corpus, scores, missed)}
{_errors('Benign scripts flagged, the worst first', corpus, scores, alarms)}
</body></html>
"""
