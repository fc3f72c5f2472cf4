"""Every preset loads, and has the number that its card and its row say."""

import hashlib
import importlib
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import aezoo
from aezoo import presets
from benchmarks import report

ROWS = {
    row["preset"]["name"]: row for row in report.load() if row.get("preset") is not None
}
CARDS = {name: (presets.FOLDER / f"{name}.md").read_text() for name in ROWS}


@pytest.mark.parametrize("name", ROWS)
def test_a_preset_has_the_number_on_its_card(name):
    row = ROWS[name]
    module = importlib.import_module(f"benchmarks.papers.{row['name']}")
    keras.utils.set_random_seed(0)
    measured = float(module.score(aezoo.load_preset(name)))
    card = row["preset"][row["preset"]["stored"]]
    assert f"{card:.6g}" in CARDS[name]
    # Draws of another backend; or, of 10,000 test images, one that is read otherwise.
    slack = 0.011 if row["preset"]["unit"] == "%" else abs(card) / 1000
    assert measured == pytest.approx(card, abs=slack)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ROWS)
def test_rounding_cost_less_than_a_thousandth(name):
    preset = ROWS[name]["preset"]
    assert preset["stored"] == "float16"  # of all so far
    assert abs(preset["float16"] / preset["float32"] - 1) < 1e-3


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ROWS)
def test_a_card_is_that_of_its_row_and_its_code_runs(name):
    card = CARDS[name]
    assert card == report.card(ROWS[name])
    code = re.search("```python\n(.*?)```", card, re.S)[1]
    assert len(list(filter(None, code.splitlines()))) <= 7
    found = {}
    exec(code, found)
    last = [value for key, value in found.items() if key not in ("model", "x_train")]
    assert np.isfinite(np.asarray(last[-1])).all()


@pytest.mark.one_backend
def test_files_sums_cards_and_rows_are_of_the_same_presets():
    names = aezoo.list_presets()
    assert names == sorted(ROWS)
    for ending in ("keras", "md"):
        assert names == sorted(p.stem for p in presets.FOLDER.glob(f"*.{ending}"))
    size = sum(path.stat().st_size for path in presets.FOLDER.iterdir())
    assert size < 25e6
    lines = []
    for name in names:
        file = presets.FOLDER / f"{name}.keras"
        assert file.stat().st_size == ROWS[name]["preset"]["bytes"]
        lines.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}.keras")
    assert lines == (presets.FOLDER / "SHA256SUMS").read_text().splitlines()


@pytest.mark.one_backend
def test_each_builder_of_autoencoders_has_a_preset():
    built = {row["preset"]["builder"] for row in ROWS.values()}
    builders = {name for name in aezoo.__all__ if name.endswith("_autoencoder")}
    assert builders <= built


def test_keras_alone_opens_a_file():
    loaded = keras.saving.load_model(presets.FOLDER / "variational_mnist.keras")
    model = aezoo.load_preset("variational_mnist")
    assert [layer.name for layer in model.layers] == [x.name for x in loaded.layers]
    for weight, same in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    assert {str(weight.dtype) for weight in model.trainable_weights} == {"float32"}


def test_a_preset_goes_on_training():
    model = aezoo.load_preset("undercomplete_mnist")
    x = aezoo.datasets.load_mnist()[0][0][:256]
    model.compile(keras.optimizers.Adam(1e-4), loss=aezoo.squared_error)
    before = model.evaluate(x, x, verbose=0)
    model.fit(x, x, epochs=3, verbose=0)
    assert model.evaluate(x, x, verbose=0) < before < 10


@pytest.mark.one_backend
def test_the_classifier_is_good_enough_to_judge():
    assert ROWS["classifier_mnist"]["mean"] >= 99.3


@pytest.mark.one_backend
def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"linear_mnist.* Received: 'linear'"):
        aezoo.load_preset("linear")
    with pytest.raises(ValueError, match=r"Received: None"):
        aezoo.load_preset(None)


@pytest.mark.one_backend
def test_a_damaged_or_missing_file_is_said(tmp_path, monkeypatch):
    for file in ("SHA256SUMS", "linear_mnist.keras"):
        shutil.copy(presets.FOLDER / file, tmp_path)
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    file = tmp_path / "linear_mnist.keras"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # a single bit
    file.write_bytes(content)
    with pytest.raises(OSError, match=r"'linear_mnist' is damaged: .*SHA-256"):
        aezoo.load_preset("linear_mnist")
    with pytest.raises(OSError, match=r"stacked_mnist\.keras: No such file"):
        aezoo.load_preset("stacked_mnist")
    (tmp_path / "SHA256SUMS").unlink()
    for call in (aezoo.list_presets, lambda: aezoo.load_preset("linear_mnist")):
        with pytest.raises(OSError, match=r"SHA256SUMS: No such file.* again"):
            call()


@pytest.mark.one_backend
def test_loading_writes_nothing_and_needs_no_network(tmp_path):
    code = """
import sys

def refuse(event, arguments):
    path, mode = (*arguments, "")[:2] if event == "open" else ("", "")
    if event == "socket.connect" or isinstance(mode, str) and {*"wax+"} & {*mode}:
        raise RuntimeError(f"{event} {arguments}")

import aezoo
sys.addaudithook(refuse)
print(aezoo.load_preset("linear_mnist").count_params())
"""
    result = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["47854"]
