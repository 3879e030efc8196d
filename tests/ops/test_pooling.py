"""l4_pool against the authors' arrays, a brute-force sum, and what any energy mean must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops import pooling
from lstsr_jax.ops.blocks import to_blocks

l4_pool = jax.jit(pooling.l4_pool, static_argnames="factor")  # compiling op by op would take most of the time


def _field(shape, seed=0):
    return np.random.default_rng(seed).uniform(250, 330, shape)


def _brute_force(lst, factor):
    *lead, height, width, channels = lst.shape
    out = np.empty((*lead, height // factor, width // factor, channels))
    for i in range(height // factor):
        for j in range(width // factor):
            block = lst[..., i * factor : (i + 1) * factor, j * factor : (j + 1) * factor, :]
            out[..., i, j, :] = np.mean(block**4, axis=(-3, -2)) ** 0.25
    return out


@pytest.mark.parametrize("factor", [4, 2])
def test_equals_the_authors_downsampling(reference, factor):
    arrays = np.load(reference / "degrade.npz")
    kelvin = arrays["dn"].astype(np.float64)[..., None] * 0.02
    want = arrays[f"x{factor}_down_paper"][..., None]
    got = l4_pool(jnp.asarray(kelvin, jnp.float32), factor)
    assert got.dtype == jnp.float32
    assert np.abs(np.asarray(got) - want).max() < 1e-4
    with jax.enable_x64(True):
        assert np.abs(np.asarray(l4_pool(jnp.asarray(kelvin), factor)) - want).max() < 1e-10


def test_equals_the_authors_downsampling_of_a_rectangle(reference):
    arrays = np.load(reference / "degrade.npz")
    got = l4_pool(jnp.asarray(arrays["rect_in"], jnp.float32)[..., None])
    assert got.shape == (8, 12, 1)
    assert np.abs(np.asarray(got)[..., 0] - arrays["rect_down4"]).max() < 1e-4


@pytest.mark.parametrize("factor", [4, 2])
def test_missing_pixels_make_missing_blocks_where_the_authors_write_zero(reference, factor):
    arrays = np.load(reference / "degrade.npz")
    lst = np.where(arrays["zero_in"] == 0, np.nan, arrays["zero_in"]).astype(np.float32)
    got = np.asarray(l4_pool(lst[..., None], factor))[..., 0]
    want = arrays[f"zero_down{factor}"]
    np.testing.assert_array_equal(np.isnan(got), want == 0)
    assert np.abs(got - want)[want != 0].max() < 1e-4


@pytest.mark.parametrize(
    ("shape", "factor"), [((12, 20, 1), 4), ((2, 3, 6, 4, 2), 2), ((9, 6, 1), 3), ((5, 7, 1), 1), ((7, 7, 1), 7)]
)
def test_equals_a_brute_force_sum(shape, factor):
    lst = _field(shape)
    got = np.asarray(l4_pool(jnp.asarray(lst, jnp.float32), factor))
    assert np.abs(got - _brute_force(lst, factor)).max() < 1e-4
    with jax.enable_x64(True):
        got = np.asarray(l4_pool(jnp.asarray(lst), factor))
    assert np.abs(got - _brute_force(lst, factor)).max() < 1e-10


@pytest.mark.parametrize("value", [180.0, 273.15, 333.32])
def test_constants_stay(value):
    got = l4_pool(jnp.full((8, 12, 1), value))
    np.testing.assert_allclose(got, np.float32(value), rtol=2e-7)


def test_lies_between_the_mean_and_the_maximum():
    blocks = to_blocks(jnp.asarray(_field((16, 24, 1)), jnp.float32), 4)
    got = l4_pool(jnp.asarray(_field((16, 24, 1)), jnp.float32))
    assert (got > blocks.mean(-2)).all()
    assert (got < blocks.max(-2)).all()


def test_blocks_are_row_major_and_in_place():
    blocks = to_blocks(jnp.arange(24.0).reshape(4, 6, 1), 2)
    assert blocks.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(blocks[1, 2, :, 0], [16, 17, 22, 23])


def test_missing_block_has_zero_gradient_and_leaves_the_others_alone():
    lst = jnp.asarray(_field((8, 12, 1)), jnp.float32)
    holed = lst.at[1, 6, 0].set(jnp.nan)
    pooled = l4_pool(holed)
    assert np.isnan(pooled[0, 1, 0])
    assert np.isnan(pooled).sum() == 1
    gradient = jax.jit(jax.grad(lambda x: jnp.nansum(l4_pool(x))))(holed)
    full = jax.jit(jax.grad(lambda x: l4_pool(x).sum()))(lst)
    outside = np.ones((8, 12), bool)
    outside[:4, 4:8] = False
    np.testing.assert_array_equal(gradient[:4, 4:8], 0)
    np.testing.assert_array_equal(gradient[outside], full[outside])


def test_gradient_is_the_closed_form():
    with jax.enable_x64(True):
        lst = jnp.asarray(_field((8, 12, 1)))
        gradient = np.asarray(jax.jit(jax.grad(lambda x: l4_pool(x).sum()))(lst))
        pooled = np.asarray(l4_pool(lst))
    want = (np.asarray(lst) / pooled.repeat(4, 0).repeat(4, 1)) ** 3 / 16
    np.testing.assert_allclose(gradient, want, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 300.0])
def test_gradient_of_a_flat_field_is_finite(value):
    gradient = jax.jit(jax.grad(lambda x: l4_pool(x).sum()))(jnp.full((4, 8, 1), value))
    assert np.isfinite(gradient).all()
    if value:
        np.testing.assert_allclose(gradient, 1 / 16, rtol=1e-6)


def test_jit_and_vmap_change_nothing():
    lst = jnp.asarray(_field((3, 8, 12, 1)), jnp.float32)
    want = pooling.l4_pool(lst)
    np.testing.assert_allclose(jax.jit(jax.vmap(pooling.l4_pool))(lst), want, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "factor", "message"),
    [
        ((8, 8), 4, r"\(8, 8\).*\[\.\.\., None\]"),
        ((8, 10, 1), 4, r"\(8, 10, 1\).*4x4.*crop or pad"),
        ((8, 8, 1), 0, "positive integer"),
        ((8, 8, 1), 2.0, "positive integer"),
        ((0, 8, 1), 4, "at least one pixel"),
    ],
)
def test_wrong_shapes_are_refused(shape, factor, message):
    with pytest.raises(ValueError, match=message):
        l4_pool(jnp.zeros(shape), factor)


def test_a_factor_that_jit_traces_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="static_argnames='factor'"):
        jax.jit(pooling.l4_pool)(jnp.ones((8, 8, 1)), factor=4)
    assert jax.jit(pooling.l4_pool, static_argnames="factor")(jnp.ones((8, 8, 1)), factor=4).shape == (2, 2, 1)
