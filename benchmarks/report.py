"""Write what is made from results: `python -m benchmarks.report`.

The tables in both READMEs, and the cards of the presets.
"""

import json
import math
import re
import statistics
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[1]
PRESETS = ROOT / "aezoo" / "presets"
DATA = {
    "MNIST": "MNIST: 60,000 handwritten digits, by Yann LeCun, Corinna Cortes and "
    "Christopher Burges, CC BY-SA 3.0",
    "faces": "250 faces, of 25 people, and their mirror images, from the Database of "
    "Faces of AT&T Laboratories Cambridge "
    "(1992 to 1994), free of charge with this credit",
    "MovieLens": "MovieLens latest-small (GroupLens, University of Minnesota), under "
    "terms of its own: for research and teaching, no commercial use without "
    "permission",
    "words": "10,000 English words as 384 numbers each, computed with "
    "all-MiniLM-L6-v2 (Apache-2.0)",
}
LICENCES = {
    "MovieLens": "the terms of the ratings hold for what learned from them: "
    "`aezoo/datasets/movielens_small/TERMS.md`.",
}
LOADERS = {
    "MNIST": "_, (x_test, _) = aezoo.datasets.load_mnist()",
    "faces": "_, (x_test, _) = aezoo.datasets.load_faces()",
    "small faces": "_, (x_test, _) = aezoo.datasets.load_faces(size=32)",
    "MovieLens": "(x_train, _), _ = aezoo.datasets.load_ratings()",
    "words": "(x_train, _), (x_test, _) = aezoo.datasets.load_words()",
}
# What one does first with a preset, by its builder.
NEW = """new = model.get_layer("decoder").predict(np.random.normal(size=(10, {})))"""
USES = {
    None: """odds = model.predict(x_test)  # of the ten digits""",
    "classifier_from_encoder": """odds = model.predict(x_test)  # of the ten digits""",
    "variational_autoencoder": NEW.format(50),
    "convolutional_variational_autoencoder": NEW.format(20),
    "conditional_variational_autoencoder": """seven = np.eye(10)[[7] * 10]
mean, log_var = model.get_layer("prior").predict(seven)
z = mean + np.exp(log_var / 2) * np.random.normal(size=mean.shape)
sevens = model.get_layer("decoder").predict([z, seven])""",
    "recommender_autoencoder": """baseline = aezoo.rating_baseline(x_train, damping=2.4)
stars = baseline + model.predict((x_train - baseline).T).T  # clip to 0.5 to 5""",
    "denoising_autoencoder": """noisy = x_test + np.random.normal(0, 0.5, x_test.shape)
clean = model.predict(noisy.clip(0, 1))""",
    "words": """middle = x_train.mean(axis=0)
codes = model.get_layer("encoder").predict(x_test - middle)""",
}
CODES = """codes = model.get_layer("encoder").predict(x_test)"""


def load():
    """Return the rows, dictionaries, in the order in which a reader meets the models.

    A row's name is that of its file.
    """
    paths = (ROOT / "benchmarks" / "results").glob("*.json")
    rows = [{"name": path.stem, **json.loads(path.read_text())} for path in paths]
    return sorted(rows, key=lambda row: (row["lesson"], row["name"]))


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
    """One line a row that a paper or a target judges, for the first README."""
    rows = []
    for r in results:
        if made_for_presets(r):
            continue  # it stands in their table
        cells = [f"{r['metric']}, {r['unit']}", number(r["paper"]), target(r)]
        rows.append([*cells, measured(r), yes(r["met"])])
    return table(["what", "paper", "target", "measured", "met"], rows)


def made_for_presets(result):
    """Return whether a row is there for the sake of its net: they share a name."""
    return result["name"] == result.get("preset", {}).get("name")


def target(result):
    """Format a target as the bound that it is."""
    if result["target"] is None:
        return "none"
    sign = "≥" if result["better"] == "higher" else "≤"
    return f"{sign} {number(result['target'])}"


