"""The graders: full points for the solution, none for the stubs, and fair to mistakes.

Each wrong answer is one that students write. It has to lose the points of the tests
that are listed, and no others. Most answers are run here, in this process; a few go
the whole way, through nbgrader and a kernel.
"""

import ast
import csv
import functools
import json
import shutil
from pathlib import Path

import keras
import nbformat
import pytest

pytestmark = [pytest.mark.one_backend, pytest.mark.grading]

FOLDER = Path(__file__).parent.parent / "notebooks" / "assignments"
SOURCES = {
    path.stem: path for path in sorted(FOLDER.glob("[0-9]*.ipynb"), reverse=True)
}

# What is wrong, what stands in the solution, what is put in its place, what is lost.
WRONG = {
    "1_linear": [
        (
            "components of data that are not centred",
            "np.linalg.svd(x - mean, full_matrices=False)",
            "np.linalg.svd(x, full_matrices=False)",
            "components_shift",
        ),
        (
            "components in the order of rising variance",
            "directions[:k]",
            "directions[:k][::-1]",
            "components_check components_order",
        ),
        (
            "rectified codes",
            "layers.Dense(k)(inputs)",
            'layers.Dense(k, "relu")(inputs)',
            "autoencoder_linear",
        ),
        (
            "error averaged over the features",
            "ops.sum(ops.square(y_true - y_pred), axis=-1)",
            "ops.mean(ops.square(y_true - y_pred), axis=-1)",
            "error_scale",
        ),
        (
            "too few epochs",
            "epochs, batch_size = 40, 100",
            "epochs, batch_size = 3, 100",
            "train_check train_other",
        ),
        (
            "directions not made orthonormal",
            "np.linalg.svd(first.T @ second, compute_uv=False)",
            "np.linalg.svd(a @ b.T, compute_uv=False)",
            "angle_mixed",
        ),
        ("the smallest angle", "1).min()", "1).max()", "angle_largest"),
    ],
    "2_sparse_kl": [
        (
            "divergence the other way round",
            "return on + off",
            "return rho * ops.log(rho / target) "
            "+ (1 - rho) * ops.log((1 - rho) / (1 - target))",
            "kl_values kl_ends",
        ),
        ("rho not clipped", "ops.clip(rho, 1e-7, 1 - 1e-7)", "rho", "kl_ends"),
        (
            "divergence averaged over the units",
            "ops.sum(bernoulli_kl(target, ops.mean(codes, axis=0)))",
            "ops.mean(bernoulli_kl(target, ops.mean(codes, axis=0)))",
            "penalty_units",
        ),
        (
            "divergence of each activation",
            "ops.sum(bernoulli_kl(target, ops.mean(codes, axis=0)))",
            "ops.sum(ops.mean(bernoulli_kl(target, codes), axis=0))",
            "penalty_means",
        ),
        (
            "penalty divided by the batch",
            "ops.sum(bernoulli_kl(target, ops.mean(codes, axis=0)))",
            "ops.sum(bernoulli_kl(target, ops.mean(codes, axis=0)))"
            ' / ops.cast(ops.shape(codes)[0], "float32")',
            "penalty_batch penalty_means",
        ),
        (
            "strength forgotten",
            "self.add_loss(self.strength * sparsity_penalty(codes, self.target))",
            "self.add_loss(sparsity_penalty(codes, self.target))",
            "layer_strength",
        ),
        (
            "an argument missing in the configuration",
            '{"strength": self.strength, "target": self.target}',
            '{"strength": self.strength}',
            "layer_config",
        ),
        (
            "a layer that nobody reads",
            'layers.Dense(features, "sigmoid")(quiet)',
            'layers.Dense(features, "sigmoid")(codes)',
            "autoencoder_target",
        ),
    ],
    "3_contractive": [
        (
            "the sigmoid taken for its slope",
            "(h * (1 - h))[:, :, np.newaxis]",
            "h[:, :, np.newaxis]",
            "jacobian_check jacobian_exact",
        ),
        (
            "gradient of the summed code",
            "ops.sum(slopes * ops.sum(ops.square(w), axis=0), axis=-1)",
            "ops.sum(ops.square(ops.matmul(h * (1 - h), ops.transpose(w))), axis=-1)",
            "contraction_exact",
        ),
        (
            "norm not squared",
            "ops.sum(slopes * ops.sum(ops.square(w), axis=0), axis=-1)",
            "ops.sqrt(ops.sum(slopes * ops.sum(ops.square(w), axis=0), axis=-1))",
            "contraction_exact contraction_weights",
        ),
        (
            "penalty divided by the batch twice",
            "penalty = ops.mean(contraction(self.dense.kernel, codes))",
            "penalty = ops.mean(contraction(self.dense.kernel, codes))"
            ' / ops.cast(ops.shape(codes)[0], "float32")',
            "layer_batch",
        ),
        (
            "ratio of means",
            "np.mean(codes_moved / np.linalg.norm(noise, axis=1))",
            "np.mean(codes_moved) / np.mean(np.linalg.norm(noise, axis=1))",
            "movement_ratio",
        ),
        (
            "strength not passed on",
            "ContractiveDense(units, strength)(inputs)",
            "ContractiveDense(units, 0.0)(inputs)",
            "autoencoder_contracts",
        ),
    ],
    "4_layerwise": [
        (
            "activations left out",
            "x = keras.ops.convert_to_numpy(layer(x))",
            "x = x @ layer.get_weights()[0] + layer.get_weights()[1]",
            "codes_layers",
        ),
        (
            "earlier layers not frozen",
            "shallow.fit(codes, codes, batch_size=100, epochs=epochs, verbose=0)",
            "(shallow := keras.Sequential([*finished, layer, mirror])).compile("
            'keras.optimizers.Adam(3e-3), loss="mse") or shallow.fit('
            "x, codes, batch_size=100, epochs=epochs, verbose=0)",
            "pretrain_finished",
        ),
        (
            "earlier layers left frozen",
            "codes = codes_below(finished, x)",
            "codes = codes_below(finished, x)\n"
            "    for below in finished:\n        below.trainable = False",
            "pretrain_trainable",
        ),
        (
            "decoders from the input inwards",
            "reversed(decoders)",
            "decoders",
            "unroll_check unroll_order",
        ),
        (
            "copies of the layers",
            "[*encoders, *reversed(decoders)]:\n",
            "[*encoders, *reversed(decoders)]:\n"
            "        original = layer\n"
            "        layer = layers.Dense(layer.units, layer.activation)\n"
            "        layer.build(features.shape)\n"
            "        layer.set_weights(original.get_weights())\n",
            "unroll_shared",
        ),
        (
            "only the last layer fine-tuned",
            "model.compile(keras.optimizers.Adam(1e-3)",
            "for layer in model.layers[:-1]:\n"
            "        layer.trainable = False\n"
            "    model.compile(keras.optimizers.Adam(1e-3)",
            "fine_tune_all",
        ),
        (
            "a frozen encoder",
            "for layer in encoders:\n",
            "for layer in encoders:\n        layer.trainable = False\n",
            "classifier_trains",
        ),
    ],
    "5_variational": [
        (
            "log-variance taken for the variance",
            "ops.exp(0.5 * log_var) * noise",
            "ops.sqrt(ops.abs(log_var)) * noise",
            "reparameterise_scale",
        ),
        (
            "divergence averaged over the latents",
            "0.5 * ops.sum(terms, axis=-1)",
            "0.5 * ops.mean(terms, axis=-1)",
            "kl_latents",
        ),
        (
            "the half forgotten",
            "0.5 * ops.sum(terms, axis=-1)",
            "ops.sum(terms, axis=-1)",
            "kl_value",
        ),
        ("noise not resampled", "seed=self.noise_seed", "seed=1", "sampling_anew"),
        (
            "one noise for all images",
            "keras.random.normal(ops.shape(mean)",
            "keras.random.normal(ops.shape(mean[:1])",
            "sampling_spread",
        ),
        (
            "likelihood averaged over the pixels",
            "ops.sum(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=-1)",
            "ops.mean(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=-1)",
            "elbo_bound",
        ),
        (
            "divergence added",
            "log_likelihood - kl_to_prior",
            "log_likelihood + kl_to_prior",
            "elbo_bound",
        ),
        (
            "the mean decoded, nothing sampled",
            "sample = Sampling()(encoder(inputs))",
            "sample = encoder(inputs)[0]",
            "autoencoder_loss",
        ),
    ],
}
CASES = [
    pytest.param(name, *case[1:], id=f"{name}: {case[0]}")
    for name in SOURCES
    for case in WRONG[name]
]


