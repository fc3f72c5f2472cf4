"""Build the site, offline: `make site` writes it to build/site.

Its pages are those of the repository, under the paths that they have there. What is no
page yet is made here from docstrings, results and lessons: the gallery, a page for each
file of the package, the assignments as students get them.
"""

import argparse
import ast
import base64
import functools
import importlib
import importlib.metadata
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path, PurePosixPath

import nbformat
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions
from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import aezoo  # noqa: E402
from benchmarks import report  # noqa: E402

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "site/when_it_goes_wrong.md",
    "notebooks/assignments/README.md",
    "aezoo/datasets/movielens_small/TERMS.md",
]
README = (ROOT / "README.md").read_text()
ROWS = report.load()
# Folders that a page links to, and the page that shows them.
FOLDERS = {
    "notebooks/solutions": "notebooks/solutions/index.md",
    "benchmarks/papers": "benchmarks/README.md",
    "benchmarks/results": "benchmarks/README.md",
}
# The gallery: a file, the figure that shows its model, by lesson and title.
PICTURES = {
    "linear": (2, "Ten principal components"),
    "undercomplete": (3, "What the decoder draws"),
    "sparse": (4, "A 7: the"),
    "denoising": (5, "Only the network cleans"),
    "contractive": (6, "A 7, and the ten changes"),
    "stacked": (7, "Through more and more layers"),
    "boltzmann": (7, "Dreams"),
    "convolutional": (8, "Ten test digits"),
    "variational": (9, "Thirty codes drawn"),
    "convolutional_variational": (9, "New faces"),
    "conditional": (10, "Each column is one draw"),
    "recommender": (11, "Counted as zeros"),
}


def main(output):
    """Write the pages to `<output>-source` and the site to `output`."""
    source = output.with_name(f"{output.name}-source")
    for folder, mark in ((source, "conf.py"), (output, ".buildinfo")):
        if folder.exists() and any(folder.iterdir()):
            if not (folder / mark).exists():
                sys.exit(f"{folder} is not empty, and no site: it is left as it is.")
            shutil.rmtree(folder)
    pages = {path: (ROOT / path).read_text() for path in PAGES}
    pages |= {path: module_page(path) for path in files_of_the_package()}
    pages |= {card(row): (ROOT / card(row)).read_text() for row in presets()}
    pages |= index_pages()
    pages["notebooks/assignments/README.md"] += toctree(
        [PurePosixPath(path).stem for path in notebooks("assignments/[0-9]*")]
    )
    terms = "aezoo/datasets/movielens_small/TERMS.md"  # linked, and in no menu
    pages[terms] = "---\norphan: true\n---\n" + pages[terms]
    for path, text in pages.items():
        write(source, path.replace(".py", ".md"), relinked(text, path, source))
    for path in notebooks("[0-9]*") + notebooks("solutions/[0-9]*"):
        write(source, path, lesson_page(path, source))
    for path in notebooks("assignments/[0-9]*"):
        write(source, path, assignment_page(path, source))
    pictures(source)
    shutil.copy(ROOT / "site" / "conf.py", source)
    shutil.copytree(ROOT / "site" / "static", source / "static")
    shutil.copy(mathjax(), source / "static")
    failed = build_main(
        ["-W", "--keep-going", "-q", "-b", "html", "-j", "auto"]
        + ["-c", str(source), "-d", f"{source}/doctrees", str(source), str(output)]
    )
    if failed:
        sys.exit(failed)
    (output / "_sources").rmdir()  # empty
    print(output / "index.html")


def write(source, path, text):
    """Write a page of the source."""
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    (source / path).write_text(text)


def notebooks(pattern):
    """Return paths of notebooks, in order, from the root of the repository."""
    found = sorted((ROOT / "notebooks").glob(f"{pattern}.ipynb"))
    return [path.relative_to(ROOT).as_posix() for path in found]


@functools.cache
def files_of_the_package():
    """Return the path of each file that exports something."""
    files = {f"aezoo/{module}.py": names for module, names in exported().items()}
    return sorted([*files, "aezoo/datasets/__init__.py", "aezoo/plots.py"])


@functools.cache
def exported():
    """Return the public names of each file of the package, `{"linear": [...]}`."""
    files = {}
    for name in aezoo.__all__:
        files.setdefault(getattr(aezoo, name).__module__.split(".")[1], []).append(name)
    # Functions first: a builder comes before its layer.
    return {file: sorted(names, key=str.swapcase) for file, names in files.items()}


def presets():
    """Return the rows of the results that have a preset."""
    return [row for row in ROWS if "preset" in row]


