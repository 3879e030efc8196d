"""Arrays at the doors: a mask is a gap, integers and half precision are computed in float32, units are checked."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax import (
    atprk,
    conserve_energy,
    dms,
    fill_gaps,
    l4_pool,
    psnr,
    rmse,
    ssim,
    super_resolve_scene,
    super_resolve_spread,
    tsharp,
    upsample,
)

RNG = np.random.default_rng(5)
COUNTS = RNG.integers(280, 310, (8, 8, 1))
KELVIN = COUNTS.astype(np.float32)
GAPS = RNG.random((8, 8, 1)) < 0.3
NDVI = RNG.uniform(0, 0.8, (32, 32, 1)).astype(np.float32)
FINE = np.asarray(upsample(KELVIN))
refine = jax.jit(functools.partial(upsample, factor=4))

DOORS = {
    "l4_pool": l4_pool,
    "upsample": upsample,
    "fill_gaps": fill_gaps,
    "conserve_energy": lambda x: conserve_energy(FINE, x),
    "tsharp": lambda x: tsharp(x, NDVI),
    "atprk": lambda x: atprk(x, NDVI),
    "dms": lambda x: dms(x, NDVI, trees=1),
    "rmse": lambda x: rmse(x, KELVIN + 1),
    "psnr": lambda x: psnr(x, KELVIN + 1),
    "ssim": lambda x: ssim(x, KELVIN + 1, window="global"),
    "super_resolve_scene": lambda x: super_resolve_scene(refine, x[..., 0]),
    "super_resolve_spread": lambda x: super_resolve_spread(refine, x[..., 0])[0],
}


@pytest.mark.parametrize("name", DOORS)
def test_a_mask_is_a_gap(name):
    door = DOORS[name]
    masked = np.ma.array(np.where(GAPS, 0, KELVIN), mask=GAPS)
    expected = door(np.where(GAPS, np.nan, KELVIN).astype(np.float32))
    np.testing.assert_array_equal(door(masked), expected)
    counts = np.ma.array(np.where(GAPS, 0, COUNTS), mask=GAPS)
    np.testing.assert_array_equal(door(counts), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.float16, jnp.bfloat16])
@pytest.mark.parametrize("name", DOORS)
def test_integers_and_half_precision_are_computed_in_float32(name, dtype):
    stored = KELVIN.astype(dtype)
    result = DOORS[name](stored)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, DOORS[name](stored.astype(np.float32)))


def test_masked_images_in_a_list_keep_their_masks():
    images = [np.ma.array(KELVIN, mask=GAPS), np.ma.array(KELVIN, mask=~GAPS)]
    expected = np.stack([np.where(mask, np.nan, KELVIN) for mask in (GAPS, ~GAPS)])
    np.testing.assert_array_equal(fill_gaps(images), fill_gaps(expected))


def test_tables_and_labelled_arrays_are_arrays():
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    expected = super_resolve_scene(refine, np.where(GAPS, np.nan, KELVIN)[..., 0])
    table = pandas.DataFrame(COUNTS[..., 0]).astype("Int32").mask(GAPS[..., 0])
    np.testing.assert_array_equal(super_resolve_scene(refine, table), expected)
    labelled = xarray.DataArray(KELVIN[..., 0]).where(~GAPS[..., 0])
    np.testing.assert_array_equal(super_resolve_scene(refine, labelled), expected)


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="lst must hold real numbers, got bool"):
        l4_pool(KELVIN > 290)
    with pytest.raises(ValueError, match="x must hold real numbers"):
        upsample(KELVIN.astype(object).astype(str).astype(object))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (KELVIN - 273.15, "looks like degrees Celsius: add 273.15"),
        ((KELVIN / 0.02).astype(np.uint16), r"looks like counts of 0.02 K: multiply by 0.02 first$"),
        (np.where(GAPS, 0, KELVIN / 0.02), "counts of 0.02 K: multiply by 0.02 first, and use NaN for no observation"),
        (KELVIN * 100, "looks like hundredths of a kelvin: multiply by 0.01"),
        (np.where(GAPS, 0, KELVIN), r"values are 0: if that is no observation, use NaN$"),
        (np.where(GAPS, -9999, KELVIN), "are no land surface temperature: use NaN"),
        (np.where(GAPS, 1310.0, KELVIN), "280 to 1310; .* are no land surface temperature"),
    ],
)
@pytest.mark.parametrize("door", [super_resolve_scene, super_resolve_spread])
def test_other_units_are_refused_by_name(door, field, message):
    with pytest.raises(ValueError, match=f"lst must be in kelvin, 150 to 400: got .*{message}"):
        door(refine, field[..., 0])


def test_ndvi_that_is_no_fraction_is_refused():
    def guided(coarse, ndvi):
        return upsample(coarse, 4) + ndvi

    for call in (
        lambda ndvi: tsharp(KELVIN, ndvi),
        lambda ndvi: atprk(KELVIN, ndvi),
        lambda ndvi: dms(KELVIN, ndvi),
        lambda ndvi: super_resolve_scene(guided, KELVIN[..., 0], ndvi[..., 0]),
    ):
        for wrong in (NDVI * 10000, np.where(NDVI < 0.1, -3000, NDVI)):
            with pytest.raises(ValueError, match="ndvi must be within -1 to 1"):
                call(wrong)
    np.testing.assert_allclose(jax.jit(tsharp)(KELVIN, NDVI), tsharp(KELVIN, NDVI), atol=1e-4)  # no check when traced
