"""Run lessons from top to bottom and store their outputs: `make render`.

    python notebooks/render.py notebooks/01_what_is_an_autoencoder.ipynb ...

What depends on the machine and not on the lesson is dropped: stderr, timings, the
version of Python. A lesson that fails is left as it was.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run a notebook in place, in a folder, with the Python that runs this."""
    # Matches `--nbval-current-env`.
    notebook.metadata = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        },
        "language_info": {"name": "python"},
    }
    NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()


def render(path: Path) -> None:
    """Run a lesson and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    nbformat.validate(notebook)
    written = path.with_suffix(".tmp")
    nbformat.write(notebook, written)
    os.replace(written, path)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        start = time.perf_counter()
        print(f"{argument:<52}", end=" ", flush=True)
        render(Path(argument))
        print(f"rendered in {time.perf_counter() - start:.0f} s")