def card(row):
    """Return the path of a preset's card."""
    return f"aezoo/presets/{row['preset']['name']}.md"


# Links


def relinked(text, page, source):
    """Point the links of a page at pages of the site; copy other files beside it."""

    def link(match):
        target, hash_, anchor = match[2].partition("#")
        if not target or re.match("[a-z]+:", target):
            return match[0]
        path = os.path.normpath(PurePosixPath(page).parent / target)
        path = FOLDERS.get(path, path)
        if path in files_of_the_package():
            path = path.replace(".py", ".md")
        elif (ROOT / path).is_file() and not path.endswith((".md", ".ipynb")):
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
        relative = os.path.relpath(path, PurePosixPath(page).parent)
        return f"{match[1]}({relative}{hash_}{anchor})"

    return re.sub(r"(\])\(([^)\s]+)\)", link, text)


# Notebooks


@functools.cache
def heading_and_code(path):
    """Return a notebook's heading and its code."""
    cells = nbformat.read(ROOT / path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return cells[0].source.splitlines()[0].removeprefix("# "), code


def lesson_page(path, source):
    """Return a lesson with a line on how to open it, links, and words for figures."""
    name = PurePosixPath(path).name
    line = f", or open `{path}` in JupyterLab: `make lab`."
    if "solutions" in path:
        heading, _ = heading_and_code(f"notebooks/{name}")
        line += f" The lesson: [{heading}](../{name})."
    else:
        line += f" Its exercises are [solved](solutions/{name})."
    notebook = nbformat.read(ROOT / path, as_version=4)
    downloadable(notebook, path, source, "notebook", line)
    for place, cell, alt in titled(notebook):
        if not alt or "…" in alt:  # then what the lesson says below it
            later = notebook.cells[place + 1 :]
            below = next((c.source for c in later if c.cell_type == "markdown"), "")
            below = re.sub(r"[*`$#]|\]\([^)]*\)", "", below).replace("[", "")
            sentence = re.match(r".*?[.:?](?=\s|$)", below + ".", re.S)[0]
            alt = " ".join(sentence.split())
        cell.metadata["mystnb"] = {"image": {"alt": alt}}
    return nbformat.writes(notebook)


def assignment_page(path, source):
    """Return an assignment without its solutions and hidden tests."""
    notebook = nbformat.read(ROOT / path, as_version=4)
    for clear in (ClearSolutions, ClearHiddenTests, ClearOutput):
        notebook, _ = clear().preprocess(notebook, {})
    downloadable(notebook, path, source, "assignment", ".")
    return nbformat.writes(notebook)


def downloadable(notebook, path, source, kind, line):
    """Keep a copy of a notebook, link it below the heading, and relink the rest."""
    copy = f"files/{path}"
    (source / copy).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, source / copy)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, path, source)
    back = os.path.relpath(copy, PurePosixPath(path).parent)
    heading, rest = notebook.cells[0].source.split("\n", 1)
    link = f"{{download}}`Download this {kind} <{back}>`{line}"
    notebook.cells[0].source = f"{heading}\n\n{link}\n{rest}"


def titled(notebook):
    """Yield the place of each cell of code, the cell, and the title of its figure."""
    constants = {}
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            constants.update(re.findall(r"^([A-Z_]+) = ([\d.]+)", cell.source, re.M))
            yield place, cell, figure_title(cell.source, constants)


def figure_title(code, constants):
    """Return the titles that code gives a figure, joined; "" if there are none.

    Args:
        code: Source of a cell.
        constants: Values of names in capitals, for titles in which they stand.
    """
    titles = []
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        given = [word.value for word in call.keywords if word.arg == "title"]
        if getattr(call.func, "attr", "") in ("set_title", "suptitle"):
            given += call.args[:1]
        for each in given:
            if isinstance(each, ast.JoinedStr):
                parts = [
                    v.value
                    if isinstance(v, ast.Constant)
                    else constants.get(ast.unparse(v.value), "…")
                    for v in each.values
                ]
                titles.append("".join(parts))
            else:  # one of several, as of a dictionary: its keys are shorter
                texts = [v.value for v in ast.walk(each) if isinstance(v, ast.Constant)]
                titles += [t for t in texts if isinstance(t, str) and len(t) > 6]
    return ". ".join(titles)


# Pages that are made


