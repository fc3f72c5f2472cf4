"""What every lesson must be before it is run: complete, clean and readable."""

import re
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.one_backend

FOLDER = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9]*.ipynb"))


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    return request.param


@pytest.fixture
def notebook(lesson):
    notebook = nbformat.read(lesson, as_version=4)
    nbformat.validate(notebook)
    return notebook


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
        if tags:
            assert re.search(r"^\s*assert ", cell.source, re.M), cell.source


def test_its_metadata_names_no_machine(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}


def test_cells_are_short_and_the_file_is_small(lesson, code_cells):
    assert lesson.stat().st_size < 1_500_000
    for cell in code_cells:
        assert len(cell.source.splitlines()) <= 20, cell.source


def test_it_has_the_parts_of_a_lesson(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    number = int(re.match(r"# (\d+)\. ", text)[1])
    for part in ("**The question.**", "**What you will see.**", "two cores"):
        assert part in text.split("\n## ")[0]
    for section in ("## Where it fails", "## Summary", "## Exercises", "## References"):
        assert section in text
    exercises = text.split("## Exercises")[1].split("## References")[0]
    assert 3 <= len(re.findall(r"^\d\. ", exercises, re.M)) <= 5
    claims = text.index("## What this lesson claims")
    assert text.index("## Where it fails") < claims < text.index("## Summary")
    # It names its neighbours, where there are any.
    for other in LESSONS:
        if abs(int(other.name[:2]) - number) == 1:
            assert f"]({other.name})" in text


def test_links_between_files_lead_somewhere(lesson, notebook):
    for cell in notebook.cells:
        for link in re.findall(r"\]\(([^)#]+)\)", cell.source):
            if not link.startswith("http") and cell.cell_type == "markdown":
                assert (lesson.parent / link).exists(), link


def test_every_figure_is_followed_by_words(notebook):
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            assert following.cell_type == "markdown", cell.source
