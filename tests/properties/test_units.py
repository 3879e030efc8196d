"""Units: what a file declares gives the same kelvin, and what it does not declare is never guessed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from lstsr_jax.geo import SINUSOIDAL, GranuleError
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.physical import LST, elevation_of_band, lst_of_band, ndvi_of_band
from lstsr_jax.ops.observed import require_kelvin

PATH, SHAPE = Path("x.tif"), (12, 12)
DECLARED = {
    "K": lambda kelvin: kelvin,
    "kelvin": lambda kelvin: kelvin,
    "degC": lambda kelvin: kelvin - 273.15,
    "degree_Celsius": lambda kelvin: kelvin - 273.15,
    "degF": lambda kelvin: kelvin * 9 / 5 - 459.67,
}


def band(values, scale=1.0, offset=0.0, units=""):
    transform = Affine(926.6, 0, 0, 0, -926.6, 0)
    return Band(values, transform, SINUSOIDAL, scale, offset, None, np.zeros(values.shape, bool), units, {})


@st.composite
def scenes(draw):
    """LST of a usual scene in K, with gaps, float64."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    middle, spread = draw(st.floats(245, 325)), draw(st.floats(0.1, 6))
    lst = middle + np.clip(spread * random.standard_normal(SHAPE), -18, 18)
    lst[random.random(SHAPE) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = np.nan
    lst[0, 0] = middle
    return lst


@settings(max_examples=30)
@given(scenes(), st.sampled_from(sorted(DECLARED)), st.sampled_from([1.0, 0.1, 0.02]), st.sampled_from([0.0, 10.0]))
def test_a_declared_unit_scale_and_offset_give_the_same_kelvin(lst, units, scale, offset):
    stored = (DECLARED[units](lst) - offset) / scale
    stored[np.abs(lst) < 1e-3] = np.nan
    found = lst_of_band(PATH, band(stored, scale, offset, units))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(lst))
    np.testing.assert_allclose(found, lst, atol=1e-3)


UNDECLARED = {
    "degrees Celsius": lambda kelvin: kelvin - 273.15,
    "counts of 0.02 K": lambda kelvin: kelvin / 0.02,
    "hundredths of kelvin": lambda kelvin: kelvin * 100,
    "tenths of kelvin": lambda kelvin: kelvin * 10,
    "thousandths of kelvin": lambda kelvin: kelvin * 1000,
    "hundredths of a degree Celsius": lambda kelvin: (kelvin - 273.15) * 100,
}


@settings(max_examples=40)
@given(scenes(), st.sampled_from(sorted(UNDECLARED)))
def test_a_unit_that_is_not_declared_is_refused_not_guessed(lst, unit):
    stored = UNDECLARED[unit](lst)
    bulk = np.percentile(stored[np.isfinite(stored)], [5, 95])
    if unit.startswith("hundredths of a degree") and bulk[1] < 420 and bulk[0] > 140:
        return  # within what kelvin may be: the numbers alone do not tell
    with pytest.raises(GranuleError, match=r"x.tif: LST of .*within 150\.\.400 K"):
        lst_of_band(PATH, band(stored.astype(np.float32)))
    with pytest.raises(ValueError, match="lst must be in kelvin"):
        require_kelvin("lst", stored.astype(np.float32))


@settings(max_examples=40)
@given(scenes(), st.sampled_from([unit.text for unit in LST.units]))
def test_what_numbers_look_like_is_a_unit_in_which_they_are_a_usual_scene(lst, text):
    unit = next(unit for unit in LST.units if unit.text == text)
    found = LST.likely_unit((lst - unit.offset) / unit.scale)
    assert found is not None  # for this unit would do
    values = (lst - unit.offset) / unit.scale * found.scale + found.offset
    low, high = np.percentile(values[np.isfinite(values)], [5, 95])
    assert LST.usual[0] <= low <= high <= LST.usual[1]


@settings(max_examples=30)
@given(st.lists(st.integers(-2000, 10000) | st.just(-3000), min_size=4, max_size=4))
def test_ndvi_of_steps_declared_or_not_is_the_same_fraction(steps):
    stored = np.array(steps, np.int16).reshape(2, 2)
    expected = np.where(stored == -3000, np.nan, stored * 1e-4)
    for scale in (1e-4, 1e4, 1.0):
        if scale == 1.0 and stored[stored != -3000].max(initial=-3000) <= 100:
            continue  # looks like percent
        np.testing.assert_allclose(ndvi_of_band(PATH, band(stored, scale)), expected, atol=1e-6)


@settings(max_examples=30)
@given(st.lists(st.integers(-400, 8800) | st.just(-32768), min_size=4, max_size=4), st.sampled_from(["m", "", "ft"]))
def test_elevation_in_a_declared_unit_is_the_same_in_metres(metres, units):
    values = np.array(metres, np.float64).reshape(2, 2)
    stored = np.where(values == -32768, -32768, np.rint(values / (0.3048 if units == "ft" else 1)))
    expected = np.where(values == -32768, np.nan, values)
    if np.isnan(expected).all():
        return
    np.testing.assert_allclose(elevation_of_band(PATH, band(stored.astype(np.int16), units=units)), expected, atol=0.16)
