"""Make the course folder of the assignments, and grade a folder of submissions.

    python notebooks/assignments/course.py release
    python notebooks/assignments/course.py grade path/to/submissions

nbgrader does the work; `build/course/` is an ordinary nbgrader course. What is here
puts the files where nbgrader expects them, and writes down what was wrong with a
submission.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import is_locked
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

# nbgrader starts `alembic` by its name, which lies beside this interpreter.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# About queries of nbgrader, of which a user of it cannot change anything.
warnings.simplefilter("ignore", SAWarning)

HERE = Path(__file__).parent
COURSE = HERE.parents[1] / "build" / "course"


def release(course=COURSE):
    """Write the course folder: the sources, the student versions, the gradebook."""
    for source in sorted(HERE.glob("[0-9]*.ipynb")):
        folder = course / "source" / source.stem
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder)
    shutil.copy(HERE / "nbgrader_config.py", course)
    nbgrader = _nbgrader(course)
    for name in _assignments(course):
        result = nbgrader.generate_assignment(name, force=True)
        if not result["success"]:
            sys.exit(result["log"])
        print(f"{course / 'release' / name / name}.ipynb")


def grade(submissions, course=COURSE):
    """Grade `<submissions>/<student>/**/<assignment>.ipynb`, write `grades.csv`.

    The submissions are copied and stay as they are. What was graded before and has
    not changed is not graded again.
    """
    if not (course / "gradebook.db").exists():
        release(course)
    nbgrader = _nbgrader(course)
    rows = []
    known = _assignments(course)
    for student in sorted(p for p in Path(submissions).iterdir() if p.is_dir()):
        notebooks = [
            path
            for path in sorted(student.rglob("*.ipynb"))
            if ".ipynb_checkpoints" not in path.parts
        ]
        for name in sorted({path.stem for path in notebooks}):
            if name in known:
                found = [path for path in notebooks if path.stem == name]
                graded, remarks = _grade_one(
                    nbgrader, course, student.name, name, found
                )
                rows.append(_row(course, student.name, name, graded, remarks))
            else:
                remark = f"Not graded: no assignment is called {name}."
                rows.append((student.name, name, "", "", "", remark))
            _, _, score, out_of, _, remark = rows[-1]
            print(f"{student.name}, {name}: {score or 0} of {out_of or 0}. {remark}")
    path = course / "grades.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow("student assignment score out_of points remarks".split())
        writer.writerows(rows)
    print(path)


def _grade_one(nbgrader, course, student, name, found):
    """Grade the last of the files; return whether it was, and remarks, sentences."""
    remarks = []
    if len(found) > 1:
        remarks.append(f"{len(found)} files; graded: {found[-1]}.")
    released = course / "release" / name / f"{name}.ipynb"
    submitted = course / "submitted" / student / name / f"{name}.ipynb"
    autograded = course / "autograded" / student / name / f"{name}.ipynb"
    try:
        submission = nbformat.read(found[-1], as_version=4)
        nbformat.validate(submission)
    except Exception as problem:  # whatever a student's file may hold
        return False, [*remarks, f"Not a notebook that can be read: {problem!r:.200}."]
    complete = with_all_tests(submission, nbformat.read(released, 4), remarks)
    text = nbformat.writes(complete)
    unchanged = (
        autograded.exists()
        and submitted.exists()
        and submitted.read_text(encoding="utf-8") == text
        and autograded.stat().st_mtime > released.stat().st_mtime
    )
    if not unchanged:
        submitted.parent.mkdir(parents=True, exist_ok=True)
        submitted.write_text(text, encoding="utf-8")
        result = nbgrader.autograde(name, student, force=True, create=True)
        if not result["success"]:
            (submitted.parent / "log.txt").write_text(result["log"])
            remarks.append(f"Not graded, see {submitted.parent / 'log.txt'}.")
    graded = autograded.exists()
    if graded:
        remarks += _what_stopped(nbformat.read(autograded, as_version=4))
    return graded, remarks


def with_all_tests(submission, released, remarks):
    """Return the submission with the tests that are missing put back in their places.

    nbgrader itself puts back the text of tests that were changed. A missing solution
    is left missing: the student may have written it into a new cell.
    """
    missing, changed, place = [], [], 0
    for cell in filter(_name, released.cells):
        name = _name(cell)
        places = {_name(each): i for i, each in enumerate(submission.cells)}
        if name in places:
            place = places[name] + 1
            source = submission.cells[place - 1].source
            if is_locked(cell) and source != cell.source:
                changed.append(name)
        else:
            missing.append(name)
            if is_locked(cell):
                submission.cells.insert(place, cell)
                place += 1
    if missing:
        remarks.append(f"Cells were missing: {', '.join(missing)}.")
    if changed:
        remarks.append(f"Cells were changed and put back: {', '.join(changed)}.")
    return submission


def _what_stopped(autograded):
    remarks = []
    for cell in autograded.cells:
        for output in cell.get("outputs", []):
            name = _name(cell) or "without a name"
            if output.get("ename") == "CellTimeoutError":
                remarks.append(f"Cell {name} took too long.")
            elif output.get("ename") == "NotReached":
                return [*remarks, f"Stopped at cell {name}: {output.evalue}."]
            elif "... Output truncated ..." in output.get("text", ""):
                remarks.append(f"Cell {name} printed too much; the rest was cut.")
    return remarks


def _row(course, student, name, graded, remarks):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        cells = gradebook.find_assignment(name).notebooks[0].grade_cells
        points = {cell.name: cell.max_score for cell in cells}
        scores = {}
        if graded:
            grades = gradebook.find_submission_notebook(name, name, student).grades
            scores = {grade.name: grade.score or 0.0 for grade in grades}
    parts = {cell: scores.get(cell, 0.0) for cell in points}
    total, out_of = sum(parts.values()), sum(points.values())
    return student, name, total, out_of, json.dumps(parts), " ".join(remarks)


def _assignments(course):
    return sorted(path.name for path in (course / "source").iterdir())


def _name(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _nbgrader(course):
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    return NbGraderAPI(CourseDirectory(config=config), config=config)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("release", help=release.__doc__.splitlines()[0])
    grading = commands.add_parser("grade", help=grade.__doc__.splitlines()[0])
    grading.add_argument("submissions", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "release":
        release()
    elif not arguments.submissions.is_dir():
        parser.error(f"not a folder: {arguments.submissions}")
    else:
        grade(arguments.submissions)
