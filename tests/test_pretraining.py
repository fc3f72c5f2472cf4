"""What both kinds of pretraining promise: any source of examples, or a refusal."""

import functools

import keras
import numpy as np
import pytest
from scipy import sparse

import aezoo

SIZES = [5, 5, 4, 3]
BOTH = [aezoo.pretrain_layerwise, aezoo.pretrain_boltzmann]
both = pytest.mark.parametrize("pretrain", BOTH, ids=["layerwise", "boltzmann"])


def build(pretrain, **settings):
    """A model of which nothing in the training in one batch is random."""
    keras.utils.set_random_seed(0)
    model = aezoo.stacked_autoencoder(
        (SIZES[0],),
        latent_dim=SIZES[-1],
        hidden_units=SIZES[1:-1],
        activation="sigmoid",
        **settings,
    )
    if pretrain is aezoo.pretrain_boltzmann:
        # With these visible biases the reconstructions are certain.
        for layer in model.get_layer("decoder").layers:
            if isinstance(layer, keras.layers.Dense):
                kernel, bias = layer.get_weights()
                layer.set_weights([kernel, 80.0 * (np.arange(len(bias)) % 2) - 40.0])
    return model


def examples(count=40):
    return np.random.default_rng(0).random((count, SIZES[0])).astype("float32")


def assert_same_weights(model, wanted):
    for weight, other in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-5)


def changed(model, before):
    return [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]


class Batches(keras.utils.PyDataset):
    def __init__(self, batch, count, with_targets=False):
        super().__init__()
        self.batch, self.count, self.with_targets = batch, count, with_targets

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index >= self.count:
            raise IndexError(index)
        return (self.batch, self.batch[:, 0]) if self.with_targets else self.batch


def tensorflow_batches(batch, count, with_targets=False):
    import tensorflow as tf

    one = (batch, batch[:, 0]) if with_targets else batch
    return tf.data.Dataset.from_tensors(one).repeat(count)


def torch_batches(batch, count):
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.tile(batch, (count, 1)))
    pairs = torch.utils.data.TensorDataset(x, x[:, 0])
    return torch.utils.data.DataLoader(pairs, batch_size=len(batch))


@functools.cache
def weights_of_one_batch(pretrain):
    """Weights before and after four epochs of one batch, the array `examples(10)`."""
    model = build(pretrain)
    before = model.get_weights()
    pretrain(model, examples(10), epochs=4, batch_size=10, only=(1, 2), verbose=0)
    return before, model.get_weights()


@pytest.mark.parametrize(
    "source",
    [
        lambda batch: Batches(batch, 4),
        lambda batch: Batches(batch, 4, with_targets=True),
        lambda batch: tensorflow_batches(batch, 4),
        lambda batch: tensorflow_batches(batch, 4, with_targets=True),
        lambda batch: torch_batches(batch, 4),
    ],
    ids=["PyDataset", "PyDataset pairs", "tf.data", "tf.data pairs", "DataLoader"],
)
@both
def test_a_dataset_of_four_equal_batches_gives_what_four_epochs_of_one_give(
    pretrain, source
):
    before, wanted = weights_of_one_batch(pretrain)
    model = build(pretrain)
    pretrain(model, source(examples(10)), epochs=1, only=(1, 2), verbose=0)
    assert sum(changed(model, before)) == 8
    assert_same_weights(model, wanted)


@both
def test_every_array_and_number_type_gives_the_same(pretrain):
    x, models = np.rint(examples()), []
    settings = dict(epochs=np.int64(2), batch_size=np.int64(40), only=(1,))
    for source in (x, x.astype("int64"), x > 0.5, keras.ops.convert_to_tensor(x)):
        models.append(build(pretrain))
        pretrain(models[-1], source, verbose=2, **settings)
    assert sum(changed(models[0], build(pretrain).get_weights())) == 4
    for model in models[1:]:
        assert_same_weights(model, models[0].get_weights())


@functools.cache
def changes(pretrain, policy):
    """What three steps of the first and of the last layer add to the weights."""
    keras.config.set_dtype_policy(policy)
    settings = dict(epochs=3, batch_size=40, only=(1, 3), verbose=2)
    if pretrain is aezoo.pretrain_layerwise:
        settings["optimizer"] = keras.optimizers.SGD(0.1)
    model = build(pretrain)
    before = model.get_weights()
    pretrain(model, examples(), **settings)
    return [new - old for new, old in zip(model.get_weights(), before, strict=True)]


