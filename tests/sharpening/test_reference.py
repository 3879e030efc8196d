"""TsHARP and ATPRK against arrays that the peers' own code computed (../shared/reference, sections 4 and 5)."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops.metrics import psnr, ssim
from lstsr_jax.sharpening import area_semivariances, atprk, fit_variogram, kriging_weights, semivariogram, tsharp
from lstsr_jax.sharpening.kriging import weights_of_range


class Case(NamedTuple):
    archive: str
    window: int
    factor: int
    pixel_size: float
    pool: str


CASES = {
    "A": Case("classical", 5, 4, 926, "mean"),
    "N": Case("classical", 5, 4, 8, "l4"),
    "P": Case("classical", 5, 4, 926, "mean"),
    "X2": Case("classical", 3, 2, 32, "l4"),
    "G": Case("classical_block3", 3, 4, 8, "l4"),
    "T": Case("classical_block3", 3, 4, 8, "l4"),
    "M": Case("classical_block3", 3, 4, 926, "mean"),
}
INTENDED = ["P", "X2", "G", "M"]
"""Configurations without the bug in the fit; given the fitted sill and range, the others agree as well."""
PATCHES = [0, 2]


@pytest.fixture(scope="module")
def archives(reference):
    return {name: dict(np.load(reference / f"{name}.npz")) for name in ("classical", "classical_block3")}


def load(archives: dict, tag: str) -> tuple[Case, np.ndarray, np.ndarray, Callable[[str], np.ndarray]]:
    """Coarse LST and fine NDVI of both patches, and a reader of the intermediates of a configuration."""
    case = CASES[tag]
    arrays = archives[case.archive]
    coarse = "X2_lst_coarse_l4" if tag == "X2" else "lst_coarse_l4"
    lst = np.stack([arrays[f"modis{p}_{coarse}"] for p in PATCHES])[..., None]
    ndvi = np.stack([arrays[f"modis{p}_in_ndvi"] for p in PATCHES])[..., None]
    return case, lst, ndvi, lambda key: np.stack([arrays[f"modis{p}_{tag}_atprk_{key}"] for p in PATCHES])


def interior(case: Case) -> tuple[slice, slice, slice]:
    ring = case.window // 2 * case.factor
    return slice(None), slice(ring, -ring), slice(ring, -ring)


@pytest.mark.parametrize(("tag", "pool"), [("A", "mean"), ("N", "l4")])
def test_tsharp(archives, tag, pool):
    _, lst, ndvi, _ = load(archives, tag)
    expected = np.stack([archives["classical"][f"modis{p}_{tag}_tsharp_out"] for p in PATCHES])
    np.testing.assert_allclose(tsharp(lst, ndvi, ndvi_pool=pool, min_lst=273)[..., 0], expected, atol=1e-4)


@pytest.mark.parametrize("tag", CASES)
def test_semivariogram(archives, tag):
    case, _, _, read = load(archives, tag)
    gamma = semivariogram(read("delta_coarse")[..., None], case.window)
    np.testing.assert_allclose(gamma, read("gamma_coarse")[:, 1:], rtol=2e-6)


@pytest.mark.parametrize("tag", [*CASES, "thunmpy"])
def test_semivariances_and_weights_given_the_fit(archives, tag):
    if tag == "thunmpy":
        case = Case("classical", 5, 5, 100, "mean")
        arrays = archives["classical"]

        def read(key: str) -> np.ndarray:
            return arrays[f"thunmpy_atprk_{key}"][None]
    else:
        case, _, _, read = load(archives, tag)
    fitted = (*read("param_after").T, case.factor, case.window, case.pixel_size)
    between, towards = area_semivariances(*fitted)
    np.testing.assert_allclose(between, read("gamma_cc"), atol=1e-6)
    np.testing.assert_allclose(towards, read("gamma_fc"), atol=1e-6)
    np.testing.assert_allclose(kriging_weights(*fitted), read("lambdas"), atol=1e-9)
    reach = jnp.asarray(fitted[1] / case.pixel_size, jnp.float32)
    np.testing.assert_allclose(weights_of_range(reach, case.factor, case.window), read("lambdas"), atol=1e-6)


@pytest.mark.parametrize("tag", CASES)
def test_atprk_given_the_fit(archives, tag):
    case, lst, ndvi, read = load(archives, tag)
    options = {"window": case.window, "ndvi_pool": case.pool, "pixel_size": case.pixel_size}
    fitted = tuple(read("param_after").T)
    out = atprk(lst, ndvi, case.factor, border="paper", variogram=fitted, **options)[..., 0]
    np.testing.assert_allclose(out, read("out"), atol=1e-4)  # the uncorrected ring as well
    extended = atprk(lst, ndvi, case.factor, variogram=fitted, **options)[..., 0]
    np.testing.assert_allclose(extended[interior(case)], read("out")[interior(case)], atol=1e-4)


@pytest.mark.parametrize("tag", INTENDED)
def test_atprk_with_our_own_fit(archives, tag):
    """None of the unbounded fits ran away on these patches: sill and range agree as well."""
    case, lst, ndvi, read = load(archives, tag)
    out = atprk(lst, ndvi, case.factor, window=case.window, ndvi_pool=case.pool)[..., 0]
    error = np.abs(out - read("out"))[interior(case)]
    assert np.median(error) < 1e-4 and error.max() < 1e-3
    fitted = fit_variogram(read("delta_coarse")[..., None], case.factor, window=case.window, pixel_size=case.pixel_size)
    np.testing.assert_allclose(np.stack(fitted, -1), read("param_after"), rtol=1e-3)


@pytest.mark.slow
def test_configuration_g_scores_what_the_paper_printed(archives):
    """21.69 dB and 0.66 in the paper's figure: block 3, L4 NDVI, crop 4, range of the cropped truth."""
    case, lst, ndvi, _ = load(archives, "G")
    arrays = archives["classical_block3"]
    truth = np.stack([arrays[f"modis{p}_in_lst"] for p in PATCHES])[:, 4:-4, 4:-4, None]
    out = atprk(lst, ndvi, window=case.window, ndvi_pool=case.pool, border="paper")[:, 4:-4, 4:-4]
    rows = list(arrays["table_patch_index"]).index(0), list(arrays["table_patch_index"]).index(2)
    table = arrays["table_values"][list(rows), list(arrays["table_methods"]).index("paper_utils_L4ndvi_b3"), 1]
    np.testing.assert_allclose(psnr(truth, out), table[:, 0], atol=0.02)
    np.testing.assert_allclose(ssim(truth, out), table[:, 1], atol=0.002)
    np.testing.assert_allclose((psnr(truth, out)[0], ssim(truth, out)[0]), (21.685, 0.6588), atol=0.001)


def test_thunmpy_test_images(archives):
    """Landsat at 100 m and 20 m: a coarse index that is not the pooled fine one, and an unobserved pixel at 0 K."""
    arrays = {key: value for key, value in archives["classical"].items() if key.startswith("thunmpy_")}
    inputs = (arrays["thunmpy_in_lst_100m"][..., None], arrays["thunmpy_in_index_20m"][..., None], 5)
    options = {"min_lst": 290, "coarse_ndvi": arrays["thunmpy_in_index_100m"][..., None]}
    np.testing.assert_allclose(tsharp(*inputs, **options)[..., 0], arrays["thunmpy_tsharp_out"], atol=1e-4)
    fitted = tuple(arrays["thunmpy_atprk_param_after"])
    out = atprk(*inputs, border="paper", variogram=fitted, pixel_size=100, **options)[..., 0]
    np.testing.assert_allclose(out, arrays["thunmpy_atprk_out"], atol=1e-4)
