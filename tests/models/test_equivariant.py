import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.models.equivariant import OrientedConv
from lstsr_jax.ops.blocks import depth_to_space, space_to_depth
from lstsr_jax.ops.dihedral import ORIENTATIONS, inverse, transform
from lstsr_jax.predictor import Normalization, Predictor
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.settings import Inference

CONFIG = ModelConfig(name="edsr-equivariant", width=16, blocks=1, guide="ndvi", conserve_energy=True)


@pytest.fixture(scope="module")
def predictor():
    module = create_model(CONFIG)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    noisy = jax.tree.map(lambda p: p + 0.05 * jax.random.normal(jax.random.key(p.size), p.shape), variables)
    return Predictor(noisy, module, CONFIG, Normalization("anomaly", 3.0))


def test_a_turned_scene_gives_the_turned_map(predictor):
    rng = np.random.default_rng(0)
    coarse = jnp.asarray(rng.normal(290, 2, (1, 6, 6, 1)), jnp.float32)
    ndvi = jnp.asarray(
        np.where(rng.random((1, 24, 24, 1)) < 0.1, np.nan, rng.uniform(0, 1, (1, 24, 24, 1))), jnp.float32
    )
    fine = predictor(coarse, ndvi)
    smooth = predictor.replace(variables=jax.tree.map(jnp.zeros_like, predictor.variables))(coarse, ndvi)
    assert float(jnp.abs(fine - smooth).max()) > 0.5  # the network has something to turn
    for orientation in ORIENTATIONS:
        turned = predictor(transform(coarse, orientation), transform(ndvi, orientation))
        np.testing.assert_allclose(inverse(turned, orientation), fine, atol=1e-3)


def test_one_run_is_the_mean_of_its_self_ensemble(predictor):
    coarse = jnp.asarray(np.random.default_rng(1).normal(290, 2, (1, 6, 6, 1)), jnp.float32)
    mean, spread = predictor.ensemble(coarse)
    np.testing.assert_allclose(mean, predictor(coarse), atol=1e-3)
    assert float(spread.max()) < 1e-3


@pytest.mark.parametrize(
    ("reads", "writes", "inputs", "outputs"), [("fine", "oriented", 32, 8), ("oriented", "fine", 16, 16)]
)
def test_a_layer_is_a_convolution_of_its_turned_weights(reads, writes, inputs, outputs):
    # Against the mean over the group of a convolution that is free: what is equivariant is its own mean.
    layer = OrientedConv(outputs, reads, writes, factor=4)
    x = jax.random.normal(jax.random.key(0), (1, 5, 5, inputs))
    variables = layer.init(jax.random.key(1), x)
    y = layer.apply(variables, x)
    if reads == "fine":
        fine = depth_to_space(x, 4)
        for g in ORIENTATIONS:
            turned = layer.apply(variables, space_to_depth(transform(fine, g), 4))
            sums = (
                inverse(turned, g).reshape(1, 5, 5, 8, -1).sum(3)
            )  # over orientations, so that their order is no matter
            np.testing.assert_allclose(sums, y.reshape(1, 5, 5, 8, -1).sum(3), atol=1e-4)
    count = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]["kernel"]))
    assert count == 9 * inputs * outputs // 8


def test_untrained_it_returns_its_input_at_any_size():
    module = create_model(CONFIG)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 30, 21, 3)), jnp.float32)
    np.testing.assert_array_equal(module.apply(module.init(jax.random.key(0), x), x), x[..., :1])


def test_a_spread_over_orientations_is_refused(predictor):
    method = MapMethod(predictor, "mine")
    with pytest.raises(InputError, match="`spread`: mine answers alike in every orientation"):
        method.asked_for(Inference(spread=True))


def test_a_width_that_no_orientations_share_is_refused():
    with pytest.raises(InputError, match=r"`model\.width` 12: must be a multiple of 8"):
        ModelConfig(name="edsr-equivariant", width=12)
