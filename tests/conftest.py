import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest


@pytest.fixture(autouse=True)
def repeatable():
    keras.utils.set_random_seed(0)
    yield
    keras.utils.clear_session()