def module_page(path):
    """Return the page of a file: what it is, who uses it, the interface, the source."""
    module = path.removeprefix("aezoo/").removesuffix(".py").removesuffix("/__init__")
    code = (ROOT / path).read_text()
    names = exported().get(module)
    if names is None:
        imported = importlib.import_module(f"aezoo.{module}")
        names = getattr(imported, "__all__", None) or [
            name
            for name, value in vars(imported).items()
            if not name.startswith("_")
            and getattr(value, "__module__", "") == f"aezoo.{module}"
        ]
        prefix = f"aezoo.{module}."
    else:
        prefix = "aezoo."
    alone = module not in ("presets", "datasets")  # those come with data
    interface = [
        f".. auto{'class' if name[0].isupper() else 'function'}:: {prefix}{name}\n"
        for name in names
    ]
    return "\n".join(
        [
            f"# {module.replace('_', ' ').capitalize()}",
            "",
            about(module),
            "",
            *facts(path, [prefix + name for name in names]),
            "",
            "## Interface",
            "",
            "```{eval-rst}",
            *interface,
            "```",
            "",
            "## The file",
            "",
            f"`{path}`{', to copy into a project of yours' if alone else ''}.",
            "",
            "````{container} whole-file",
            "```python",
            code.rstrip(),
            "```",
            "````",
            "",
        ]
    )


def about(module):
    """Return the text at the head of a file as Markdown, formulas set off."""
    text = importlib.import_module(f"aezoo.{module}").__doc__.strip()
    parts = []
    for part in text.split("\n\n"):
        code = part.startswith("    ")
        parts.append(f"```text\n{textwrap.dedent(part)}\n```" if code else part)
    return "\n\n".join(parts)


def facts(path, names):
    """Return lines on the paper, the lessons, the weights and the numbers of a file."""
    here = PurePosixPath(path).parent
    module = PurePosixPath(path).stem
    lines = []
    paper = re.search(rf"^\| [^|]+ \| ([^|]+) \| \[{module}\.py\]", README, re.M)
    if paper:
        lines.append(f"- **Paper**: {paper[1]}")
    used = [
        f"[{int(PurePosixPath(lesson).name[:2])}]({os.path.relpath(lesson, here)})"
        for lesson in notebooks("[0-9]*")
        if any(uses(lesson, name) for name in names)
    ]
    if used:
        lines.append(f"- **Lessons that use it**: {', '.join(used)}")
    for row in ROWS:
        if row.get("preset", {}).get("builder") in [n.split(".")[1] for n in names]:
            link = os.path.relpath(card(row), here)
            what = row["preset"]["metric"] + ": " + report.preset_number(row["preset"])
            lines.append(f"- **Weights**: [{row['preset']['name']}]({link}), {what}")
    return lines + [f"- **Number**: {number(row, here)}" for row in rows_of(module)]


def rows_of(module):
    """Return the rows whose script calls a file's builder, papers' numbers first."""
    names = exported().get(module, [])
    builders = [name for name in names if name.endswith("_autoencoder")] or names
    found = []
    for row in ROWS:
        script = (ROOT / "benchmarks" / "papers" / f"{row['name']}.py").read_text()
        if any(f"aezoo.{name}(" in script for name in builders):
            found.append(row)
    return sorted(found, key=lambda row: (row["paper"] is None, not on_digits(row)))


def on_digits(row):
    """Return whether a row has a preset that was trained on MNIST."""
    return row.get("preset", {}).get("data") == "MNIST"


def number(row, folder="."):
    """Say what a row measured, beside its paper, with a link from a folder."""
    beside = f", paper {report.number(row['paper'])}" if row["paper"] else ""
    metric = row["metric"][0].upper() + row["metric"][1:]
    anchor = row["name"].replace("_", "-")
    link = os.path.relpath(f"benchmarks/README.md#{anchor}", folder)
    value, *rest = report.measured(row).split(" (")  # as in "4.04 (one seed)"
    seeds = "".join(f" ({each}" for each in rest)
    measured = f"**{value}** {row['unit']}{seeds}{beside}"
    return f"{metric}: {measured} ([{row['name']}]({link}))"


def uses(notebook, name):
    """Return whether a notebook's code has a name of the package in it."""
    _, code = heading_and_code(notebook)
    return re.search(rf"\b{re.escape(name.removeprefix('aezoo.'))}\b", code)