@both
def test_mixed_precision_gives_nearly_what_full_precision_gives(
    pretrain, mixed_precision
):
    mixed, full = changes(pretrain, mixed_precision), changes(pretrain, "float32")
    for change, wanted in zip(mixed, full, strict=True):
        assert change.dtype == "float32"
        np.testing.assert_allclose(change, wanted, atol=0.03 * np.abs(wanted).max())


@pytest.fixture
def seen(monkeypatch):
    """The calls of `fit` and `predict`: model, examples and other arguments."""

    def spied(method, calls):
        def spy(model, x, *args, **kwargs):
            calls.append((model, x, kwargs))
            return method(model, x, *args, **kwargs)

        return spy

    calls = {"fit": [], "predict": []}
    for name in calls:
        spy = spied(getattr(keras.Model, name), calls[name])
        monkeypatch.setattr(keras.Model, name, spy)
    return calls


def dense_layers(trainer):
    return [each.name for each in trainer.layers if type(each) is keras.layers.Dense]


@both
def test_the_codes_of_an_array_are_computed_once(pretrain, seen):
    model, codes = build(pretrain), examples()
    pretrain(model, codes, epochs=2, batch_size=10, verbose=0)
    # A machine is fitted twice, before and after its momentum grows.
    trained = {id(trainer): (trainer, given) for trainer, given, _ in seen["fit"]}
    assert len(trained) == 3
    for number, (trainer, given) in enumerate(trained.values(), start=1):
        assert dense_layers(trainer) == []  # no finished layer is called in a step
        np.testing.assert_allclose(given, codes, atol=1e-5)
        name = f"hidden_{number}" if number < 3 else "codes"
        kernel, bias = model.get_layer("encoder").get_layer(name).get_weights()
        codes = 1 / (1 + np.exp(-(codes @ kernel + bias)))
    assert len(seen["predict"]) == 2  # nothing learns from the last layer's codes


@both
def test_of_a_dataset_no_more_than_a_batch_is_held(pretrain, seen):
    model, x = build(pretrain), Batches(examples(10), 3)
    pretrain(model, x, epochs=1, verbose=2)
    assert all(given is x for _, given, _ in seen["fit"] + seen["predict"])
    # The only batch that comes back is for a line of progress.
    assert all(arguments["steps"] == 1 for _, _, arguments in seen["predict"])
    below = {id(trainer): dense_layers(trainer) for trainer, _, _ in seen["fit"]}
    assert list(below.values()) == [[], ["hidden_1"], ["hidden_1", "hidden_2"]]


@both
def test_only_the_layers_asked_for_change(pretrain):
    model, before = build(pretrain), build(pretrain).get_weights()
    pretrain(model, examples(), epochs=2, only=np.array([2]), verbose=0)
    # Kernels and biases of hidden_1, hidden_2, codes; then of the decoder's mirrors.
    pair = [False] * 2 + [True] * 2 + [False] * 2
    assert changed(model, before) == pair + pair
    trained = pretrain(model, examples(), epochs=1, only=(1, 3), verbose=0)
    assert len(trained) == 2
    assert changed(model, before) == [True] * 12
    assert pretrain(model, examples(), only=(), verbose=0) == []


@both
def test_an_interruption_keeps_the_finished_layers_and_can_be_continued(
    pretrain, monkeypatch
):
    x, settings = examples(), dict(epochs=2, batch_size=40, verbose=0)
    whole, model = build(pretrain), build(pretrain)
    before = model.get_weights()
    pretrain(whole, x, only=(1, 2), **settings)
    epochs_done = []

    def interrupt(
        history, epoch, logs=None, _real=keras.callbacks.History.on_epoch_end
    ):
        _real(history, epoch, logs)
        epochs_done.append(epoch)
        if len(epochs_done) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(keras.callbacks.History, "on_epoch_end", interrupt)
        pretrain(model, x, **settings)
    assert changed(model, before) == [True] * 2 + [False] * 8 + [True] * 2
    pretrain(model, x, only=[2], **settings)
    assert_same_weights(model, whole.get_weights())


def diverge(pretrain):
    model = build(pretrain, output_activation=None)
    before = model.get_weights()
    settings = (
        {"learning_rate": 1e30}
        if pretrain is aezoo.pretrain_boltzmann
        else {"optimizer": keras.optimizers.SGD(1e30)}
    )
    with pytest.raises(ValueError, match=r"^Layer 1 diverged. Received: "):
        pretrain(model, examples(), batch_size=4, epochs=2, verbose=0, **settings)
    assert not any(changed(model, before))


