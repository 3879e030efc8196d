"""Known shifts are found again: of fields with a closed form, of the simulated pair, and of real pairs."""

import csv
import dataclasses

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import (
    Grid,
    Shift,
    estimate_shift,
    place_field,
    read_pairs,
    register_coarse,
    register_guide,
    register_pair,
    simulate_pair,
    summarise,
    write_pair,
)

NO_SHIFT = Shift(0, 0)
KNOWN_SHIFT = Shift(0.837, 1.071)
UTM = CRS.from_epsg(32632)
FINE = Grid((120, 130), Affine(250, 0, 600000, 0, -250, 4900000), UTM)


def bumps(grid, shift=NO_SHIFT, seed=0, count=400):
    """Gaussian hills at random places, evaluated exactly at the pixel centres of a grid moved by a shift."""
    rng = np.random.default_rng(seed)
    x0, y0 = 600000 + rng.uniform(-2e3, 35e3, count), 4900000 - rng.uniform(-2e3, 33e3, count)
    height, width = rng.normal(0, 2, count), rng.uniform(400, 1500, count)
    column, row = np.meshgrid(np.arange(grid.shape[1]) + 0.5, np.arange(grid.shape[0]) + 0.5)
    x, y = grid.xy(column - shift.columns, row - shift.rows)
    field = np.full(grid.shape, 300.0)
    for cx, cy, h, w in zip(x0, y0, height, width, strict=True):
        field += h * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * w * w))
    return field.astype(np.float32)


@pytest.mark.parametrize("shift", [Shift(0, 0), Shift(0.837, 1.071), Shift(-1.4, 0.25), Shift(2.5, -2.1)])
@pytest.mark.parametrize("sign", [1, -1])
def test_closed_form_shift(shift, sign):
    found = estimate_shift(sign * bumps(FINE), FINE, bumps(FINE, shift), FINE)
    np.testing.assert_allclose(found.shift, shift, atol=0.03)
    assert sign * found.correlation > 0.999 and abs(found.correlation) > abs(found.correlation_unshifted) - 1e-6


def test_guide_is_registered_by_its_texture_alone():
    rows = np.arange(FINE.shape[0], dtype=np.float32)[:, None]
    truth = bumps(FINE, KNOWN_SHIFT) + 0.3 * rows  # a slope, as of relief, that the guide does not have
    truth[20:30, 40:60] = np.nan
    np.testing.assert_allclose(register_guide(-0.02 * bumps(FINE), FINE, truth, FINE).shift, KNOWN_SHIFT, atol=0.05)


def test_coarse_field_is_registered_to_a_quarter_of_its_pixels():
    pooled = bumps(FINE)[:120, :128].reshape(30, 4, 32, 4).mean((1, 3))
    coarse = Grid((30, 32), Affine(1000, 0, 600000, 0, -1000, 4900000), UTM)
    found = register_coarse(pooled, coarse, bumps(FINE, KNOWN_SHIFT), FINE)
    np.testing.assert_allclose(found.shift, KNOWN_SHIFT, atol=0.1)


@pytest.mark.parametrize("shift", [KNOWN_SHIFT, Shift(-0.5, 1.6)])
def test_simulated_pair_gives_back_its_shift(shift):
    pair = simulate_pair(0, shift=shift)
    fine = pair.lst_grid.refine(4)
    ndvi = place_field(pair.ndvi, pair.ndvi_grid, fine)
    np.testing.assert_allclose(register_guide(ndvi, fine, pair.aster, pair.aster_grid).shift, shift, atol=0.1)
    coarse = register_coarse(pair.lst, pair.lst_grid, pair.aster, pair.aster_grid)
    np.testing.assert_allclose(coarse.shift, shift, atol=0.1)
    truth = register_guide(pair.truth, fine, pair.aster, pair.aster_grid)
    np.testing.assert_allclose(truth.shift, shift, atol=0.02)


