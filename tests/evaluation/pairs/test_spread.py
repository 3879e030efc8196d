"""Errors and spreads against ASTER, on a simulated pair."""

import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax import as_super_resolver
from lstsr_jax.evaluation.pairs.spread import pair_spread
from lstsr_jax.geo import Shift, read_pairs, simulate_pair, write_pair
from lstsr_jax.ops.resize import upsample

SHIFT = Shift(0.837, 1.071)


def tilted_by(warmer_k, tilt_k=1.0):
    """Bicubic plus ``warmer_k``, plus 1 K from left to right, which the mean over the orientations evens out."""

    def function(coarse):
        fine = upsample(coarse, 4)
        tilt = jnp.linspace(-0.5, 0.5, fine.shape[2]).reshape(1, 1, -1, 1)
        return fine + warmer_k + tilt_k * tilt

    return as_super_resolver(function, conserves_energy=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    write_pair(simulate_pair(0), directory, "001")
    return read_pairs(directory)[0][0]


def test_a_shift_of_the_whole_scene_is_no_error_of_the_pattern(pair):
    plain, warmer = (pair_spread(tilted_by(warmer_k), pair, SHIFT) for warmer_k in (0.0, 3.0))
    assert warmer.offset_k - plain.offset_k == pytest.approx(3, abs=1e-3)
    np.testing.assert_allclose(warmer.errors, plain.errors, atol=1e-3)
    assert abs(plain.errors.mean()) < 1e-3 and plain.errors.std() > 0.3


def test_the_spread_is_that_of_the_orientations_and_the_error_that_of_their_mean(pair):
    tilted, level = (pair_spread(tilted_by(0.0, tilt_k), pair, SHIFT) for tilt_k in (1.0, 0.0))
    np.testing.assert_allclose(tilted.errors, level.errors, atol=2e-3)
    assert level.spreads.max() < 1e-2 and 0.1 < tilted.spreads.mean() < 0.5
    assert tilted.spreads.shape == tilted.errors.shape
