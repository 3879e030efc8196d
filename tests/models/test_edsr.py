import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.config import ModelConfig
from lstsr_jax.models import create_model
from lstsr_jax.models.edsr import EDSR
from lstsr_jax.ops.blocks import depth_to_space, space_to_depth
from lstsr_jax.predictor import Normalization, Predictor, guide_channels


def test_space_to_depth_and_back():
    x = jnp.arange(2 * 6 * 12 * 3.0).reshape(2, 6, 12, 3)
    folded = space_to_depth(x, 3)
    assert folded.shape == (2, 2, 4, 27)
    np.testing.assert_array_equal(folded[1, 1, 2].reshape(3, 3, 3), x[1, 3:6, 6:9])
    np.testing.assert_array_equal(depth_to_space(folded, 3), x)


def test_parameter_count_and_identity_when_untrained():
    model = EDSR()
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 30, 21, 1)), jnp.float32)
    variables = model.init(jax.random.key(0), x)
    count = sum(leaf.size for leaf in jax.tree.leaves(variables))
    conv = lambda c_in, c_out: 9 * c_in * c_out + c_out  # noqa: E731
    assert count == conv(16, 64) + 17 * conv(64, 64) + conv(64, 16)
    np.testing.assert_array_equal(model.apply(variables, x), x)


@pytest.fixture(scope="module")
def guided():
    config = ModelConfig(name="edsr", width=8, blocks=1, guide="ndvi")
    module = create_model(config)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    noisy = jax.tree.map(lambda p: p + 0.05 * jnp.sin(jnp.arange(p.size)).reshape(p.shape), variables)
    return Predictor(noisy, module, config, Normalization("anomaly", 3.0))


def test_ndvi_reaches_the_output_where_it_is_known(guided):
    rng = np.random.default_rng(1)
    coarse = jnp.asarray(rng.normal(290, 2, (1, 12, 16, 1)), jnp.float32)
    ndvi = rng.uniform(0, 0.9, (1, 48, 64, 1)).astype(np.float32)
    changed = ndvi.copy()
    changed[0, :4, :4] += 0.3
    difference = np.abs(np.asarray(guided(coarse, ndvi) - guided(coarse, changed)))[0, ..., 0]
    assert difference[:4, :4].max() > 0.01
    assert difference[40:, 40:].max() < 1e-4  # out of the network's reach


def test_missing_ndvi_is_absent_everywhere(guided):
    coarse = jnp.asarray(np.random.default_rng(2).normal(290, 2, (1, 6, 5, 1)), jnp.float32)
    nowhere = jnp.full((1, 24, 20, 1), jnp.nan)
    np.testing.assert_array_equal(guided(coarse), guided(coarse, nowhere))
    assert bool(jnp.isfinite(guided(coarse)).all())
    gradient = jax.grad(lambda n: guided(coarse, n).sum())(nowhere)
    assert bool(jnp.isfinite(gradient).all())


def test_guide_channels_are_values_and_mask():
    channels = guide_channels(jnp.asarray([0.75, jnp.nan, 0.5, -0.2]).reshape(1, 2, 2, 1))
    np.testing.assert_allclose(channels[0, ..., 0].ravel(), [1.0, 0.0, 0.0, -2.8], atol=1e-6)
    np.testing.assert_array_equal(channels[0, ..., 1].ravel(), [1, 0, 1, 1])


def test_ndvi_must_fit(guided):
    coarse = jnp.zeros((1, 6, 5, 1))
    with pytest.raises(ValueError, match="times"):
        guided(coarse, jnp.zeros((1, 24, 24, 1)))
    plain = guided.replace(config=ModelConfig(name="edsr", width=8, blocks=1), module=guided.module)
    with pytest.raises(ValueError, match="not guided"):
        plain(coarse, jnp.zeros((1, 24, 20, 1)))