def settings(cell):
    return cell.metadata.get("nbgrader", {})


def locked(cell):
    return settings(cell).get("locked")


def solution(name):
    return nbformat.read(SOURCES[name], as_version=4)


def points(name):
    return {
        settings(cell)["grade_id"]: settings(cell)["points"]
        for cell in solution(name).cells
        if settings(cell).get("grade")
    }


def with_code(name, **added):
    """Return the solution with code added to some of its cells."""
    notebook = solution(name)
    for cell in notebook.cells:
        cell.source += added.pop(settings(cell).get("grade_id"), "")
    assert not added
    return notebook


def with_mistake(name, right, wrong):
    """Return the solution with one place of it changed."""
    notebook = solution(name)
    (place,) = (
        c for c in notebook.cells if right in c.source and settings(c).get("solution")
    )
    place.source = place.source.replace(right, wrong)
    return notebook


# The whole way: nbgrader, a kernel, and what stands in grades.csv.


@pytest.fixture(scope="session")
def course(load_script):
    return load_script(FOLDER / "course.py")


@pytest.fixture(scope="session")
def released(course, tmp_path_factory):
    """A course folder, made once for each process."""
    folder = tmp_path_factory.mktemp("course")
    course.release(folder)
    with (folder / "nbgrader_config.py").open("a") as config:
        # Nothing is learned from waiting longer.
        config.write(
            "c.Execute.timeout_func = "
            "lambda cell: 3 if '# endless' in cell.source else c.Execute.timeout\n"
        )
    return folder


