"""Pooling, degradation and conservation: bounds, gaps and energy for any size, gap pattern and temperature."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstsr_jax import conserve_energy, degrade, fill_gaps, l4_pool
from lstsr_jax.ops.pooling import mean_pool

LOW_K, HIGH_K = 200.0, 340.0
SIZES = [((3, 2), 4), ((1, 1), 4), ((2, 5), 2), ((1, 3), 3), ((6, 6), 4), ((2, 2), 8)]
"""Coarse size and factor: each is compiled once."""

pools = jax.jit(lambda field, factor: (l4_pool(field, factor), mean_pool(field, factor)), static_argnums=1)
degraded = jax.jit(degrade, static_argnums=1)
fill = jax.jit(fill_gaps)


def pool(field, factor):
    return pools(field, factor)[0]


@functools.partial(jax.jit, static_argnums=2)
def conserved(fine, coarse, factor):
    fine = conserve_energy(fine, coarse)
    return fine, l4_pool(fine, factor)


@st.composite
def fields(draw, gaps=True):
    """A fine field, (1, H, W, 1) K, smooth, rough, constant or of two temperatures, with any gaps; and a factor."""
    (height, width), factor = draw(st.sampled_from(SIZES))
    shape = (1, height * factor, width * factor, 1)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = sorted(draw(st.tuples(*[st.floats(LOW_K, HIGH_K, width=32)] * 2)))
    kind = draw(st.sampled_from(["uniform", "normal", "constant", "two", "ramp"]))
    if kind == "uniform":
        field = random.uniform(low, high, shape)
    elif kind == "normal":
        field = np.clip(random.normal((low + high) / 2, 2.0, shape), LOW_K, HIGH_K)
    elif kind == "ramp":
        field = np.linspace(low, high, np.prod(shape)).reshape(shape)
    else:
        field = random.choice([low, low if kind == "constant" else high], shape)
    field = field.astype(np.float32)
    if gaps:
        share = draw(st.sampled_from([0.0, 0.02, 0.3, 0.95, 1.0]))
        field[random.random(shape) < share] = np.nan
    return field, factor


def blocks_of(field, factor):
    _, height, width, _ = field.shape
    blocks = field.reshape(height // factor, factor, width // factor, factor).swapaxes(1, 2)
    return blocks.reshape(height // factor, width // factor, -1)


@settings(max_examples=4)
@given(fields())
def test_pooling_is_the_fourth_power_mean_and_a_block_with_a_gap_is_a_gap(drawn):
    field, factor = drawn
    found = np.asarray(pool(field, factor))[0, ..., 0]
    blocks = blocks_of(field, factor).astype(np.float64)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(blocks).any(-1))
    np.testing.assert_allclose(found, (blocks**4).mean(-1) ** 0.25, atol=1e-4)


@settings(max_examples=4)
@given(fields(gaps=False), st.floats(0.7, 1.4))
def test_pooling_is_bounded_homogeneous_and_keeps_what_is_constant(drawn, scale):
    field, factor = drawn
    found, blocks = np.asarray(pool(field, factor))[0, ..., 0], blocks_of(field, factor)
    assert (found >= blocks.min(-1) - 5e-5).all() and (found <= blocks.max(-1) + 5e-5).all()
    assert (found >= blocks.astype(np.float64).mean(-1) - 5e-5).all()  # power means grow with their power
    np.testing.assert_allclose(pool(field * np.float32(scale), factor)[0, ..., 0], scale * found, rtol=5e-7, atol=5e-5)
    flat = np.full_like(field, field.flat[0])
    np.testing.assert_allclose(pool(flat, factor), field.flat[0], atol=1e-5)


@settings(max_examples=4)
@given(fields(gaps=False), st.floats(0, 30), st.data())
def test_pooling_never_falls_where_a_pixel_grows_warmer(drawn, warmer, data):
    field, factor = drawn
    place = data.draw(st.integers(0, field.size - 1))
    before = np.asarray(pool(field, factor))
    field = field.copy()
    field.flat[place] += np.float32(warmer)
    after = np.asarray(pool(field, factor))
    assert (after >= before - 5e-5).all()
    row, column = (at // factor for at in divmod(place, field.shape[2]))
    others = np.ones(after.shape, bool)
    others[0, row, column] = False
    np.testing.assert_array_equal(after[others], before[others])


@settings(max_examples=4)
@given(fields(gaps=False), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_pooling_what_is_conserved_gives_the_coarse_field_back(drawn, share, seed):
    fine, factor = drawn
    random = np.random.default_rng(seed)
    shape = (1, fine.shape[1] // factor, fine.shape[2] // factor, 1)
    coarse = random.uniform(LOW_K, HIGH_K, shape).astype(np.float32)
    # As far from the fine field as any method is: a correction of more leaves pixels below 0 K.
    coarse = np.clip(coarse, pool(fine, factor) - np.float32(30), pool(fine, factor) + np.float32(30))
    coarse[random.random(shape) < share] = np.nan
    found, pooled = map(np.asarray, conserved(fine, coarse, factor))
    gaps = np.isnan(coarse)
    wide = gaps.repeat(factor, 1).repeat(factor, 2)
    np.testing.assert_array_equal(found[wide], fine[wide])
    assert np.isfinite(found).all()
    smallest = blocks_of(fine, factor).min(-1)[None, ..., None].astype(np.float64) ** 4
    needed = np.asarray(pool(fine, factor), np.float64) ** 4 - coarse.astype(np.float64) ** 4
    exact = ~gaps & (smallest - needed > 1e-5 * coarse.astype(np.float64) ** 4)  # else a pixel is clamped at 0 K
    np.testing.assert_allclose(pooled[exact], coarse[exact], atol=1e-3)


@settings(max_examples=4)
@given(fields())
def test_the_order_of_a_block_is_kept_by_conservation(drawn):
    fine, factor = drawn
    coarse = np.asarray(pool(np.where(np.isnan(fine), np.float32(280), fine), factor)) + np.float32(1)
    found, _ = conserved(fine, coarse, factor)
    before, after = blocks_of(fine, factor), blocks_of(np.asarray(found), factor)
    whole = np.isfinite(before).all(-1)
    for old, new in zip(before[whole], after[whole], strict=True):
        assert (np.diff(new[np.argsort(old, kind="stable")]) >= -1e-4).all()


@pytest.mark.slow  # compiles much
@settings(max_examples=4)
@given(fields())
def test_a_degraded_field_has_no_gap_and_its_mask_is_that_of_whole_blocks(drawn):
    field, factor = drawn
    coarse, mask = map(np.asarray, degraded(field, factor))
    assert np.isfinite(coarse).all()
    whole = np.isfinite(blocks_of(field, factor)).all(-1)
    np.testing.assert_array_equal(mask[0, ..., 0], whole.repeat(factor, 0).repeat(factor, 1))
    if whole.any():
        known = blocks_of(field, factor)[whole]
        assert coarse.min() >= known.min() - 1e-3 and coarse.max() <= known.max() + 1e-3
    known = np.asarray(pool(field, factor))[0, ..., 0]
    np.testing.assert_array_equal(coarse[0, ..., 0][whole], known[whole])


@pytest.mark.slow  # compiles much
@settings(max_examples=4)
@given(fields())
def test_filled_gaps_lie_between_what_is_observed_which_stays(drawn):
    field, _ = drawn
    filled, known = np.asarray(fill(field)), np.isfinite(field)
    np.testing.assert_array_equal(filled[known], field[known])
    if known.any():
        assert filled.min() >= field[known].min() - 1e-3 and filled.max() <= field[known].max() + 1e-3
    else:
        assert np.isnan(filled).all()


@settings(max_examples=4)
@given(fields())
def test_a_mean_is_that_of_the_observed_pixels(drawn):
    field, factor = drawn
    blocks = np.ma.masked_invalid(blocks_of(field, factor).astype(np.float64))
    expected = np.ma.filled(blocks.mean(-1), np.nan)
    np.testing.assert_allclose(pools(field, factor)[1][0, ..., 0], expected, atol=1e-3)
