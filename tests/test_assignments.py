"""The graders: full points for the solution, none for the stubs, and fair to mistakes.

Each wrong answer is one that students write. It has to lose the points of the tests
that are listed, and no others.
"""

import csv
import json
import shutil
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.one_backend, pytest.mark.grading]

FOLDER = Path(__file__).parent.parent / "notebooks" / "assignments"
SOURCES = {path.stem: path for path in sorted(FOLDER.glob("[0-9]*.ipynb"))}

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
    for name, cases in WRONG.items()
    for case in cases
]


@pytest.fixture(scope="session")
def course(load_script):
    return load_script(FOLDER / "course.py")


@pytest.fixture(scope="session")
def released(course, tmp_path_factory):
    """A course folder, made once for each process."""
    folder = tmp_path_factory.mktemp("course")
    course.release(folder)
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


def settings(cell):
    return cell.metadata.get("nbgrader", {})


def solution(name):
    return nbformat.read(SOURCES[name], as_version=4)


def lost(row, name):
    points = {
        settings(cell)["grade_id"]: settings(cell)["points"]
        for cell in solution(name).cells
        if settings(cell).get("grade")
    }
    scores = json.loads(row["points"])
    assert scores.keys() == points.keys()
    assert float(row["score"]) == sum(scores.values())
    assert all(scores[cell] in (0, points[cell]) for cell in points)
    return {cell for cell in points if scores[cell] == 0}


def with_code(name, cell_name, code):
    """Return the solution with code added to one of its cells."""
    notebook = solution(name)
    (cell,) = (c for c in notebook.cells if settings(c).get("grade_id") == cell_name)
    cell.source += code
    return notebook


# The long ones come first, so that two processes end together.


def test_misbehaving_submissions_are_graded_as_far_as_they_go(grade):
    name = "3_contractive"
    first_part = {"jacobian_check", "jacobian_exact"}
    without_tests = solution(name)
    without_tests.cells = [
        cell for cell in without_tests.cells if not settings(cell).get("locked")
    ]
    softened = with_code(name, "jacobian", "\n\njacobian = lambda w, b, x: x")
    for cell in softened.cells:
        if settings(cell).get("grade"):
            cell.source = "assert True"
    rows = grade(
        loops=(name, with_code(name, "contraction", "\n\nwhile True:\n    pass")),
        dies=(name, with_code(name, "contraction", "\n\nimport os\nos._exit(1)")),
        shouts=(name, with_code(name, "contraction", "\n\nprint('x' * 70 * 20_000)")),
        shouts_on=(
            name,
            with_code(name, "contraction", "\n\nwhile True:\n    print('x' * 70)"),
        ),
        without_tests=(name, without_tests),
        softened=(name, softened),
        unreadable=(name, "{"),
        renamed=(f"{name} (1)", solution(name)),
        well=(name, solution(name)),
    )
    everything = lost(rows["unreadable"], name)
    assert "read" in rows["unreadable"]["remarks"]
    assert len(everything) == 13

    assert rows["renamed"]["score"] == ""
    assert "no assignment is called" in rows["renamed"]["remarks"]

    assert lost(rows["dies"], name) == everything - first_part
    assert "contraction" in rows["dies"]["remarks"]
    assert "died" in rows["dies"]["remarks"]

    assert lost(rows["loops"], name) == set()
    assert "contraction took too long" in rows["loops"]["remarks"]

    for student in ("shouts", "shouts_on"):
        assert lost(rows[student], name) == set()
        assert "contraction printed too much" in rows[student]["remarks"]

    assert lost(rows["without_tests"], name) == set()
    assert "missing" in rows["without_tests"]["remarks"]

    assert lost(rows["softened"], name) == first_part
    assert "put back" in rows["softened"]["remarks"]

    assert lost(rows["well"], name) == set()


def test_a_kernel_that_ignores_interrupts_ends_in_time(grade):
    stubborn = """

import time
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
"""
    name = "3_contractive"
    rows = grade(
        stubborn=(name, with_code(name, "contraction", stubborn)),
        other=(name, solution(name)),
    )
    assert {"jacobian_check", "jacobian_exact"}.isdisjoint(lost(rows["stubborn"], name))
    assert "contraction_exact" in lost(rows["stubborn"], name)
    assert "did not answer" in rows["stubborn"]["remarks"]
    assert lost(rows["other"], name) == set()


def test_a_submission_that_takes_too_long_in_all_is_stopped(grade, released):
    name = "2_sparse_kl"
    config = released / "nbgrader_config.py"
    before = config.read_text()
    config.write_text(before + "c.ExecuteAsFarAsPossible.submission_timeout = 1\n")
    try:
        row = grade(slow=(name, solution(name)))["slow"]
    finally:
        config.write_text(before)
    assert float(row["score"]) == 0
    assert "more than 1 seconds in all" in row["remarks"]


def test_the_same_submission_is_graded_once(grade, course, released, tmp_path):
    name = "5_variational"
    row = grade(again=(name, solution(name)))["again"]
    graded = released / "autograded" / "again" / name / f"{name}.ipynb"
    time = graded.stat().st_mtime_ns
    before = (tmp_path / "submissions" / "again" / f"{name}.ipynb").read_text()
    course.grade(tmp_path / "submissions", released)
    assert graded.stat().st_mtime_ns == time
    assert grades(released)["again"] == row
    after = (tmp_path / "submissions" / "again" / f"{name}.ipynb").read_text()
    assert after == before


@pytest.mark.parametrize("name", SOURCES)
def test_the_solution_earns_all_points(name, grade):
    row = grade(solved=(name, solution(name)))["solved"]
    assert lost(row, name) == set()
    assert float(row["out_of"]) == 20


@pytest.mark.parametrize("name", SOURCES)
def test_the_stubs_earn_nothing(name, grade, released):
    path = released / "release" / name / f"{name}.ipynb"
    text = path.read_text()
    for hidden in ("SOLUTION", "HIDDEN"):
        assert hidden not in text
    row = grade(unsolved=(name, text))["unsolved"]
    assert float(row["score"]) == 0
    assert row["remarks"] == ""


@pytest.mark.parametrize(("name", "right", "wrong", "cells"), CASES)
def test_a_wrong_answer_loses_its_points_only(name, right, wrong, cells, grade):
    notebook = solution(name)
    places = [
        c for c in notebook.cells if right in c.source and settings(c).get("solution")
    ]
    assert len(places) == 1
    places[0].source = places[0].source.replace(right, wrong)
    assert lost(grade(wrong=(name, notebook))["wrong"], name) == set(cells.split())