@pytest.fixture
def grade(course, released, tmp_path):
    """Grade a dictionary of students to (assignment, notebook or text)."""

    def graded(**submissions):
        for student, (name, notebook) in submissions.items():
            path = tmp_path / "submissions" / student / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
            path.write_text(text)
        course.grade(tmp_path / "submissions", released)
        rows = grades(released)
        assert set(rows) == set(submissions)
        return rows

    yield graded
    # The next test may have a student of the same name.
    shutil.rmtree(released / "submitted", ignore_errors=True)
    shutil.rmtree(released / "autograded", ignore_errors=True)


def grades(course_folder):
    with (course_folder / "grades.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def lost(row, name):
    reachable, scores = points(name), json.loads(row["points"])
    assert scores.keys() == reachable.keys()
    assert float(row["score"]) == sum(scores.values())
    assert float(row["out_of"]) == sum(reachable.values())
    assert all(scores[cell] in (0, reachable[cell]) for cell in reachable)
    return {cell for cell in reachable if scores[cell] == 0}


STUBBORN = """

import time
while True:  # endless
    try:
        time.sleep(1)
    except BaseException:
        pass
"""


# The long ones come first, so that two processes end together.


def test_misbehaving_submissions_are_graded_as_far_as_they_go(grade):
    name = "5_variational"
    first_part = {"reparameterise_check", "reparameterise_scale"}
    loud = with_code(
        name,
        reparameterise="\n\nprint('x' * 70 * 20_000)",
        kl_to_prior="\n\nwhile True:\n    print('x' * 70)",
        sampling="\n\nwhile True:  # endless\n    pass",
    )
    tampered = with_code(
        name, reparameterise="\n\nreparameterise = lambda mean, log_var, noise: noise"
    )
    for cell in tampered.cells:
        if settings(cell).get("grade_id") in first_part:
            cell.source = "assert True"
    tampered.cells = [
        cell
        for cell in tampered.cells
        if cell.source == "assert True" or not locked(cell)
    ]
    rows = grade(
        dies=(name, with_code(name, kl_to_prior="\n\nimport os\nos._exit(1)")),
        loud=(name, loud),
        stubborn=(name, with_code(name, kl_to_prior=STUBBORN)),
        tampered=(name, tampered),
        unreadable=(name, "{"),
        renamed=(f"{name} (1)", solution(name)),
    )
    everything = lost(rows["unreadable"], name)
    assert "read" in rows["unreadable"]["remarks"]
    assert len(everything) == 15

    assert rows["renamed"]["score"] == ""
    assert "no assignment is called" in rows["renamed"]["remarks"]

    assert lost(rows["dies"], name) == everything - first_part
    assert "kl_to_prior" in rows["dies"]["remarks"]
    assert "died" in rows["dies"]["remarks"]

    assert lost(rows["loud"], name) == set()
    for remark in (
        "reparameterise printed too much",
        "kl_to_prior printed too much",
        "sampling took too long",
    ):
        assert remark in rows["loud"]["remarks"]
    assert "kl_to_prior took" not in rows["loud"]["remarks"]

    assert lost(rows["stubborn"], name) == everything - first_part
    assert "kl_to_prior: the kernel did not answer" in rows["stubborn"]["remarks"]

    assert lost(rows["tampered"], name) == first_part
    assert "missing: setup, kl_check" in rows["tampered"]["remarks"]
    assert "put back: reparameterise_check" in rows["tampered"]["remarks"]


def test_a_submission_that_takes_too_long_in_all_is_stopped(grade, released):
    name = "2_sparse_kl"
    config = released / "nbgrader_config.py"
    before = config.read_text()
    config.write_text(before + "c.ExecuteAsFarAsPossible.submission_timeout = 0\n")
    try:
        row = grade(slow=(name, solution(name)))["slow"]
    finally:
        config.write_text(before)
    assert float(row["score"]) == 0
    assert "more than 0 seconds in all" in row["remarks"]


def test_answers_are_graded_once_and_as_in_this_process(
    grade, course, released, tmp_path
):
    name = "5_variational"
    _, right, wrong, _ = WRONG[name][-1]
    answers = {
        "right": solution(name),
        "wrong": with_mistake(name, right, wrong),
        "unsolved": nbformat.read(released / "release" / name / f"{name}.ipynb", 4),
    }
    rows = grade(**{student: (name, answer) for student, answer in answers.items()})
    for student, answer in answers.items():
        assert lost(rows[student], name) == solved(name).lost(answer)
    assert 0 < float(rows["wrong"]["score"]) < 20
    assert rows["unsolved"]["remarks"] == ""

    def files(folder):
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*.ipynb")}

    folders = tmp_path / "submissions", released / "autograded"
    before = [files(folder) for folder in folders]
    assert [len(each) for each in before] == [3, 3]
    course.grade(tmp_path / "submissions", released)
    assert [files(folder) for folder in folders] == before
    assert grades(released) == rows


# In this process: the cells that nbgrader runs, hidden tests included, with new names
# and with Keras as a new kernel has it. What takes time is that tests train, and most
# mistakes do not reach those. So the run of the solution notes which cells a test
# builds on. An answer is given the tests that build on a cell in which it differs, and
# what these build on; the other tests would do what they did for the solution.


class Names(dict):
    """The names of a notebook; they note what a cell binds and whose names it reads.

    Functions look here for their globals; the body of a class, outside of its methods,
    does so unnoticed.
    """

    def __init__(self):
        super().__init__(__name__="__main__")
        self.bound_by = {}

    def start(self, cell):
        self.cell, self.bound, self.read = cell, set(), set()

    def __setitem__(self, name, value):
        self.bound.add(name)
        self.bound_by[name] = self.cell
        super().__setitem__(name, value)

    def __getitem__(self, name):
        self.read.add(self.bound_by.get(name))
        return super().__getitem__(name)


def run(cells, skipped=()):
    """Run the cells; return those that fail, whose names each reads, what each binds.

    `skipped` are cells that are not run, each with the names that it would have bound.
    """
    failed, reads, binds = set(), {}, {}
    names = Names()
    keras.utils.clear_session(free_memory=False)  # collecting garbage takes 0.4 s
    for cell, source in cells.items():
        if cell in skipped:
            names.bound_by.update(dict.fromkeys(skipped[cell], cell))
            continue
        names.start(cell)
        try:
            run_cell(source, names)
        except Exception:
            failed.add(cell)
        reads[cell], binds[cell] = names.read - {cell, None}, names.bound
    names.clear()  # functions hold the names that hold them, and 200 MB of digits
    return failed, reads, binds


def run_cell(source, names):
    statements = ast.parse(source).body
    value = statements.pop() if isinstance(statements[-1], ast.Expr) else None
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    if value:
        shown = eval(compile(ast.Expression(value.value), "cell", "eval"), names)
        assert shown is None, "nbgrader would take it for the points"


def code(notebook):
    """Return the code up to the last test: a figure after it changes no points."""
    cells = notebook.cells
    last = max(i for i, cell in enumerate(cells) if settings(cell).get("grade"))
    return {
        settings(cell).get("grade_id", i): cell.source
        for i, cell in enumerate(cells[: last + 1])
        if cell.cell_type == "code"
    }


class Solved:
    """An assignment whose solution was run, which tells what an answer loses."""

    def __init__(self, name):
        notebook = solution(name)
        self.cells, self.tests = code(notebook), set(points(name))
        self.locked = {settings(c)["grade_id"] for c in notebook.cells if locked(c)}
        self.failed, reads, self.binds = run(self.cells)
        self.needs = {}  # the cells that a cell builds on, and itself
        for cell in self.cells:
            self.needs[cell] = {cell}.union(*map(self.needs.get, reads[cell]))

    def lost(self, notebook):
        """Return the tests whose points an answer does not earn."""
        cells = code(notebook) | {cell: self.cells[cell] for cell in self.locked}
        changed = {cell for cell in cells if cells[cell] != self.cells[cell]}
        reached = {test for test in self.tests if self.needs[test] & changed}
        needed = set().union(*map(self.needs.get, reached))
        skipped = {test: self.binds[test] for test in self.tests - needed}
        failed, reads, binds = run(cells, skipped)
        if any(
            reads[cell] & skipped.keys() or binds[cell] - self.binds[cell]
            for cell in reads
        ):
            # It goes other ways than the solution: nothing can be left out.
            failed, _, _ = run(cells)
            reached = self.tests
        return self.tests & (failed & reached | self.failed - reached)


solved = functools.cache(Solved)


# The scope makes pytest group the tests by assignment: most solutions are run once.
@pytest.mark.parametrize("name", SOURCES, scope="session")
def test_the_solution_earns_all_points(name):
    assert solved(name).lost(solution(name)) == set()
    assert sum(points(name).values()) == 20


@pytest.mark.parametrize("name", SOURCES, scope="session")
def test_the_stubs_earn_nothing(name, released):
    path = released / "release" / name / f"{name}.ipynb"
    text = path.read_text()
    for hidden in ("SOLUTION", "HIDDEN"):
        assert hidden not in text
    stubs = nbformat.reads(text, as_version=4)
    assert solved(name).lost(stubs) == set(points(name))


@pytest.mark.parametrize(("name", "right", "wrong", "cells"), CASES, scope="session")
def test_a_wrong_answer_loses_its_points_only(name, right, wrong, cells):
    answer = with_mistake(name, right, wrong)
    assert solved(name).lost(answer) == set(cells.split())
