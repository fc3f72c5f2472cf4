"""Do the claims of a lesson hold whatever the seed? `make claims` asks.

    python notebooks/claims.py --seeds 1 2 -- notebooks/03_undercomplete.ipynb ...

Each lesson is run with each seed in place of its own, in memory. What its section "What
this lesson claims" prints has to end in True, line by line. The exit status is 1 if any
line does not.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from render import execute

SEED = re.compile(r"set_random_seed\(\d+\)")
HEADING = re.compile(r"^## What .* claims?$", re.MULTILINE)


def printed_claims(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the lines printed below the heading "What this lesson claims".

    That of solutions is "What the solutions claim".
    """
    lines, inside = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            inside = HEADING.search(cell.source)
        elif inside:
            lines += "".join(o.get("text", "") for o in cell.outputs).splitlines()
    return lines


def claims(path: Path, seed: int) -> list[str]:
    """Run a lesson with a seed and return the lines that state its claims."""
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if SEED.search(cell.source))
    first.source = SEED.sub(f"set_random_seed({seed})", first.source)
    execute(notebook, path.parent)
    return printed_claims(notebook)


def main() -> bool:
    """Print what fails, and say whether all claims held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("lessons", type=Path, nargs="+")
    arguments = parser.parse_args()
    all_hold = True
    for lesson in arguments.lessons:
        for seed in arguments.seeds:
            lines = claims(lesson, seed)
            failed = [line for line in lines if not line.endswith(": True")]
            print(
                f"{lesson.name}, seed {seed}: "
                f"{len(lines) - len(failed)} of {len(lines)} claims hold",
                *failed,
                sep="\n    ",
                flush=True,
            )
            all_hold = all_hold and bool(lines) and not failed
    return all_hold


if __name__ == "__main__":
    sys.exit(not main())
