"""Every formula is broken on purpose, and the test that guards it has to fail.

Each mutation replaces one piece of one file in a copy of the package, and runs one test
against the copy. It needs no derivation to see that the broken line is wrong; what is
tested is that the test sees it.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import aezoo

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent

# Name, file, what is there, what is put in its place, and the test that must fail.
MUTATIONS = [
    (
        "kl of the prior from the recognition net",
        "conditional.py",
        "log_ratio = z_log_var - prior_log_var",
        "log_ratio = prior_log_var - z_log_var",
        "tests/test_conditional.py::test_the_kl_is_its_integral_and_the_mean_over_draws",
    ),
    (
        "distance in the wrong gaussian's units",
        "conditional.py",
        "* _exp(-prior_log_var)",
        "* _exp(-z_log_var)",
        "tests/test_conditional.py::test_the_kl_is_its_integral_and_the_mean_over_draws",
    ),
    (
        "a standard prior whatever the condition",
        "likelihood.py",
        'prior_mean, prior_log_var = (each.astype("float32") for each in prior)',
        "_ = prior",
        "tests/test_conditional.py::test_log_likelihood_given_a_condition_is_the_integral_over_codes",
    ),
    (
        "gaps filled with one",
        "recommender.py",
        "ops.where(ops.isnan(x), ops.zeros_like(x), x)",
        "ops.where(ops.isnan(x), ops.ones_like(x), x)",
        "tests/test_recommender.py::test_no_weight_of_a_film_that_nobody_rated_is_moved",
    ),
    (
        "columns not damped",
        "recommender.py",
        "known.sum(axis=0) + damping",
        "known.sum(axis=0) + 1e-9",
        "tests/test_recommender.py::test_the_baseline_is_the_damped_least_squares_solution",
    ),
    (
        "l1 divided by the batch twice",
        "sparse.py",
        "penalty = ops.mean(ops.sum(ops.abs(exact), axis=-1))",
        "penalty = ops.mean(ops.sum(ops.abs(exact), axis=-1)) / ops.shape(codes)[0]",
        "tests/test_sparse.py::test_penalties_grow_with_the_units_and_not_with_the_batch",
    ),
    (
        "kl divided by the batch",
        "sparse.py",
        "self.add_loss(self.strength * ops.sum(divergence))",
        "self.add_loss(self.strength * ops.sum(divergence) / ops.shape(codes)[0])",
        "tests/test_sparse.py::test_penalties_grow_with_the_units_and_not_with_the_batch",
    ),
    (
        "kl reversed",
        "sparse.py",
        "divergence = t * ops.log(t / rho) + (1 - t) * ops.log((1 - t) / (1 - rho))",
        "divergence = rho * ops.log(rho / t) + (1 - rho) * ops.log((1 - rho) / (1 - t))",
        "tests/test_sparse.py::test_kl_is_its_closed_form",
    ),
    (
        "k plus one kept",
        "sparse.py",
        "_, kept = ops.top_k(codes, k)",
        "_, kept = ops.top_k(codes, k + 1)",
        "tests/test_sparse.py::test_top_k_keeps_exactly_k_of_equal_codes",
    ),
    (
        "constraint on the inputs of a pixel",
        "sparse.py",
        "kernel_constraint=decoder_constraint",
        "kernel_constraint=decoder_constraint and keras.constraints.UnitNorm(axis=0)",
        "tests/test_sparse.py::test_each_unit_adds_a_vector_of_length_1",
    ),
    (
        "noise left on",
        "denoising.py",
        "        if not training:\n            return inputs\n        noisy = inputs + keras.random.normal(",
        "        noisy = inputs + keras.random.normal(",
        "tests/test_denoising.py::test_a_network_that_copies_pays_the_noise_in_training_and_nothing_after",
    ),
    (
        "gradient of the summed code",
        "contractive.py",
        "squared_norms = ops.matmul(ops.square(slope), column_norms)",
        "squared_norms = ops.sum(ops.square(ops.matmul(slope, ops.transpose(kernel))), axis=-1)",
        "tests/test_contractive.py::test_the_penalty_is_the_exact_squared_jacobian",
    ),
    (
        "slope of the sigmoid for tanh",
        "contractive.py",
        "slope = 1.0 - ops.square(exact)",
        "slope = exact * (1.0 - exact)",
        "tests/test_contractive.py::test_the_penalty_is_the_exact_squared_jacobian",
    ),
    (
        "frozen layer left trainable",
        "layerwise.py",
        "        frozen.trainable = False",
        "        frozen.trainable = True",
        "tests/test_pretraining.py::test_a_dataset_of_four_equal_batches_gives_what_four_epochs_of_one_give",
    ),
    (
        "layer 2 trained on the raw input",
        "layerwise.py",
        "        below = frozen(below)",
        "        frozen(below)",
        "tests/test_layerwise.py::test_layer_2_descends_the_loss_on_the_codes_of_layer_1",
    ),
    (
        "sign of the CD negative phase",
        "boltzmann.py",
        "ops.mean(self.free_energy(inputs) - self.free_energy(sample))",
        "ops.mean(self.free_energy(inputs) + self.free_energy(sample))",
        "tests/test_boltzmann.py::test_the_expected_gradient_is_that_of_contrastive_divergence",
    ),
    (
        "decoder unrolled without the transpose",
        "boltzmann.py",
        "            mirror.set_weights([kernel.T, visible_bias])",
        "            mirror.set_weights([kernel.reshape(mirror.kernel.shape), visible_bias])",
        "tests/test_boltzmann.py::test_the_unrolled_model_goes_up_and_down_the_machines",
    ),
    (
        "kl mean over latents",
        "variational.py",
        "kl = 0.5 * ops.sum(variance",
        "kl = 0.5 * ops.mean(variance",
        "tests/test_variational.py::test_the_kl_is_the_integral_that_defines_it",
    ),
    (
        "kl without its half",
        "variational.py",
        "kl = 0.5 * ops.sum(variance",
        "kl = ops.sum(variance",
        "tests/test_variational.py::test_the_kl_is_what_samples_say_it_is",
    ),
    (
        "log variance taken for variance in the kl",
        "variational.py",
        "variance = ops.exp(bounded) *",
        "variance = ops.square(bounded) *",
        "tests/test_variational.py::test_the_kl_is_the_integral_that_defines_it",
    ),
    (
        "noise not drawn afresh",
        "variational.py",
        "noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)",
        "noise = keras.random.normal(ops.shape(z_mean), seed=1)",
        "tests/test_variational.py::test_noise_differs_between_examples_and_between_calls",
    ),
    (
        "variance that overflows",
        "variational.py",
        "bounded = ops.minimum(z_log_var, 10.0)",
        "bounded = z_log_var",
        "tests/test_variational.py::test_no_pixel_is_so_large_that_a_new_model_gives_nan",
    ),
    (
        "beta fixed when the step is compiled",
        "variational.py",
        "self._price * ops.mean(kl)",
        "self._beta * ops.mean(kl)",
        "tests/test_variational.py::test_a_callback_anneals_beta_as_models_built_anew_would",
    ),
    (
        "a gap that spoils the gradient",
        "losses.py",
        "ops.where(gaps, 0.0, y_true)",
        "y_true",
        "tests/test_losses.py::test_a_gap_moves_nothing",
    ),
    (
        "importance weights averaged in log space",
        "likelihood.py",
        'np.logaddexp.reduce(log_weights.astype("float64"), axis=-1)',
        "log_weights.mean(axis=-1) + math.log(num_samples)",
        "tests/test_variational.py::test_with_another_encoder_it_rises_from_the_elbo_to_the_exact_value",
    ),
]


def outcome(mutation, folder):
    """Return the output and exit code of a mutation's test on a broken copy."""
    name, file, original, broken, test = mutation
    copy = folder / name.replace(" ", "-")
    shutil.copytree(Path(aezoo.__file__).parent, copy / "aezoo")
    source = (copy / "aezoo" / file).read_text()
    assert source.count(original) == 1, f"{name}: {file} has changed"
    (copy / "aezoo" / file).write_text(source.replace(original, broken))
    shutil.copytree(ROOT / "tests", copy / "tests")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", test],
        cwd=copy,  # `-m` puts this folder, and so the copy, before what is installed
        # The quickest to import, and nothing of pytest's that is not needed.
        env=os.environ
        | {"KERAS_BACKEND": "jax", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return result.returncode, result.stdout + result.stderr


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    with ThreadPoolExecutor(2) as two:
        results = two.map(lambda mutation: outcome(mutation, folder), MUTATIONS)
        return {
            mutation[0]: result
            for mutation, result in zip(MUTATIONS, results, strict=True)
        }


@pytest.mark.parametrize("name", [mutation[0] for mutation in MUTATIONS])
def test_the_broken_formula_is_noticed(name, outcomes):
    code, output = outcomes[name]
    # 1: a test ran and failed. Other codes mean that none ran.
    assert code == 1, output
    assert "1 failed" in output, output


def test_an_unbroken_copy_passes(tmp_path):
    name, file, original, _, test = MUTATIONS[0]
    code, output = outcome((name, file, original, original, test), tmp_path)
    assert code == 0, output
