"""Write the tables of results into both READMEs: `python benchmarks/report.py`."""

import json
import math
import re
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[1]
# In the order in which a reader meets the models.
ROWS = (
    "linear_pca",
    "kl_sparse_self_taught",
    "k_sparse",
    "denoising_psnr",
    "contractive",
    "pretraining",
    "stacked_denoising",
    "deep_gelu",
    "deep_boltzmann",
    "deep_faces",
    "vae_20",
    "vae_burda",
    "vae_free",
)


def load():
    """Return the results that exist, a list of dictionaries."""
    paths = [ROOT / "benchmarks" / "results" / f"{row}.json" for row in ROWS]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def number(value):
    """Format a paper's or a target's number as it was given."""
    return "none" if value is None else f"{value:.5g}"


def measured(result):
    """Return the mean with its standard deviation, or the value of the only seed."""
    text = spread(result["mean"], result["sd"])
    return text if len(result["values"]) > 1 else f"{text} (one seed)"


def spread(mean, sd):
    """Format a mean and a deviation, which may be None, to two digits of it."""
    if not sd:
        return f"{mean:.5g}"
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}"


def short_table(results):
    """One line a row, for the first README."""
    lines = [
        "| what | paper | target | measured | met |",
        "| --- | --- | --- | --- | --- |",
    ]
    for r in results:
        sign = "≥" if r["better"] == "higher" else "≤"
        target = "none" if r["target"] is None else f"{sign} {number(r['target'])}"
        cells = [f"{r['metric']}, {r['unit']}", number(r["paper"]), target]
        lines.append("| " + " | ".join([*cells, measured(r), yes(r["met"])]) + " |")
    return "\n".join(lines)


def yes(met):
    """Return a word that is easy to find where a target was missed."""
    return {True: "yes", False: "**no**", None: "no target"}[met]


def long_report(results):
    """Every field of every row, for the README of this folder."""
    sections = []
    for r in results:
        versions = ", ".join(f"{name} {v}" for name, v in r["versions"].items())
        seeds = "One value a seed: " + ", ".join(f"{v:.6g}" for v in r["values"])
        if len(r["values"]) > 1:
            seeds += f"; 95 % interval of their mean: {interval(r['values'])}"
        sections.append(
            f"### {r['row']}\n\n"
            f"{r['metric'][0].upper()}{r['metric'][1:]}, {r['unit']}: "
            f"**{measured(r)}**, {r['better']} is better.\n\n"
            f"Paper: {number(r['paper'])}. "
            f"Target: {number(r['target'])}. Met: {yes(r['met'])}. "
            f"{seeds}.\n\n"
            f"{r['differs']}\n\n"
            f"{also_table(r.get('also', {}))}"
            f"`make benchmarks ROW={r['row']}`, {r['minutes']} minutes a seed on "
            f"{r['processor']}; {r['backend']} backend, {versions}, "
            f"commit {r['commit']}."
        )
    return "\n\n".join(sections)


def also_table(also):
    """What else the seeds measured, with the interval that holds its mean."""
    if not also:
        return ""
    lines = ["| also | mean ± sd | 95 % interval of the mean |", "| --- | --- | --- |"]
    for name, values in also.items():
        sd = np.std(values, ddof=1) if len(values) > 1 else None
        mean = spread(np.mean(values), sd)
        lines.append(f"| {name} | {mean} | {interval(values)} |")
    return "\n".join(lines) + "\n\n"


def interval(values):
    """Format Student's 95 % interval of the mean over seeds."""
    count = len(values)
    if count == 1:
        return "one seed"
    half = stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count)
    return f"{np.mean(values) - half:.5g} to {np.mean(values) + half:.5g}"


def with_tables(text, results):
    """Return `text` with what stands between its markers written anew."""
    for name, table in (("short", short_table), ("long", long_report)):
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, table=table: f"{match[1]}{table(results)}\n{match[2]}",
            text,
            flags=re.S,
        )
    return text


if __name__ == "__main__":
    for path in (ROOT / "README.md", ROOT / "benchmarks" / "README.md"):
        path.write_text(with_tables(path.read_text(), load()))
