import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

# These start other processes or train for long: the quick answers come first.
LAST = [
    "test_linear",
    "test_contract",
    "test_copyable",
    "test_readme",
    "test_mutations",
    "test_assignments",
]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem in LAST)


@pytest.fixture(scope="session")
def load_script():
    """Import a script that belongs to no package, from its path."""

    def loaded(path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return loaded


@pytest.fixture(scope="session")
def gradient():
    """Gradient of a scalar function by the backend's own automatic differentiation."""

    def gradient(function, x):
        x = keras.ops.convert_to_tensor(x)
        if keras.backend.backend() == "jax":
            import jax

            return np.asarray(jax.grad(function)(x))
        if keras.backend.backend() == "torch":
            x.requires_grad_()
            function(x).backward()
            return x.grad.numpy()
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x).numpy()

    return gradient


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def mixed_precision(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.fixture(autouse=True)
def repeatable():
    keras.utils.set_random_seed(0)
