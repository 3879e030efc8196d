"""conserve_energy: what it promises afterwards, and what it leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops import energy, pooling

conserve_energy = jax.jit(energy.conserve_energy)
l4_pool = jax.jit(pooling.l4_pool, static_argnames="factor")


def _fields(factor=4, lead=(), seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(270, 320, (*lead, 5, 3, 1))
    fine = coarse.repeat(factor, -3).repeat(factor, -2) + rng.normal(0, 3, (*lead, 5 * factor, 3 * factor, 1))
    return fine, coarse


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_pools_back_to_the_coarse_field(factor):
    fine, coarse = _fields(factor, lead=(2,))
    got = conserve_energy(jnp.asarray(fine, jnp.float32), jnp.asarray(coarse, jnp.float32))
    assert got.shape == fine.shape
    assert got.dtype == jnp.float32
    assert np.abs(np.asarray(l4_pool(got, factor)) - coarse).max() < 1e-4
    with jax.enable_x64(True):
        got = conserve_energy(jnp.asarray(fine), jnp.asarray(coarse))
        assert np.abs(np.asarray(l4_pool(got, factor)) - coarse).max() < 1e-10


def test_adds_one_energy_per_block():
    fine, coarse = _fields()
    with jax.enable_x64(True):
        got = np.asarray(conserve_energy(jnp.asarray(fine), jnp.asarray(coarse)))
    added = (got**4 - fine**4).reshape(5, 4, 3, 4)
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :, :1], added.shape), rtol=1e-6)


def test_a_field_that_conserves_energy_stays():
    fine, coarse = (jnp.asarray(a, jnp.float32) for a in _fields())
    once = conserve_energy(fine, coarse)
    np.testing.assert_allclose(conserve_energy(once, coarse), once, atol=1e-4)


def test_blocks_without_a_coarse_value_stay():
    fine, coarse = (jnp.asarray(a, jnp.float32) for a in _fields())
    got = np.asarray(conserve_energy(fine, coarse.at[3, 1, 0].set(jnp.nan)))
    want = np.asarray(conserve_energy(fine, coarse))
    inside = np.zeros((20, 12), bool)
    inside[12:16, 4:8] = True
    np.testing.assert_array_equal(got[inside], fine[inside])
    np.testing.assert_array_equal(got[~inside], want[~inside])


def test_gradients_are_finite_beside_a_gap():
    fine, coarse = (jnp.asarray(a, jnp.float32) for a in _fields())
    coarse = coarse.at[3, 1, 0].set(jnp.nan)
    gradient = jax.jit(jax.grad(lambda f, c: conserve_energy(f, c).sum(), argnums=(0, 1)))(fine, coarse)
    assert all(np.isfinite(g).all() for g in gradient)
    np.testing.assert_array_equal(gradient[0][12:16, 4:8], 1)


def test_gradient_along_a_block_s_own_warming_is_zero():
    """Adding energy to a whole block is undone by the correction, so nothing is learnt from it."""
    fine, coarse = _fields()
    with jax.enable_x64(True):
        fine, coarse = jnp.asarray(fine), jnp.asarray(coarse)
        _, change = jax.jvp(lambda f: conserve_energy(f, coarse), (fine,), (fine**-3,))
        assert np.abs(change).max() < 1e-12 * float((fine**-3).max()) * 1e3


def test_far_too_cold_a_pixel_is_clamped_not_nan():
    fine = jnp.full((4, 4, 1), 300.0).at[0, 0, 0].set(2000.0)
    assert np.isfinite(conserve_energy(fine, jnp.full((1, 1, 1), 200.0))).all()


def test_jit_and_vmap_change_nothing():
    fine, coarse = (jnp.asarray(a, jnp.float32) for a in _fields(lead=(3,)))
    want = energy.conserve_energy(fine, coarse)
    np.testing.assert_allclose(jax.jit(jax.vmap(energy.conserve_energy))(fine, coarse), want, atol=1e-4)


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        ((8, 8, 1), (2, 4, 1)),
        ((8, 9, 1), (2, 2, 1)),
        ((2, 8, 8, 1), (8, 8, 1)),
        ((8, 8, 2), (2, 2, 1)),
        ((2, 2, 1), (8, 8, 1)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(fine, coarse):
    with pytest.raises(ValueError, match="one integer factor"):
        conserve_energy(jnp.ones(fine), jnp.ones(coarse))
