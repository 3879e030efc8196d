"""DMS: fields whose answer is known, what each part of it is for, gaps, and its doors."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import classical_method
from lstsr_jax.evaluation.protocols import STRICT
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.product import choose_method
from lstsr_jax.sharpening import dms, tsharp
from lstsr_jax.sharpening.trees import fit_trees


def smooth(size: int, seed: int = 0) -> np.ndarray:
    """A field ``(size, size, 1)`` between 0 and 1 that changes over some ten pixels."""
    rng = np.random.default_rng(seed)
    field = np.asarray(upsample(jnp.asarray(rng.standard_normal((size // 8, size // 8, 1)), jnp.float32), 8))
    return (field - field.min()) / np.ptp(field)


def coarse(fine: np.ndarray) -> np.ndarray:
    return np.array(l4_pool(jnp.asarray(fine, jnp.float32)))


def rmse(fine: jax.Array, truth: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((np.asarray(fine) - truth) ** 2)))


@pytest.mark.slow
def test_lst_linear_in_ndvi_is_recovered():
    ndvi = smooth(64)
    truth = 315 - 20 * ndvi
    assert rmse(dms(coarse(truth), ndvi), truth) < 0.2 * rmse(upsample(jnp.asarray(coarse(truth))), truth)


def test_lst_piecewise_linear_in_ndvi_is_recovered_where_a_line_fails():
    ndvi = smooth(128)
    truth = np.where(ndvi < 0.4, 300 + 20 * ndvi, 320 - 30 * ndvi)
    assert rmse(dms(coarse(truth), ndvi), truth) < 0.3 * rmse(tsharp(coarse(truth), ndvi), truth)


def test_windows_find_a_relation_that_changes_from_place_to_place():
    ndvi = smooth(128)
    slope = np.linspace(-20, 20, 128)[None, :, None]
    truth = 300 + slope * (ndvi - 0.5)
    everywhere = rmse(dms(coarse(truth), ndvi, window=None), truth)
    assert rmse(dms(coarse(truth), ndvi, window=8), truth) < 0.6 * everywhere


def test_a_window_without_samples_takes_the_regression_of_the_image():
    ndvi = smooth(128)
    lst = coarse(np.where(ndvi < 0.4, 300 + 20 * ndvi, 320 - 30 * ndvi))
    lst[:12, :12] -= 100.0  # clouds, known by their temperature
    windows, image = (np.asarray(dms(lst, ndvi, window=window, min_lst=260.0)) for window in (8, None))
    np.testing.assert_allclose(windows[:20, :20], image[:20, :20], atol=1e-3)
    assert np.abs(windows - image)[48:].max() > 0.01


def test_homogeneous_pixels_count_for_more_than_mixed_ones():
    """LST is a step in NDVI, and only the homogeneous pixels show it: a mixed one lies between."""
    rng = np.random.default_rng(0)
    spread = np.where(rng.random((32, 32, 1, 1)) < 0.4, 0.01, 0.3)
    cells = rng.uniform(0.1, 0.9, (32, 32, 1, 1)) + spread * rng.uniform(-1, 1, (32, 32, 4, 4))
    ndvi = np.clip(cells, 0, 1).swapaxes(1, 2).reshape(128, 128, 1)
    truth = np.where(ndvi > 0.5, 300.0, 320.0)
    weighted, alike = (dms(coarse(truth), ndvi, window=None, homogeneity=h) for h in (None, np.inf))
    assert rmse(weighted, truth) < 0.6 * rmse(alike, truth)


def test_pooling_gives_back_the_coarse_lst():
    ndvi = smooth(128)
    lst = coarse(315 - 20 * ndvi + 4 * smooth(128, seed=1))
    np.testing.assert_allclose(coarse(dms(lst, ndvi)), lst, atol=1e-3)
    left = coarse(dms(lst, ndvi, conserve=False)) - lst
    assert 1e-3 < np.abs(left).max() < 1.0 and abs(left.mean()) < 0.05


def test_further_predictors_take_part():
    ndvi, elevation = smooth(64), 1000 * smooth(64, seed=1)
    truth = 310 - 10 * ndvi - 0.0065 * elevation
    both = np.concatenate([ndvi, elevation], -1)
    assert rmse(dms(coarse(truth), both), truth) < 0.5 * rmse(dms(coarse(truth), ndvi), truth)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_leaves_hold_weighted_ridge_regressions_within_bounds(channels, penalty):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, channels)).astype(np.float32)
    y = 300 + 10 * np.abs(x).sum(-1) + rng.standard_normal(300)
    weight = rng.uniform(0.1, 1, 300)
    options = {"leaves": 6, "leaf_samples": 10, "extrapolation": 0.25, "penalty": penalty, "seed": 0}
    bagged = fit_trees(x, y, weight, trees=3, **options)
    new = rng.uniform(-2, 2, (500, channels)).astype(np.float32)
    expected = np.zeros(500)
    for one in bagged.trees:
        leaves, seen = one.tree.apply(x), one.tree.apply(new)
        assert len(np.unique(leaves)) == 6
        for leaf in np.unique(leaves):
            own, there = leaves == leaf, seen == leaf
            line = Ridge(penalty).fit(x[own], y[own], weight[own] / weight.mean())
            low, high = y[own].min(), y[own].max()
            if there.any():
                margin = 0.25 * (high - low)
                expected[there] += np.clip(line.predict(new[there]), low - margin, high + margin) / 3
    np.testing.assert_allclose(bagged.predict(new), expected, atol=0.05)  # the little ridge


def test_images_are_independent_and_the_seed_decides():
    ndvi = np.stack([smooth(64, seed) for seed in range(2)])
    lst = coarse(315 - 20 * ndvi**2) + np.random.default_rng(0).standard_normal((2, 16, 16, 1)).astype(np.float32)
    fine = np.asarray(dms(lst[None], ndvi[None]))
    assert fine.shape == (1, 2, 64, 64, 1) and fine.dtype == np.float32
    np.testing.assert_array_equal(fine[0, 1], dms(lst[1], ndvi[1]))
    assert np.abs(fine[0, 1] - dms(lst[1], ndvi[1], seed=1)).max() > 0.01


def degenerate_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    ndvi = smooth(64)
    lst = coarse(315 - 20 * ndvi)
    rng = np.random.default_rng(3)
    gaps, one, dark = lst.copy(), np.full_like(lst, np.nan), ndvi.copy()
    gaps[rng.random(gaps.shape) < 0.4] = np.nan
    one[2, 5] = 301.0
    dark[:9, 3:14] = np.nan
    return {
        "flat ndvi": (lst, np.full_like(ndvi, 0.3)),
        "zero ndvi": (lst, 0 * ndvi),
        "constant lst": (np.full_like(lst, 299.98), ndvi),
        "gaps in lst": (gaps, ndvi),
        "half a scene": (np.where(np.arange(16)[:, None, None] < 8, np.nan, lst), ndvi),
        "one observed pixel": (one, ndvi),
        "gaps in ndvi": (lst, np.where(rng.random(ndvi.shape) < 0.3, np.nan, ndvi)),
        "blocks without ndvi": (gaps, dark),
        "no ndvi": (lst, np.full_like(ndvi, np.nan)),
        "nothing observed": (np.full_like(lst, np.nan), ndvi),
        "colder than min_lst": (lst - 100, ndvi),
    }


@pytest.mark.parametrize("name", degenerate_cases())
def test_nan_exactly_where_the_coarse_lst_is(name):
    lst, ndvi = degenerate_cases()[name]
    fine = np.asarray(dms(lst, ndvi, window=5, min_lst=240.0, trees=3))
    np.testing.assert_array_equal(np.isnan(fine), np.kron(np.isnan(lst[..., 0]), np.ones((4, 4)))[..., None] > 0)
    known = np.isfinite(lst)
    np.testing.assert_allclose(coarse(fine)[known], lst[known], atol=1e-3)
    if known.any():  # no value runs away
        assert np.nanmin(fine) > np.nanmin(lst) - 15 and np.nanmax(fine) < np.nanmax(lst) + 15


def test_a_gap_changes_little_beside_it():
    ndvi = smooth(64)
    lst = coarse(315 - 20 * ndvi)
    whole = dms(lst, ndvi)
    lst[4:9, 6:11] = np.nan
    assert np.nanmax(np.abs(dms(lst, ndvi) - whole)) < 0.2


@pytest.mark.slow
def test_other_factors_and_shapes():
    ndvi = smooth(64)[:, :48]
    truth = 315 - 20 * ndvi
    lst = l4_pool(jnp.asarray(truth), 2)
    assert rmse(dms(lst, ndvi, 2), truth) < 0.1 * rmse(upsample(lst, 2), truth)


def test_progress_counts_windows():
    ndvi, told = smooth(64), []
    dms(coarse(315 - 20 * ndvi), ndvi, window=8, trees=1, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_errors():
    ndvi = smooth(32)
    lst = coarse(315 - 20 * ndvi)
    for options, message in [
        ({"window": 1}, "window must be at least 2 coarse pixels"),
        ({"trees": 0}, "trees must be a positive integer"),
        ({"penalty": -1.0}, "penalty must be finite and not negative"),
        ({"homogeneity": 0.0}, "homogeneity must be positive"),
        ({"factor": 2}, r"ndvi \(32, 32, 1\) must be 2 times finer"),
    ]:
        with pytest.raises(ValueError, match=message):
            dms(lst, ndvi, **options)
    with pytest.raises(ValueError, match="ndvi must be within -1 to 1"):
        dms(lst, 10_000 * ndvi)
    with pytest.raises(ValueError, match=r"outside jax\.jit"):
        jax.jit(dms)(lst, ndvi)


def test_without_scikit_learn_every_door_names_the_remedy(monkeypatch, tmp_path):
    ndvi = smooth(32)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for door in (
        lambda: dms(coarse(315 - 20 * ndvi), ndvi),
        lambda: classical_method("dms", STRICT, 4),
        lambda: choose_method(None, "dms", tmp_path),
    ):
        with pytest.raises(InputError, match=r"^dms: needs scikit-learn; run pip install 'lstsr-jax\[dms\]'$"):
            door()
