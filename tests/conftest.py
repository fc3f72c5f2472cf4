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
]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem in LAST)


@pytest.fixture(autouse=True)
def repeatable():
    keras.utils.set_random_seed(0)
