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


def table(header, rows):
    """Format a table, lists of cells."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def short_table(results):
    """One line a row, for the first README."""
    rows = []
    for r in results:
        sign = "≥" if r["better"] == "higher" else "≤"
        target = "none" if r["target"] is None else f"{sign} {number(r['target'])}"
        cells = [f"{r['metric']}, {r['unit']}", number(r["paper"]), target]
        rows.append([*cells, measured(r), yes(r["met"])])
    return table(["what", "paper", "target", "measured", "met"], rows)


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
    rows = []
    for name, values in also.items():
        sd = np.std(values, ddof=1) if len(values) > 1 else None
        mean = spread(np.mean(values), sd)
        rows.append([name, mean, interval(values)])
    return table(["also", "mean ± sd", "95 % interval of the mean"], rows) + "\n\n"


def interval(values):
    """Format Student's 95 % interval of the mean over seeds."""
    count = len(values)
    if count == 1:
        return "one seed"
    half = stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count)
    return f"{np.mean(values) - half:.5g} to {np.mean(values) + half:.5g}"


def measurement(name):
    """Return what `benchmarks/<name>/` measured, a dictionary."""
    return json.loads((ROOT / "benchmarks" / name / "result.json").read_text())


def provenance(command, result):
    """Say what made a measurement, on what."""
    versions = ", ".join(f"{name} {v}" for name, v in result["versions"].items())
    return (
        f"`{command}` on {result['processor']}; {versions}, commit {result['commit']}."
    )


DEFAULT, TUNED, JAX, LOOP, PYTHAE = (
    "Keras on TensorFlow, default",
    "Keras on TensorFlow, tuned",
    "Keras on JAX",
    "PyTorch loop",
    "pythae",
)
DENSE = ("shallow", "deep", "contractive", "variational")


def speed_ratios(result):
    """What is compared: a description, target, better, and both times over rounds."""
    s = result["seconds"]
    for net in DENSE:
        yield f"{net}: JAX over the PyTorch loop", 1.15, "≥", s[net][LOOP], s[net][JAX]
    for net in (*DENSE, "convolutional"):
        words = f"{net}: TensorFlow, tuned, over the PyTorch loop"
        yield words, 1.0, "≥", s[net][LOOP], s[net][TUNED]
    for engine in (TUNED, JAX):
        words = f"variational: {engine} over pythae's trainer"
        yield words, 2.0, "≥", s["variational"][PYTHAE], s["variational"][engine]
    contractive, without = s["contractive"], s["without penalty"]
    for engine in (DEFAULT, TUNED, JAX):
        words = f"time with the contraction penalty over time without, {engine}"
        yield words, 1.5, "≤", contractive[engine], without[engine]
    for engine, seconds in s["autodiff"].items():
        # Of fewer images: it is slow.
        share = result["images"]["contractive"] / result["images"]["autodiff"]
        scaled = [second * share for second in seconds]
        words = f"time of a Jacobian by autodiff over the closed form, {engine}"
        yield words, 10.0, "≥", scaled, contractive[engine]


def speed_report(_):
    """What `make speed` measured."""
    result = measurement("speed")
    engines = list(result["seconds"]["shallow"])
    operations = 2 * result["matrix"] ** 3 * result["products"]
    peak = operations / min(np.median(s) for s in result["matrices"].values())
    rows = []
    for net, seconds in result["seconds"].items():
        cells = []
        for engine in engines:
            if engine not in seconds:
                cells.append("")
                continue
            rate = result["images"][net] / np.median(seconds[engine])
            share = rate * result["operations"].get(net, math.nan) / peak
            known = "" if math.isnan(share) else f" ({100 * share:.0f} %)"
            cells.append(f"{rate:,.0f}{known}")
        rows.append([net, *cells])
    rates = table(["net", *engines], rows)

    rows = []
    for words, target, sign, above, below in speed_ratios(result):
        ratio = np.median(above) / np.median(below)
        low, high = np.percentile(np.divide(above, below), [25, 75])
        met = ratio >= target if sign == "≥" else ratio <= target
        limits = f"{low:.2f} to {high:.2f}"
        rows.append([words, f"{sign} {target:g}", f"{ratio:.2f}", limits, yes(met)])
    header = ["ratio of medians", "target", "measured", "half of the rounds", "met"]
    ratios = table(header, rows)

    rows = []
    for what, measured in result["doublings"].items():
        sizes = [each[0] for each in measured]
        seconds = [np.median(each[1]) for each in measured]
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        times = ", ".join(f"{second:.2f}" for second in seconds)
        rows.append([what, ", ".join(f"{n:,}" for n in sizes), times, f"{slope:.2f}"])
    cost = table(["doubled", "values", "seconds", "power of growth"], rows)
    return (
        f"{rates}\n\nImages a second, and the share of this processor's peak, "
        f"{peak / 1e9:.0f} thousand million operations a second in matrix products "
        f"of side {result['matrix']}.\n\n{ratios}\n\n{cost}\n\n"
        f"{provenance('make speed', result)}"
    )


def scale_report(_):
    """What `benchmarks/scale/stream.py` measured."""
    result = measurement("scale")
    rows = []
    for backend, counts in result["memory"].items():
        for count, m in counts.items():
            cells = [f"{int(count):,}", f"{m['peak']:.0f}", f"{m['added']:.0f}"]
            rows.append([backend, *cells])
    header = ["backend", "images", "peak memory, MB", "of it added by the pass, MB"]
    memory = table(header, rows)
    rows = []
    for backend, nets in result["speed"].items():
        for net, m in nets.items():
            ratio = np.median(m["array"]) / np.median(m["files"])
            low, high = np.percentile(np.divide(m["array"], m["files"]), [25, 75])
            rates = [
                f"{m['images'] / np.median(m[k]):,.0f}" for k in ("array", "files")
            ]
            limits = f"{low:.2f} to {high:.2f}"
            cells = [f"{ratio:.2f}", limits, yes(ratio >= 0.9)]
            rows.append([backend, net, *rates, *cells])
    header = ["backend", "net", "array, images a second", "files, images a second"]
    header += ["files over array (target ≥ 0.9)", "half of the rounds", "met"]
    return (
        f"{memory}\n\n{table(header, rows)}\n\n"
        f"{provenance('python -m benchmarks.scale.stream', result)}"
    )


TABLES = {
    "short": short_table,
    "long": long_report,
    "speed": speed_report,
    "scale": scale_report,
}


def with_tables(text, results):
    """Return `text` with what stands between its markers written anew."""
    for name, report in TABLES.items():
        if f"<!-- {name} -->" in text:
            text = re.sub(
                rf"(<!-- {name} -->\n).*?(<!-- end -->)",
                lambda match, report=report: f"{match[1]}{report(results)}\n{match[2]}",
                text,
                flags=re.S,
            )
    return text


if __name__ == "__main__":
    for path in (ROOT / "README.md", ROOT / "benchmarks" / "README.md"):
        path.write_text(with_tables(path.read_text(), load()))
