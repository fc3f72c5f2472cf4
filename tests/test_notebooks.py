"""What every lesson must be before it is run: complete, clean and readable."""

import re
import subprocess
import sys
from pathlib import Path

import claims
import nbformat
import pytest

pytestmark = pytest.mark.one_backend

FOLDER = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("[0-9]*.ipynb"))


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def text_of(notebook):
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    """The file of a lesson."""
    return request.param


@pytest.fixture(
    params=LESSONS + SOLUTIONS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def path(request):
    """The file of a lesson or of its solutions."""
    return request.param


@pytest.fixture
def notebook(path):
    return read(path)


@pytest.fixture
def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_was_run_from_top_to_bottom(code_cells):
    # nbval does not compare cells without an execution count.
    counts = [cell.execution_count for cell in code_cells]
    assert counts == list(range(1, len(code_cells) + 1))
    outputs = [output for cell in code_cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    for output in outputs:  # no address of an object: it changes with every run
        assert " at 0x" not in output.get("data", {}).get("text/plain", "")


def test_only_the_outputs_that_differ_by_processor_go_unchecked(code_cells):
    for cell in code_cells:
        tags = cell.metadata.get("tags", [])
        assert set(tags) <= {"nbval-ignore-output"}
        assert "nbval" not in cell.source.lower(), "use a tag, not a comment"


def test_nothing_stops_a_reader_who_turns_a_knob(code_cells):
    for cell in code_cells:
        assert not re.search(r"^\s*(assert|raise)\b", cell.source, re.M), cell.source


def test_its_claims_hold_and_are_compared(notebook):
    lines = claims.printed_claims(notebook)
    assert len(lines) >= 3
    assert [line for line in lines if not line.endswith(": True")] == []
    for cell in notebook.cells:
        cell.outputs = [] if cell.metadata.get("tags") else cell.get("outputs", [])
    assert claims.printed_claims(notebook) == lines, "a cell of claims has a tag"


def test_its_metadata_names_no_machine(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}


def test_cells_are_short_and_the_file_is_small(path, code_cells):
    assert path.stat().st_size < 1_500_000
    for cell in code_cells:
        assert len(cell.source.splitlines()) <= 15, cell.source


def test_it_has_the_parts_of_a_lesson(lesson):
    text = text_of(read(lesson))
    number = int(re.match(r"# (\d+)\. ", text)[1])
    for part in ("**The question.**", "**What you will see.**", "two cores"):
        assert part in text.split("\n## ")[0]
    for section in ("## Where it fails", "## Summary", "## Exercises", "## References"):
        assert section in text
    exercises = text.split("## Exercises")[1].split("## References")[0]
    assert 3 <= len(re.findall(r"^\d\. ", exercises, re.M)) <= 5
    claims = text.index("## What this lesson claims")
    assert text.index("## Where it fails") < claims < text.index("## Summary")
    assert text.count("**Before you look:**") >= 3
    # It names its neighbours, where there are any.
    for other in LESSONS:
        if abs(int(other.name[:2]) - number) == 1:
            assert f"]({other.name})" in text


def test_each_exercise_has_its_solution_and_the_lesson_links_to_it_at_the_end(lesson):
    text = text_of(read(lesson))
    exercises = text.split("## Exercises")[1].split("## References")[0]
    link = f"](solutions/{lesson.name})"
    assert text.count(link) == exercises.count(link) == 1
    numbers = re.findall(r"^(\d)\. ", exercises, re.M)
    solutions = text_of(read(lesson.parent / "solutions" / lesson.name))
    assert f"](../{lesson.name})" in solutions
    assert re.findall(r"^## Exercise (\d)$", solutions, re.M) == numbers


def test_each_reference_can_be_found(lesson):
    references = text_of(read(lesson)).split("## References")[1]
    for reference in re.findall(r"^- .*", references, re.M):
        assert re.search(r"doi|DOI|arXiv|ISBN|https?://", reference), reference


def test_its_minutes_are_those_of_the_readme(lesson):
    first = read(lesson).cells[0].source
    stated = re.search(r"^(About .*) on two cores", first, re.M)[1]
    minutes = {
        "About half a minute": 0.5,
        "About a minute": 1,
        "About a minute and a half": 1.5,
        "About two minutes": 2,
        "About two and a half minutes": 2.5,
        "About three minutes": 3,
    }[stated]
    readme = (FOLDER.parent / "README.md").read_text()
    row = re.search(rf"notebooks/{lesson.name}\) \|.*\| (\d+) \|", readme)
    seconds = int(row[1])
    assert abs(60 * minutes - seconds) <= 20


def test_links_between_files_lead_somewhere(path, notebook):
    for cell in notebook.cells:
        for link in re.findall(r"\]\(([^)#]+)\)", cell.source):
            if not link.startswith("http") and cell.cell_type == "markdown":
                assert (path.parent / link).exists(), link


def test_every_figure_is_followed_by_words(notebook):
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            assert following.cell_type == "markdown", cell.source


TOY = """from random import random, seed as set_random_seed
set_random_seed(42)
# ---
print("below the random number of seed 42:", random() < 0.7)
print("a number:", random() < 1)
"""


def test_claims_are_asked_with_other_seeds(tmp_path):
    first, last = TOY.split("# ---\n")
    v4 = nbformat.v4
    toy = v4.new_notebook(
        cells=[
            v4.new_code_cell(first),
            v4.new_markdown_cell("## What this lesson claims"),
            v4.new_code_cell(last),
        ]
    )
    nbformat.write(toy, tmp_path / "toy.ipynb")
    command = [sys.executable, FOLDER / "claims.py", "--seeds", "1", "2", "--"]
    done = subprocess.run(
        [*command, tmp_path / "toy.ipynb"], capture_output=True, text=True, timeout=120
    )
    # random() is 0.13 after seed 1, and 0.96 after seed 2.
    assert done.stdout.splitlines() == [
        "toy.ipynb, seed 1: 2 of 2 claims hold",
        "toy.ipynb, seed 2: 1 of 2 claims hold",
        "    below the random number of seed 42: False",
    ]
    assert done.returncode == 1
