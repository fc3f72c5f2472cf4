"""Each symptom of `site/when_it_goes_wrong.md` is provoked, and its cure cures it."""

import re
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

import aezoo

# What the symptoms rest on is tested on each backend elsewhere.
pytestmark = pytest.mark.one_backend

PAGE = (Path(__file__).parent.parent / "site" / "when_it_goes_wrong.md").read_text()
HEADINGS = re.findall(r"^## (.*)", PAGE, re.M)


def patterns(count=256, pixels=30):
    """Binary examples with structure: one of four random patterns each."""
    rng = np.random.default_rng(0)
    choice = rng.integers(0, 2, (4, pixels))[rng.integers(0, 4, count)]
    return choice.astype("float32")


def fitted(model, x, y=None, loss=aezoo.squared_error, epochs=30, **options):
    model.compile(keras.optimizers.Adam(3e-3), loss=loss)
    options = {"verbose": 0, "batch_size": 64, "epochs": epochs, **options}
    return model.fit(x, x if y is None else y, **options).history


def small(x, **arguments):
    arguments = {"latent_dim": 4, "hidden_units": (32,), **arguments}
    return aezoo.undercomplete_autoencoder(x.shape[1:], **arguments)


def variational(x, **arguments):
    arguments = {"latent_dim": 2, "hidden_units": (32,), **arguments}
    return aezoo.variational_autoencoder(x.shape[1:], **arguments)


def code_under(heading):
    section = re.split(r"^#+ ", PAGE.split(f"## {heading}\n")[1], flags=re.M)[0]
    return re.findall(r"```python\n(.*?)```", section, re.S)


def run(heading, **names):
    """Run the page's code below a heading as a reader would."""
    (block,) = code_under(heading)
    names = {"aezoo": aezoo, "keras": keras, "np": np, **names}
    exec(textwrap.dedent(block), names)
    return names


def test_every_heading_has_its_test():
    for heading in HEADINGS:
        assert "test_" + re.sub(r"\W+", "_", heading.lower()) in globals(), heading


def test_the_loss_is_nan():
    x = patterns()
    x[3, 2] = np.nan
    assert np.isnan(fitted(small(x), x, epochs=1)["loss"]).all()
    model = small(x)
    run("The loss is NaN", model=model, x=x)
    assert np.isfinite(model.evaluate(np.nan_to_num(x), x, verbose=0))


def test_the_loss_is_negative():
    x = 255 * patterns()
    assert fitted(small(x), x, loss=aezoo.bernoulli_nll)["loss"][-1] < 0
    assert fitted(small(x), x / 255, loss=aezoo.bernoulli_nll)["loss"][-1] > 0
    with pytest.raises(ValueError, match="Received: y_true from"):
        aezoo.bernoulli_nll(x, np.full_like(x, 0.5))


def test_the_loss_is_large_and_hardly_falls():
    x = patterns()
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)
    stuck = fitted(small(x), x)["loss"]
    cured = fitted(small(x, output_activation=None), x)["loss"]
    assert stuck[-1] > 5 * cured[-1]


def test_the_loss_is_near_zero_and_every_reconstruction_is_grey():
    x = patterns()
    model = variational(x)
    model.compile(keras.optimizers.Adam(3e-3))
    assert model.fit(x, epochs=30, verbose=0).history["loss"][-1] < 0.05
    assert np.abs(model.predict(x, verbose=0) - x).mean() > 0.4
    model = variational(x)
    run("The loss is near zero and every reconstruction is grey", model=model, x=x)
    assert model.evaluate(x, x, verbose=0) > 5


def test_every_reconstruction_is_the_same_image():
    x = patterns(pixels=784)

    def spread(loss):
        model = variational(x)
        fitted(model, x, loss=loss)
        z_mean, _ = model.get_layer("encoder").predict(x, verbose=0)
        return model.get_layer("decoder").predict(z_mean, verbose=0).std(axis=0).mean()

    assert spread("mse") < 0.05 < 0.2 < spread(aezoo.bernoulli_nll)


