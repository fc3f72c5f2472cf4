"""Training from files, on several devices, in several processes, and after a crash."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import aezoo
from benchmarks.nets import BATCH_SIZE
from benchmarks.scale.stream import stream

ROOT = Path(__file__).parent.parent
BUILDERS = sorted(name for name in aezoo.__all__ if name.endswith("_autoencoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files with 1,300 strokes in all: ten batches, and a rest that is left."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    across, along = np.meshgrid(np.arange(28), np.arange(28))
    x = []
    for slope, start in rng.uniform([-1, 5], [1, 23], (1300, 2)):
        distance = across - start - slope * (along - 14)
        x.append(255 * np.exp(-0.3 * distance**2))
    for number, part in enumerate(np.array_split(np.rint(x).astype("uint8"), 3)):
        part.tofile(folder / f"{number}.bin")
    return f"{folder}/*.bin"


def images(batches):
    return np.concatenate([x for x, _ in batches.as_numpy_iterator()])


@pytest.mark.one_backend
def test_files_give_back_the_images_in_order_in_full_batches(files):
    batches = stream(files, BATCH_SIZE)
    assert [len(x) for x, _ in batches.as_numpy_iterator()] == [BATCH_SIZE] * 10
    paths = sorted(Path(files).parent.iterdir())
    raw = np.concatenate([np.fromfile(path, "uint8") for path in paths])
    expected = raw.reshape(-1, 28, 28, 1)[:1280] / np.float32(255)
    np.testing.assert_array_equal(images(batches), expected)


@pytest.mark.one_backend
def test_shuffling_loses_nothing_and_differs_between_epochs(files):
    # One batch of everything, so that no image is in the rest.
    batches = stream(files, 1300, buffer=200, seed=0)
    first, second = images(batches), images(batches)
    assert not np.array_equal(first, second)
    sums = [np.sort(x.sum(axis=(1, 2, 3))) for x in (first, second)]
    np.testing.assert_array_equal(*sums)
    in_order = images(stream(files, 1300)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums[0], np.sort(in_order), rtol=1e-5)
    # It draws from all files: few neighbours of the files are neighbours still.
    places = np.argsort(in_order)[
        np.searchsorted(np.sort(in_order), first.sum((1, 2, 3)))
    ]
    assert (np.abs(np.diff(places)) == 1).mean() < 0.05


@pytest.mark.one_backend
def test_torn_and_missing_files_are_refused(tmp_path, files):
    (tmp_path / "torn.bin").write_bytes(bytes(785))
    with pytest.raises(ValueError, match=r"whole images.*Received: .*785 bytes"):
        stream(f"{tmp_path}/*.bin", 1)
    with pytest.raises(ValueError, match=r"at least one batch.*Received: 3 files"):
        stream(files, 1301)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_builder_trains_from_files_as_it_does_from_an_array(name, files):
    batches = stream(files, BATCH_SIZE)
    x = given = images(batches)
    if name == "conditional_variational_autoencoder":  # each batch has the same labels
        labels = np.eye(10, dtype="float32")[np.arange(BATCH_SIZE) % 10]
        batches = batches.map(lambda x, y: ((x, labels), y))
        given = [x, np.tile(labels, (len(x) // BATCH_SIZE, 1))]
    losses = []
    for data in (
        {"x": batches},
        {"x": given, "y": x, "batch_size": BATCH_SIZE, "shuffle": False},
    ):
        keras.utils.set_random_seed(0)
        model = getattr(aezoo, name)((28, 28, 1))
        model.compile("adam", loss=aezoo.squared_error)
        losses.append(model.fit(**data, epochs=2, verbose=0).history["loss"])
    # Later, what differs by rounding is enlarged, most in the deepest model.
    np.testing.assert_allclose(losses[0][0], losses[1][0], rtol=1e-5)
    assert losses[0][1] < losses[0][0]


def launch(*arguments, **options):
    command = [sys.executable, "-u", "-m", "benchmarks.scale.launch"]
    command += map(str, arguments)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **pipes, **options)


def finish(process):
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, out + errors


# The noise of the last two does not depend on how the batch is divided.
@pytest.mark.processes
@pytest.mark.parametrize(
    "model", ["undercomplete", "sparse", "contractive", "denoising", "variational"]
)
def test_two_processes_have_the_losses_of_one(model, files, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    common = ["--files", files, "--model", model, "--epochs", 3]
    if model == "undercomplete":
        common += ["--buffer", 500]  # they shuffle alike
    alone = launch(*common, "--history", tmp_path / "alone.json")
    cluster = ["--job-addresses", address, "--num-processes", 2]
    common += ["--save", tmp_path / "both.keras"]
    history = ["--history", tmp_path / "both.json"]
    first = launch(*common, *history, *cluster, "--process-id", 0)
    # The other is told by its environment, as a scheduler would tell it.
    environment = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": "1",
    }
    second = launch(*common, env=os.environ | environment)
    for process in (alone, first, second):
        finish(process)
    one = json.loads((tmp_path / "alone.json").read_text())
    two = json.loads((tmp_path / "both.json").read_text())
    assert list(one) == list(two) and len(one["loss"]) == 3
    assert one["loss"][2] < one["loss"][0]
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5, err_msg=name)
    assert [path.name for path in tmp_path.glob("*.keras")] == ["both.keras"]
    saved = keras.saving.load_model(tmp_path / "both.keras")
    x = images(stream(files, BATCH_SIZE))
    assert saved.evaluate(x, x, verbose=0)[0] < one["loss"][-1]


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--num-processes", 2], "need --job-addresses"),
        (["--process-id", 1], "counts from 0"),
        (
            ["--num-processes", 2, "--job-addresses", "127.0.0.1:1", "--backup", "b"],
            "one process only",
        ),
        (
            ["--num-processes", 3, "--job-addresses", "127.0.0.1:1"],
            "multiple of --num-processes",
        ),
        (["--files", "nothing/*.bin"], "no file matches nothing/*.bin"),
        (["--model", "linear"], "invalid choice: 'linear'"),
    ],
)
def test_the_launcher_refuses_what_cannot_work(arguments, message, files):
    process = launch("--files", files, *arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and message in errors


@pytest.mark.processes
def test_two_devices_of_tensorflow_agree_but_for_a_mean_over_the_batch(files):
    command = [sys.executable, "-m", "benchmarks.scale.mirrored", "--files", files]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout.splitlines()[-1])
    for name in ("undercomplete", "contractive"):
        one, two = (measured[name][f"{n}"] for n in ("one device", "two devices"))
        np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-5, err_msg=name)

    # Each device charges the divergence of its own half of the batch.
    keras.utils.set_random_seed(0)
    encoder = aezoo.sparse_autoencoder((28, 28, 1)).get_layer("encoder")
    x = images(stream(files, BATCH_SIZE))
    codes = keras.ops.convert_to_numpy(encoder(x)).astype("float64")

    def charged(size):
        rho = codes.reshape(-1, size, codes.shape[-1]).mean(axis=1)
        kl = 0.05 * np.log(0.05 / rho) + 0.95 * np.log(0.95 / (1 - rho))
        return kl.sum(axis=-1).mean()

    sparse = measured["sparse"]
    for devices, size in [("one device", BATCH_SIZE), ("two devices", BATCH_SIZE // 2)]:
        penalty = sparse[devices]["penalty at the start"]
        assert penalty == pytest.approx(charged(size), rel=1e-5)
    assert charged(BATCH_SIZE // 2) > (1 + 1e-4) * charged(BATCH_SIZE)


@pytest.mark.processes
def test_a_killed_training_goes_on_to_the_same_losses(files, tmp_path):
    common = ["--files", files, "--epochs", 40, "--model", "contractive"]
    whole = launch(*common, "--history", tmp_path / "whole.json")
    backup = ["--backup", tmp_path / "backup", "--history", tmp_path / "rest.json"]
    killed = launch(*common, *backup)
    for line in killed.stdout:
        if line.startswith("Epoch 20/"):  # it has begun, and is not over
            killed.kill()
            break
    assert killed.wait(timeout=60) == -signal.SIGKILL
    killed.stdout.close()
    killed.stderr.close()
    assert not (tmp_path / "rest.json").exists()
    finish(launch(*common, *backup))
    finish(whole)
    losses = [
        json.loads((tmp_path / f"{name}.json").read_text())["loss"]
        for name in ("whole", "rest")
    ]
    # It repeats the epoch in which it was killed, and none before it.
    assert 40 - 20 <= len(losses[1]) <= 40 - 18
    np.testing.assert_allclose(losses[1], losses[0][-len(losses[1]) :], rtol=1e-5)