def index_pages():
    """Return the gallery and the pages that list others."""
    lessons = notebooks("[0-9]*")
    names = [PurePosixPath(path).stem for path in lessons]
    modules = [
        path.removeprefix("aezoo/").replace(".py", "")
        for path in files_of_the_package()
    ]
    cards = [row["preset"]["name"] for row in presets()]
    course = re.search(r"## The course\n\n(.*?)(?=\n## )", README, re.S)[1]
    return {
        "index.md": gallery(),
        "notebooks/index.md": "# Lessons\n\n" + from_root(course) + toctree(names),
        "notebooks/solutions/index.md": "# Solutions\n\nEvery exercise of every lesson,"
        " worked and executed. Try it yourself first.\n" + toctree(names, shown=True),
        "aezoo/index.md": "# Models and functions\n\nA page for each file.\n"
        + toctree(modules, shown=True),
        "aezoo/presets/index.md": "# Trained weights\n\n`aezoo.load_preset(name)` "
        "returns the model, trained. Each has a card.\n\n"
        + from_root(report.presets_table(ROWS), "aezoo/presets")
        + toctree(cards),
    }


def from_root(text, folder="notebooks"):
    """Return text of the README with links as from a folder."""

    def link(match):
        return f"]({os.path.relpath(match[1], folder)})"

    return re.sub(r"\]\(((?!https?:)[^)\s]+)\)", link, text)


def toctree(names, shown=False):
    """Return a list of pages for the side bar, and for the page if it is shown."""
    hidden = [] if shown else [":hidden:"]
    lines = ["", "```{toctree}", *hidden, ":maxdepth: 1", "", *names, "```", ""]
    return "\n".join(lines)


def gallery():
    """Return the first page: what this is, and a card for each model."""
    start = re.search(r"^# .*?\n\n(.*?)\n\n!.*?^(```python.*?```)", README, re.S | re.M)
    cards = [model_card(module) for module in PICTURES]
    menu = [
        "Get started <README>",
        "notebooks/index",
        "notebooks/solutions/index",
        "aezoo/index",
        "aezoo/presets/index",
        "The numbers <benchmarks/README>",
        "site/when_it_goes_wrong",
        "For teachers <notebooks/assignments/README>",
        "Add a model <CONTRIBUTING>",
        "CHANGELOG",
    ]
    return "\n".join(
        [
            "# The autoencoder zoo",
            "",
            start[1].replace("](#", "](README.md#"),
            "",
            "Train one on MNIST:",
            "",
            start[2],
            "",
            "Or [take one that is trained](aezoo/presets/index.md), or begin with "
            f"[lesson 1]({notebooks('01*')[0]}).",
            "",
            "## The models",
            "",
            "`````{container} gallery",
            *cards,
            "`````",
            toctree(menu),
        ]
    )


def model_card(module):
    """Return a model's card: picture, idea, number, links."""
    idea = about(module).split("\n\n")[0]
    lesson = notebooks(f"{PICTURES[module][0]:02d}*")[0]
    links = [f"[the file](aezoo/{module}.md#the-file)", f"[the lesson]({lesson})"]
    of_mine = [
        row
        for row in ROWS
        if row.get("preset", {}).get("builder") in exported()[module]
    ]
    of_mine.sort(key=on_digits, reverse=True)
    links += [f"[weights]({card(row)})" for row in of_mine[:1]]
    links.append(f"[the interface](aezoo/{module}.md)")
    numbers = [number(row) for row in rows_of(module)[:1]]
    _, alt = picture(module)
    name = module.replace("_", " ").capitalize()
    return "\n".join(
        [
            "````{container} card",
            f"```{{rubric}} [{name}](aezoo/{module}.md)",
            ":heading-level: 3",
            "```",
            f"![{alt}](pictures/{module}.png)",
            "",
            idea,
            "",
            *numbers,
            "",
            " · ".join(links),
            "````",
        ]
    )


@functools.cache
def picture(module):
    """Return the PNG and the title of the figure that shows a model."""
    lesson, words = PICTURES[module]
    notebook = nbformat.read(ROOT / notebooks(f"{lesson:02d}*")[0], as_version=4)
    for _, cell, found in titled(notebook):
        for output in cell.outputs:
            if found.startswith(words) and "image/png" in output.get("data", {}):
                return base64.b64decode(output.data["image/png"]), found
    raise LookupError(f"Lesson {lesson} has no figure titled {words!r}.")


def pictures(source):
    """Write the pictures of the gallery."""
    (source / "pictures").mkdir()
    for module in PICTURES:
        (source / "pictures" / f"{module}.png").write_bytes(picture(module)[0])


def mathjax():
    """Return the path of the one script that draws formulas."""
    files = importlib.metadata.files("sphinx-mathjax-offline")
    return next(file for file in files if file.name == "tex-svg.js").locate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "build" / "site"
    parser.add_argument("--output", type=Path, default=default, help="folder")
    main(parser.parse_args().output.resolve())
