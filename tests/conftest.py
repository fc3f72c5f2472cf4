import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
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


@pytest.fixture(autouse=True)
def repeatable():
    keras.utils.set_random_seed(0)