def test_the_kl_is_at_zero():
    x = patterns()

    def kl(model):
        z_mean, z_log_var = model.get_layer("encoder").predict(x, verbose=0)
        return 0.5 * (np.exp(z_log_var) + z_mean**2 - 1 - z_log_var).sum(axis=1).mean()

    model = variational(x, beta=100.0)
    fitted(model, x, loss=aezoo.bernoulli_nll)
    assert kl(model) < 0.05
    run("The KL is at zero", model=model, x=x)  # one epoch, at a tenth
    assert model.get_layer("z").beta == 0.1
    fitted(model, x, loss=aezoo.bernoulli_nll)
    assert kl(model) > 0.5


def test_the_reconstruction_is_perfect_and_the_code_is_useless():
    rng = np.random.default_rng(0)
    x = (rng.dirichlet(0.1 * np.ones(40), 1024) @ rng.random((40, 30))).astype(
        "float32"
    )
    strange = rng.random((512, 30)).astype("float32")
    size = np.square(strange - strange.mean(axis=0)).sum(axis=1).mean()

    def left_of_strange_ones(latent_dim):
        model = small(x, latent_dim=latent_dim, hidden_units=(), output_activation=None)
        fitted(model, x, epochs=60)
        return model.evaluate(strange, strange, verbose=0) / size

    assert left_of_strange_ones(60) < left_of_strange_ones(2) / 3


def test_the_validation_loss_lies_far_above_the_training_loss():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 30))

    def drawn(count):
        x = np.tanh(rng.normal(size=(count, 3)) @ mixing)
        return (x + rng.normal(0, 0.3, x.shape)).astype("float32")

    new = drawn(500)

    def ratio(count):
        x = drawn(count)
        model = small(x, latent_dim=10, hidden_units=(128,), output_activation=None)
        options = {"batch_size": 20, "epochs": 4000 // count}  # as many steps
        history = fitted(model, x, validation_data=(new, new), **options)
        return history["val_loss"][-1] / history["loss"][-1]

    assert ratio(40) > 2 > 1.3 > ratio(4000)


def test_weights_for_pixels_do_not_leave_pixels_out():
    x = patterns().reshape(-1, 6, 5, 1)
    model = small(x)
    weights = np.ones_like(x)
    weights[:, :3] = 0
    # Wrong in the pixels of weight 0, right in all others.
    target = model.predict(x, verbose=0) + (1 - weights)

    model.compile("adam", loss=aezoo.squared_error_with_gaps)
    gaps = np.where(weights == 1, target, np.nan)
    assert model.evaluate(x, gaps, verbose=0) < 1e-6
    try:
        model = small(x)
        model.compile("adam", loss=aezoo.squared_error)
        wrong = model.evaluate(x, target, sample_weight=weights, verbose=0)
    except (ValueError, RuntimeError, TypeError):
        return  # some backends refuse them: better still
    assert wrong > 1


def test_a_setting_was_changed_and_nothing_happened():
    x = patterns()
    model = aezoo.sparse_autoencoder(x.shape[1:], sparsity=aezoo.TopK(8))
    with pytest.raises(AttributeError, match="k"):
        model.get_layer("encoder").get_layer("sparsity").k = 3
    second = aezoo.sparse_autoencoder(x.shape[1:], sparsity=aezoo.TopK(3))
    second.set_weights(model.get_weights())
    codes = second.get_layer("encoder").predict(x, verbose=0)
    assert ((codes != 0).sum(axis=1) == 3).all()


def test_the_kl_as_a_curve():
    history = run("The KL as a curve", x=patterns())["history"].history
    assert len(history["kl"]) == 2 and np.isfinite(history["kl"]).all()


def test_a_step_of_a_scikit_learn_pipeline():
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = patterns() + np.random.default_rng(0).normal(0, 0.1, (256, 30))
    labels = patterns()[:, 0]
    codes = run("A step of a scikit-learn pipeline")["Codes"]()
    pipeline = make_pipeline(StandardScaler(), codes, linear_model.LogisticRegression())
    assert pipeline.fit(x[:200], labels[:200]).score(x[200:], labels[200:]) > 0.9
