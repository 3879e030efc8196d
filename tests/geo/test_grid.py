"""The sinusoidal grid against numbers computed by hand and by PROJ."""

import numpy as np
import pytest
from rasterio.warp import transform as proj_transform

from lstsr_jax.geo import (
    SINUSOIDAL,
    lonlat_to_sinusoidal,
    parse_tile,
    pixel_lonlat,
    refine_transform,
    sinusoidal_to_lonlat,
    tile_bounds,
    tile_name,
    tile_of,
    tile_transform,
)


def test_h18v04_corner_and_pixel():
    transform = tile_transform("h18v04")
    assert (transform.c, transform.f) == (0.0, pytest.approx(5 * 1111950.519667, abs=1e-6))
    assert transform.a == pytest.approx(926.625433, abs=5e-7)
    assert transform.e == -transform.a
    assert (transform.b, transform.d) == (0.0, 0.0)


def test_other_tiles_as_written_in_real_granules():
    # UpperLeftPointMtrs and LowerRightMtrs of MOD11A1.A2021227.h11v05 and MOD13A2 h11v06
    assert tile_bounds("h11v05") == pytest.approx(
        (-7783653.638366, 3335851.559300, -6671703.118599, 4447802.079066), abs=2e-3
    )
    assert tile_bounds("h11v06") == pytest.approx(
        (-7783653.637667, 2223901.039333, -6671703.118, 3335851.559), abs=2e-3
    )


def test_tile_width_is_ten_degrees_of_the_sphere():
    left, bottom, right, top = tile_bounds("h18v04")
    assert right - left == pytest.approx(6371007.181 * np.pi / 18, abs=2e-4)  # to the 0.1 mm the product keeps
    assert top - bottom == pytest.approx(right - left, abs=1e-6)


def test_refining_keeps_the_corner_exactly():
    coarse = tile_transform("h11v05")
    fine = refine_transform(coarse, 4)
    assert (fine.c, fine.f) == (coarse.c, coarse.f)
    assert fine.a == coarse.a / 4 and fine.e == coarse.e / 4
    assert fine == tile_transform("h11v05", factor=4)
    assert fine.c + 28 * fine.a == pytest.approx(coarse.c + 7 * coarse.a, abs=1e-6)
    assert tile_transform("h11v05", size=4800).a == pytest.approx(231.65635826, abs=1e-7)


@pytest.mark.parametrize("factor", [0, -4, 1.5])
def test_refining_needs_a_whole_factor(factor):
    with pytest.raises(ValueError, match="factor"):
        refine_transform(tile_transform("h18v04"), factor)


def test_known_longitudes_and_latitudes_of_the_corners():
    left, bottom, right, top = tile_bounds("h18v04")
    lon, lat = sinusoidal_to_lonlat([left, right, right], [top, top, bottom])
    np.testing.assert_allclose(lat, [50, 50, 40], atol=1e-8)
    np.testing.assert_allclose(lon, [0, 10 / np.cos(np.radians(50)), 10 / np.cos(np.radians(40))], atol=1e-8)


def test_pixel_centres_agree_with_proj():
    transform = tile_transform("h11v05")
    lon, lat = pixel_lonlat(transform, (40, 60))
    assert lon.shape == lat.shape == (40, 60)
    rows, columns = [0, 39, 17], [0, 5, 59]
    x = [transform.c + transform.a * (column + 0.5) for column in columns]
    y = [transform.f + transform.e * (row + 0.5) for row in rows]
    sphere = "+proj=longlat +R=6371007.181 +no_defs"
    expected = proj_transform(SINUSOIDAL, sphere, x, y)
    np.testing.assert_allclose(lon[rows, columns], expected[0], atol=1e-9)
    np.testing.assert_allclose(lat[rows, columns], expected[1], atol=1e-9)


def test_off_the_globe_is_nan():
    lon, lat = pixel_lonlat(tile_transform("h00v04", size=12), (12, 12))
    assert np.isnan(lon).all() and np.isnan(lat).all()
    assert np.isfinite(pixel_lonlat(tile_transform("h18v00", size=12), (12, 12))[0]).any()


def test_round_trip_and_tile_of():
    lon, lat = np.array([7.5, -120.25, 0.0]), np.array([48.2, -33.3, 0.5])
    back = sinusoidal_to_lonlat(*lonlat_to_sinusoidal(lon, lat))
    np.testing.assert_allclose(back, (lon, lat), atol=1e-12)
    assert tile_of(7.5, 48.2) == "h18v04"  # Vosges
    assert tile_of(-77.0, 38.9) == "h12v05" and tile_of(-77.5, 38.9) == "h11v05"  # 60 degrees / cos 38.9 = 77.1
    assert tile_of(151.2, -33.9) == "h30v12"  # Sydney
    assert tile_of(0, 90) == "h18v00" and tile_of(0, -90) == "h18v17"


@pytest.mark.parametrize("tile", ["h36v04", "h18v18", "h1v4", "18v04", "h18v04 ", "H18V04", "h18-v04", ""])
def test_bad_tiles(tile):
    with pytest.raises(ValueError, match=r"h18v04|MODIS grid"):
        parse_tile(tile)


def test_tile_names_round_trip():
    assert parse_tile("h18v04") == (18, 4)
    assert all(parse_tile(tile_name(h, v)) == (h, v) for h in range(36) for v in range(18))


@pytest.mark.parametrize("place", [(181, 0), (0, 91), (float("nan"), 0)])
def test_no_place(place):
    with pytest.raises(ValueError, match="degrees"):
        tile_of(*place)