@both
def test_a_training_that_diverges_is_refused_and_leaves_the_weights(pretrain):
    diverge(pretrain)


@both
def test_so_it_is_in_mixed_precision(pretrain, mixed_precision):
    # There, optimizers may leave out all steps that are not finite.
    diverge(pretrain)


def not_mirrored():
    inputs, codes = keras.Input((5,)), keras.Input((2,))
    hidden = keras.layers.Dense(4, "sigmoid")(inputs)
    encoder = keras.Model(inputs, keras.layers.Dense(2)(hidden), name="encoder")
    decoder = keras.Model(codes, keras.layers.Dense(5)(codes), name="decoder")
    return keras.Model(inputs, decoder(encoder(inputs)))


def k_sparse():
    return aezoo.sparse_autoencoder((5,), latent_dim=3, sparsity=aezoo.TopK(2))


@pytest.mark.one_backend
@pytest.mark.parametrize("bad", [not_mirrored, k_sparse])
@both
def test_a_model_that_is_no_pair_of_mirrored_stacks_is_refused(pretrain, bad):
    model = bad()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"^`model` must .* Received: <Functional "):
        pretrain(model, examples(), verbose=0)
    assert not any(changed(model, before))


BAD_EXAMPLES = {
    "sparse": (sparse.csr_matrix, r"csr_matrix, shape \(\), .*"),
    "generator": (lambda x: (x[i : i + 10] for i in (0, 10)), "generator, .*"),
    "list of batches": (lambda x: [x[:10], x[10:]], "list, .*"),
    "pair of arrays": (lambda x: (x, x), "tuple, .*"),
    "list of numbers": (np.ndarray.tolist, "list, .*"),
    "empty list": (lambda x: [], r"list, shape \(\), .*"),
    "empty dataset": (lambda x: tensorflow_batches(x, 0), r".*Dataset, shape \(\), .*"),
    "empty array": (lambda x: x[:0], r"ndarray, shape \(0, 5\), .*"),
    "number": (lambda x: x[0, 0], r"float32, shape \(\), .*"),
    "another shape": (lambda x: x[:, :4], r"ndarray, shape \(40, 4\), .*"),
    "unbatched": (lambda x: Batches(x[0], 40), r"Batches, shape \(5,\), .*"),
    "text": (lambda x: x.astype(str), r"ndarray, shape \(40, 5\), .*"),
    "NaN": (lambda x: np.where(x > 0.9, np.nan, x), ".*from nan to nan"),
    "to 255": (lambda x: x * 255, r".*from 0\.\d+ to 2\d\d\.\d+"),
    "below 0": (lambda x: x - 0.5, r".*from -0\.\d+ to 0\.\d+"),
    "dataset to 255": (lambda x: Batches(x * 255, 2), r"Batches, .* to 2\d\d\.\d+"),
}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", BAD_EXAMPLES)
@both
def test_examples_that_do_not_fit_are_refused(pretrain, name):
    bad, received = BAD_EXAMPLES[name]
    model, before = build(pretrain), build(pretrain).get_weights()
    message = rf"^`x` must be .* Received: x of type {received}$"
    with pytest.raises(ValueError, match=message):
        pretrain(model, bad(examples()), verbose=0)
    assert not any(changed(model, before))


@pytest.mark.one_backend
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@both
def test_infinity_is_refused_where_the_output_has_no_bounds(pretrain, dtype):
    model = build(pretrain, output_activation=None)
    with pytest.raises(ValueError, match=r"^`x` must be .* Received: .* to inf$"):
        pretrain(model, np.full((4, 5), np.inf, dtype), verbose=0)


SETTINGS = {
    "epochs": [-1, 0, np.nan],
    "batch_size": [-3, 0],
    "only": [{0}, {1, 4}],
}
OWN = [{"strength": [np.nan, -1.0]}, {"learning_rate": [np.nan, 0.0, np.inf]}]


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("pretrain", "argument", "value"),
    [
        (pretrain, argument, value)
        for pretrain, own in zip(BOTH, OWN, strict=True)
        for argument, values in {**SETTINGS, **own}.items()
        for value in values
    ],
)
def test_settings_out_of_range_are_refused(pretrain, argument, value):
    model, before = build(pretrain), build(pretrain).get_weights()
    with pytest.raises(ValueError, match=rf"must .* Received: .*{argument}={value}"):
        pretrain(model, examples(), verbose=0, **{argument: value})
    assert not any(changed(model, before))