def ratio(judged):
    """Return the cells of a ratio: measured, half of the rounds, met."""
    low, high = judged["half"]
    limits = f"{low:.2f} to {high:.2f}"
    return [f"{judged['measured']:.2f}", limits, yes(judged["met"])]


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
            f"### {r['name']}\n\n"
            f"{r['metric'][0].upper()}{r['metric'][1:]}, {r['unit']}: "
            f"**{measured(r)}**, {r['better']} is better.\n\n"
            f"Paper: {number(r['paper'])}. "
            f"Target: {number(r['target'])}. Met: {yes(r['met'])}. "
            f"{seeds}.\n\n"
            f"{r['differs']}\n\n"
            f"{also_table(r.get('also', {}))}"
            f"`{command(r)}`, {r['minutes']} minutes a seed on "
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
        # Exactly 0 if all are equal, as NumPy's is not.
        sd = statistics.stdev(values) if len(values) > 1 else None
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

    rows = [[r["what"], target(r), *ratio(r)] for r in result["ratios"]]
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
            rates = [
                f"{m['images'] / np.median(m[k]):,.0f}" for k in ("array", "files")
            ]
            rows.append([backend, net, *rates, *ratio(m["ratio"])])
            bound = target(m["ratio"])  # the same for all
    header = ["backend", "net", "array, images a second", "files, images a second"]
    header += [f"files over array (target {bound})", "half of the rounds", "met"]
    return (
        f"{memory}\n\n{table(header, rows)}\n\n"
        f"{provenance('python -m benchmarks.scale.stream', result)}"
    )


def preset_code(preset):
    """Return code that loads a preset and uses it."""
    data = preset["data"]
    size = "small faces" if preset["name"] == "undercomplete_faces" else data
    use = USES.get(data) or USES.get(preset["builder"], CODES)
    lines = ["import numpy as np", ""] if "np." in use else []
    lines += ["import aezoo", ""]
    lines += [LOADERS[size]] if "x_test" in use or "x_train" in use else []
    lines += [f'model = aezoo.load_preset("{preset["name"]}")', use]
    return "\n".join(lines)


def command(result):
    """Return the command that makes a row, on the backend that made it."""
    backend = result["backend"]
    other = "" if backend == "jax" else f"KERAS_BACKEND={backend} "
    return f"{other}make benchmarks ROW={result['name']}"


def preset_number(preset):
    """Format the number of the weights as they are stored."""
    return f"{preset[preset['stored']]:.5g} {preset['unit']}"


def card(result):
    """Return the card of a row's preset."""
    p = result["preset"]
    made = f"`aezoo.{p['builder']}`" if p["builder"] else "its row's script"
    before, after = p["float32"], p["float16"]
    if p["stored"] == "float16":
        apart = f"{100 * abs(after / before - 1):.2g} % apart"
        stored = f"{after:.6g}, and {before:.6g} before rounding to float16 ({apart})"
    else:
        stored = f"{before:.6g}; float16 would have {after:.6g} and was not used"
    met = "" if result["target"] is None else f"; met: {yes(result['met'])}"
    facts = {
        "Built by": f"{made}; {p['weights']:,} weights, {p['bytes'] / 1000:,.0f} kB.",
        "Trained on": f"{DATA[p['data']]}.",
        "These weights": f"{p['metric']}, {p['unit']}: {stored}.",
        "Their row": f"{result['metric']}, {result['unit']}: {measured(result)}. "
        f"Paper: {number(result['paper'])}. Target: {target(result)}{met}. The weights "
        f"are those of seed {p['seed']}.",
        "Bad at": p["bad_at"],
        "Made by": f"`{command(result)}`, {result['minutes']} "
        f"minutes a seed on {result['processor']}; {result['backend']}, Keras "
        f"{result['versions']['keras']}, commit {result['commit']}.",
        "How": result["differs"],
        "Licence": LICENCES.get(p["data"], "Apache-2.0, as the code."),
    }
    lines = [f"- **{name}**: {fact}" for name, fact in facts.items()]
    code = ["```python", preset_code(p), "```"]
    return "\n".join([f"# {p['name']}", "", p["what"], "", *code, "", *lines, ""])


def presets_table(results):
    """One line a preset, for the first README."""
    rows = []
    for r in results:
        if p := r.get("preset"):
            link = f"[{p['name']}](aezoo/presets/{p['name']}.md)"
            size = f"{p['bytes'] / 1e6:.1f}"
            missed = "" if r["met"] is not False else f" (target {target(r)} missed)"
            what = p["what"].split(". ")[0].rstrip(".")
            rows.append(
                [link, what, f"{p['metric']}: {preset_number(p)}{missed}", size]
            )
    return table(["preset", "what it is", "its number", "MB"], rows)


TABLES = {
    "presets": presets_table,
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
    rows = load()
    for path in (ROOT / "README.md", ROOT / "benchmarks" / "README.md"):
        path.write_text(with_tables(path.read_text(), rows))
    for row in rows:
        if "preset" in row:
            (PRESETS / f"{row['preset']['name']}.md").write_text(card(row))