def test_simulated_pair_is_deterministic_and_round_trips(tmp_path):
    pair = simulate_pair(3, ndvi_offset=(3, 0))
    paths = write_pair(pair, tmp_path, "003")
    assert [path.name for path in paths] == [
        "003_modis_lst_1km.tif",
        "003_modis_ndvi_250m.tif",
        "003_aster_lst_250m.tif",
    ]
    (read,), skipped = read_pairs(tmp_path)
    again = simulate_pair(3, ndvi_offset=(3, 0))
    np.testing.assert_array_equal(read.lst, again.lst)
    np.testing.assert_array_equal(read.aster, again.aster)
    np.testing.assert_array_equal(read.ndvi[3:], again.ndvi[:-3])
    assert not skipped and read.aster_grid.crs == CRS.from_epsg(32631)
    with pytest.raises(ValueError, match=r"ndvi_offset must be 0..3"):
        simulate_pair(0, ndvi_offset=(0, 4))


def test_nothing_to_register():
    with pytest.raises(ValueError, match="flat"):
        estimate_shift(np.full(FINE.shape, 300, np.float32), FINE, bumps(FINE), FINE)
    far = FINE.cut(0, 128, FINE.shape)
    with pytest.raises(ValueError, match="share 0 pixels"):
        estimate_shift(bumps(FINE), FINE, bumps(far), far)


def test_summary():
    found = summarise([Shift(0.0, 1.0), Shift(1.0, 2.0)])
    assert found.mean == (0.5, 1.5) and found.spread == pytest.approx((np.sqrt(0.5),) * 2) and found.n == 2
    assert summarise([Shift(1.0, 2.0)]).spread == (0, 0)
    with pytest.raises(ValueError, match="no shift"):
        summarise([])


@pytest.mark.parametrize("seed", range(1, 13))
def test_the_shift_of_a_pair_is_found_whatever_the_place(seed, tmp_path):
    """Seeds 3, 5, 7, 8, 10, 11 and 12 have water, over which the correlation with NDVI cancels."""
    shift = Shift(0.6 - 0.3 * (seed % 4), -1.5 + 0.25 * seed)
    write_pair(simulate_pair(seed, shift=shift), tmp_path)
    ((pair,), _) = read_pairs(tmp_path)
    found = register_pair(pair)
    assert found.by == "ndvi" and found.correlation < -0.5
    np.testing.assert_allclose(found.shift, shift, atol=0.15)


def test_lst_registers_where_ndvi_says_nothing(tmp_path):
    write_pair(simulate_pair(1), tmp_path)
    ((pair,), _) = read_pairs(tmp_path)
    noise = np.random.default_rng(0).uniform(0.2, 0.8, pair.ndvi.shape).astype(np.float32)
    elsewhere = np.roll(pair.ndvi, (3, -3), (0, 1))  # agrees well, at the edge of the search window
    for ndvi in (None, noise, elsewhere, np.full_like(noise, -0.1)):
        found = register_pair(dataclasses.replace(pair, ndvi=ndvi))
        assert found.by == "lst"
        np.testing.assert_allclose(found.shift, KNOWN_SHIFT, atol=0.15)
    unlike = np.random.default_rng(1).normal(300, 3, pair.aster.shape).astype(np.float32)
    with pytest.raises(InputError, match=r"001: MODIS and ASTER LST tell no shift .*`registration` none"):
        register_pair(dataclasses.replace(pair, aster=unlike))


def test_real_pairs_agree_with_the_folder(shared_data, tmp_path):
    source = shared_data / "aster_modis"
    with (source / "index.csv").open() as file:
        index = {row["id"]: row for row in csv.DictReader(file)}
    for name in ("002", "007"):
        for path in source.glob(f"{name}_*.tif"):
            (tmp_path / path.name).symlink_to(path)
    for pair in read_pairs(tmp_path)[0]:
        row = index[pair.name]
        for by, keys in (
            ("ndvi", ("reg_ndvi_dy_px250", "reg_ndvi_dx_px250")),
            ("lst", ("reg_dy_px250", "reg_dx_px250")),
        ):
            np.testing.assert_allclose(register_pair(pair, by).shift, [float(row[key]) for key in keys], atol=0.2)
