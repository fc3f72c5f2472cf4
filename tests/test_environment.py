"""The ways to install agree, and `import aezoo` stays light."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # These are for `make unit-torch`, `make speed` and `benchmarks/ratings` alone.
    for extra in ("torch", "peers", "ratings"):
        del project["optional-dependencies"][extra]
    return project


@pytest.fixture(scope="module")
def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    return dict(pin.split("==") for pin in pins)


def canonical(requirement):
    """Project name of a requirement, as pip compares names."""
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def test_conda_installs_what_make_installs(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, nested = environment["dependencies"]
    assert re.fullmatch(r"python=3\.(11|12|13)", python)
    assert pip == "pip"
    constraint, package = nested["pip"]
    assert constraint == "--constraint constraints.txt"
    extras = re.fullmatch(r"--editable \.\[(.*)\]", package)[1].split(",")
    assert sorted(extras) == sorted(project["optional-dependencies"])
    installed_by_make = (
        f'--constraint constraints.txt --editable ".[{",".join(extras)}]"'
    )
    makefile = (ROOT / "Makefile").read_text()
    assert installed_by_make in re.sub(r"\\\n\s*", "", makefile)


def test_every_requirement_is_pinned(project, pins):
    extras = project["optional-dependencies"].values()
    required = [*project["dependencies"], *(r for extra in extras for r in extra)]
    pinned = {canonical(name) for name in pins}
    assert {canonical(requirement) for requirement in required} <= pinned


def test_the_pins_are_what_is_installed(pins):
    from importlib import metadata

    # A build for processors only says so after a plus.
    installed = {
        canonical(d.name): d.version.split("+")[0] for d in metadata.distributions()
    }
    differing = {
        name: (version, installed[canonical(name)])
        for name, version in pins.items()
        if installed.get(canonical(name), version) != version
    }
    assert not differing


def test_ci_runs_every_supported_version(project):
    assert project["requires-python"] == ">=3.11,<3.14"
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]


IMPORT = """
import sys, time
import keras
start = time.perf_counter()
import aezoo
print(time.perf_counter() - start)
assert not {"aezoo.plots", "aezoo.datasets", "pooch"} & set(sys.modules)
aezoo.datasets.load_plane()
aezoo.plots.image_grid
"""


def test_import_is_light():
    seconds = []
    for _ in range(2):  # the first may have to compile the files
        run = [sys.executable, "-c", IMPORT]
        out = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        seconds.append(float(out))
    assert min(seconds) < 0.3
