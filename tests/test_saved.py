"""Files of older versions load and predict what they did.

`tests/saved/<version>/` holds a small model of every builder, as that version saved
it, with an input and what the model made of it. Before a release,

    python tests/test_saved.py

adds the folder of the current version. Folders that are there are left alone.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

import aezoo

SAVED = Path(__file__).parent / "saved"
FILES = sorted(SAVED.glob("*/*.keras"))
SHAPE = (6, 5, 1)


def models():
    """Return one model of each kind that has layers or settings of ours."""
    sparse = {"latent_dim": 6, "output_activation": None}
    built = {
        "sparse_kl": aezoo.sparse_autoencoder(SHAPE, **sparse),
        "sparse_l1": aezoo.sparse_autoencoder(
            SHAPE, sparsity=aezoo.L1Sparsity(0.1), **sparse
        ),
        "sparse_top_k": aezoo.sparse_autoencoder(
            SHAPE,
            sparsity=aezoo.TopK(2, inference_factor=1.5),
            decoder_constraint=keras.constraints.UnitNorm(axis=1),
            **sparse,
        ),
        "boltzmann_machine": aezoo.restricted_boltzmann_machine(SHAPE, latent_dim=3),
    }
    for name, noise in [
        ("gaussian", aezoo.GaussianCorruption(0.3, clip=True)),
        ("masking", aezoo.MaskingCorruption(0.4)),
        ("salt", aezoo.SaltAndPepperCorruption(0.2)),
    ]:
        built[f"denoising_{name}"] = aezoo.denoising_autoencoder(
            SHAPE, latent_dim=3, noise=noise
        )
    for name in (
        "linear",
        "undercomplete",
        "contractive",
        "stacked",
        "convolutional",
        "variational",
        "convolutional_variational",
        "conditional_variational",
        "recommender",
    ):
        options = {"latent_dim": 3}
        if "convolutional" in name:
            options["filters"] = (2,)
        elif name not in ("linear", "contractive"):
            options["hidden_units"] = (4,)
        if name == "conditional_variational":
            options["condition_shape"] = (2,)
        built[name] = getattr(aezoo, f"{name}_autoencoder")(SHAPE, **options)
    return built


def answers(model, x):
    """Return what does not depend on a draw: codes, and what becomes of them."""
    x = keras.ops.convert_to_tensor(x)
    layers = {layer.name: layer for layer in model.layers}
    if not {"encoder", "decoder"} <= set(layers):
        return [keras.ops.convert_to_numpy(model(x))]
    given = [x[:, 0, :2, 0]] if "prior" in layers else []  # a condition
    codes = layers["encoder"]([x, *given] if given else x)
    codes = codes if isinstance(codes, (list, tuple)) else [codes]
    reconstruction = layers["decoder"]([codes[0], *given] if given else codes[0])
    return [keras.ops.convert_to_numpy(each) for each in (*codes, reconstruction)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_a_file_of_an_older_version_predicts_what_it_did(file):
    model = keras.saving.load_model(file)
    with np.load(file.with_suffix(".npz")) as known:
        expected = [known[f"answer_{i}"] for i in range(len(known.files) - 1)]
        found = answers(model, known["x"])
    assert len(found) == len(expected)
    for answer, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(answer, value, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
def test_this_version_has_its_files():
    files = {f.stem for f in FILES if f.parent.name == aezoo.__version__}
    assert files == set(models())


def save():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((4, *SHAPE), dtype="float32")
    built = models()
    folder = SAVED / aezoo.__version__
    folder.mkdir(parents=True)  # fails if it is there
    for name, model in built.items():
        model.save(folder / f"{name}.keras")
        arrays = {f"answer_{i}": a for i, a in enumerate(answers(model, x))}
        np.savez_compressed(folder / f"{name}.npz", x=x, **arrays)


if __name__ == "__main__":
    save()
