"""Any image comes back in its exact size, without a checkerboard, well rebuilt."""

import itertools

import keras
import numpy as np
import pytest

import aezoo

BUILDERS = [
    aezoo.convolutional_autoencoder,
    aezoo.convolutional_variational_autoencoder,
]


def layers_after(decoder, name):
    """The decoder's layers behind the one called `name`, as a function of its maps."""
    names = [layer.name for layer in decoder.layers]

    def apply(maps):
        for layer in decoder.layers[names.index(name) + 1 :]:
            maps = layer(maps)
        return keras.ops.convert_to_numpy(maps)

    return apply


def period_2(image):
    """Largest difference between neighbours that alternate, over the interior."""
    interior = image[:, 8:-8, 8:-8]
    return max(np.abs(np.diff(interior, axis=axis)).max() for axis in (1, 2))


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((1, 1, 1), (4,)),
        ((5, 3, 3), (4, 6)),
        ((9, 7, 2), (4, 6, 8)),
        ((1, 16, 1), (4, 6)),
        ((28, 28, 1), (4, 6, 8)),
        ((64, 63, 3), (4, 6)),
    ],
)
@pytest.mark.parametrize("build", BUILDERS)
def test_any_size_comes_back_exactly(build, shape, filters):
    model = build(shape, latent_dim=3, filters=filters)
    assert model.output_shape == (None, *shape)
    assert model.predict(np.zeros((2, *shape)), verbose=0).shape == (2, *shape)


def test_the_decoder_mirrors_the_encoder():
    model = aezoo.convolutional_autoencoder((9, 7, 3), latent_dim=5, filters=(4, 6))
    kernels = [w.shape for w in model.trainable_weights if len(w.shape) > 1]
    assert kernels == [
        *[(3, 3, 3, 4), (3, 3, 4, 6), (3 * 2 * 6, 5)],
        *[(5, 3 * 2 * 6), (3, 3, 6, 4), (3, 3, 4, 3)],
    ]


def test_maps_are_doubled_by_repeating_pixels_and_cropped_to_the_mirrored_size():
    model = aezoo.convolutional_autoencoder((5, 8, 1), filters=(2,))
    decoder = model.get_layer("decoder")
    maps = np.random.default_rng(0).random((1, 3, 4, 2)).astype("float32")
    doubled = decoder.get_layer("crop_0")(decoder.get_layer("double_0")(maps))
    repeated = maps.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(doubled, repeated[:, :5])


def test_uniform_maps_give_a_uniform_image_where_strided_transposes_do_not():
    size = (48, 51)
    model = aezoo.convolutional_autoencoder(
        (*size, 1), filters=(8, 16), output_activation=None
    )
    decoder = model.get_layer("decoder")
    maps = np.ones((1, *decoder.get_layer("maps").output.shape[1:]), "float32")
    image = layers_after(decoder, "maps")(maps)
    assert image.shape == (1, *size, 1)

    transposes = maps
    for count, activation in ((8, "relu"), (1, None)):
        transposes = keras.layers.Conv2DTranspose(
            count, 3, strides=2, padding="same", activation=activation
        )(transposes)
    transposed = keras.ops.convert_to_numpy(transposes)

    size_of_image, size_of_transposed = np.abs(image).max(), np.abs(transposed).max()
    assert size_of_image > 0.01
    # Uniform up to float32 rounding of sums over 9 x 16 products.
    assert period_2(image) < 1e-5 * size_of_image
    assert period_2(transposed) > 0.1 * size_of_transposed


def test_a_moving_square_takes_far_fewer_numbers_than_pca_needs():
    places = list(itertools.product(range(9), range(7)))
    x = np.zeros((len(places), 11, 9, 1), "float32")
    for image, (row, column) in zip(x, places, strict=True):
        image[row : row + 3, column : column + 3] = 1
    centred = (x - x.mean(axis=0)).reshape(len(x), -1)
    left_out = np.linalg.svd(centred, compute_uv=False)[4:]
    pca_error = np.square(left_out).sum() / len(x)

    model = aezoo.convolutional_autoencoder(x.shape[1:], latent_dim=4, filters=(8, 16))
    model.compile(keras.optimizers.Adam(2e-3), loss=aezoo.bernoulli_nll)
    model.fit(x, x, batch_size=21, epochs=100, verbose=0)
    error = np.square(model.predict(x, verbose=0) - x).sum() / len(x)
    assert error < pca_error / 10


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("filters", [(0,), (8, -1), (2.5,), 16, None, "8"])
def test_bad_filters_are_refused(build, filters):
    with pytest.raises((ValueError, TypeError)):
        build((8, 8, 1), filters=filters)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("shape", [(784,), (28, 28), (2, 28, 28, 1)])
def test_what_is_not_an_image_is_refused(build, shape):
    with pytest.raises(ValueError):
        build(shape)
