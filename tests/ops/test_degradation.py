import numpy as np
import pytest

from lstsr_jax.ops.degradation import coarsen


def test_lst_pools_by_energy_and_ndvi_by_its_mean():
    rng = np.random.default_rng(0)
    lst = rng.normal(295, 8, (2, 8, 12, 1)).astype(np.float32)
    ndvi = rng.uniform(-0.2, 0.9, lst.shape).astype(np.float32)
    lst[0, 0, 0] = ndvi[0, 0, 0] = np.nan
    out = coarsen({"lst": lst, "ndvi": ndvi}, 2)
    blocks = lst.astype(np.float64).reshape(2, 4, 2, 6, 2, 1)
    np.testing.assert_allclose(out["lst"], (blocks**4).mean((2, 4)) ** 0.25, rtol=1e-6)
    np.testing.assert_allclose(out["ndvi"], np.nanmean(ndvi.reshape(2, 4, 2, 6, 2, 1), (2, 4)), rtol=1e-5, atol=1e-6)
    assert np.isnan(out["lst"][0, 0, 0]) and np.isfinite(out["ndvi"]).all()


def test_a_factor_of_one_changes_nothing():
    image = np.ones((1, 5, 7, 1))
    assert coarsen({"lst": image}, 1)["lst"] is image


def test_sides_must_divide():
    with pytest.raises(ValueError, match="2x2 blocks"):
        coarsen({"lst": np.ones((1, 5, 6, 1))}, 2)
