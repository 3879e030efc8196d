"""Grids of warps: around the place, at about the same pixel, with every pixel that exists, wherever a tile lies."""

import numpy as np
import pyproj
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import SINUSOIDAL, Grid, pixel_lonlat, target_grid, tile_transform, warp_field

SIZE = 120  # pixels of 9.3 km along a whole tile


def tile_grid(tile):
    """A whole tile, and which of its pixels lie on the globe."""
    grid = Grid((SIZE, SIZE), tile_transform(tile, size=SIZE), SINUSOIDAL)
    lon, lat = pixel_lonlat(grid.transform, grid.shape)
    return grid, np.isfinite(lon), lat


def where(grid, target, rows, columns):
    """Row and column in `target` of pixel centres of `grid`, point by point through PROJ."""
    x, y = grid.xy(columns + 0.5, rows + 0.5)
    path = (pyproj.CRS.from_wkt(crs.to_wkt()) for crs in (grid.crs, target.crs))
    x, y = pyproj.Transformer.from_crs(*path, always_xy=True).transform(x, y)
    a, _, left, _, e, top = target.transform[:6]
    if target.crs.is_geographic:
        x = left + (x - left) % 360
    return (y - top) / e, (x - left) / a


def latitude(target, row, column):
    """Degrees north of pixel centres of `target`, on the sphere that the sinusoidal grid takes for the Earth."""
    path = (pyproj.CRS.from_wkt(crs.to_wkt()) for crs in (target.crs, SINUSOIDAL))
    x, y = target.xy(column + 0.5, row + 0.5)
    return np.degrees(pyproj.Transformer.from_crs(*path, always_xy=True).transform(x, y)[1] / 6371007.181)


PLACES = [
    ("h18v04", "EPSG:3035"),
    ("h31v12", "EPSG:4326"),  # New Zealand: a third of the tile is off the globe
    ("h31v12", "EPSG:2193"),
    ("h31v12", "EPSG:32760"),
    ("h12v02", "EPSG:4326"),  # Alaska, Chukotka and the Arctic Ocean: as sheared as tiles come
    ("h12v02", "EPSG:3413"),
    ("h23v01", "EPSG:3413"),
    ("h35v10", "EPSG:3460"),  # Fiji
    ("h00v10", "EPSG:4326"),  # the other side of it
    ("h17v00", "EPSG:4326"),  # the pole
    ("h17v00", "EPSG:3413"),
    ("h18v17", "EPSG:3031"),
]


@pytest.mark.parametrize(("tile", "crs"), PLACES)
def test_every_pixel_on_the_globe_is_in_the_warp(tile, crs):
    grid, inside, lat = tile_grid(tile)
    target = target_grid(grid, CRS.from_string(crs), inside=inside)
    rows, columns = np.nonzero(inside)
    row, column = where(grid, target, rows, columns)
    assert row.min() >= 0 and column.min() >= 0
    assert row.max() < target.shape[0] and column.max() < target.shape[1]

    field = np.where(inside, 290 + lat, np.nan).astype(np.float32)
    warped = warp_field(field, grid, target)
    row, column = row.astype(int), column.astype(int)
    # Only the outline may be lost: a pixel of the target stands for several there where its area's scale is large.
    outline = inside & ~(
        np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    )
    outline[[0, -1]] = outline[:, [0, -1]] = True
    assert np.isnan(warped[row, column]).sum() <= np.count_nonzero(inside & outline)
    # Each pixel holds what belongs to its own centre, point by point through PROJ.
    truth = latitude(target, row, column)
    error = np.abs(warped[row, column] - 290 - truth)
    assert np.nanquantile(error, 0.98) < 0.25 * 10 / SIZE and np.nanmax(error) < 2 * 10 / SIZE

    # As many pixels as there were, within the change of the area's scale over a tile.
    share = np.isfinite(warped).sum() / inside.sum()
    assert 0.5 < share < 2.5


def test_pixels_are_of_the_median_area():
    grid, inside, _ = tile_grid("h18v04")
    assert target_grid(grid, CRS.from_epsg(3035), inside=inside).pixel_m == 9300  # an equal-area projection
    degrees = target_grid(grid, CRS.from_epsg(4326), inside=inside).transform.a
    assert degrees == pytest.approx(10 / SIZE / np.sqrt(np.cos(np.radians(45))), rel=0.03)


@pytest.mark.parametrize(("epsg", "bounds"), [(32601, (179.0, 181.2)), (32660, (178.9, 181.0))])
def test_longitudes_run_on_across_the_180th_meridian(epsg, bounds):
    centre = 241_000 if epsg == 32601 else 760_000  # the meridian at 40 degrees north
    grid = Grid((150, 180), Affine(1000, 0, centre - 90_000, 0, -1000, 4_490_000), CRS.from_epsg(epsg))
    target = target_grid(grid, CRS.from_epsg(4326))
    left, _, right, _ = target.bounds
    assert bounds[0] - 0.5 < left < 180 < right < bounds[1] + 0.5
    rows, columns = np.mgrid[2:148, 2:178]
    field = np.add.outer(np.arange(150.0), np.arange(180.0)).astype(np.float32)
    row, column = where(grid, target, rows, columns)
    found = warp_field(field, grid, target)[row.astype(int), column.astype(int)]
    assert np.abs(found - field[2:148, 2:178]).max() < 2


def test_only_what_can_be_projected_counts():
    grid, inside, _ = tile_grid("h24v04")  # 78 to 109 degrees east: at the rim of the globe seen from above Greenwich
    target = target_grid(grid, CRS.from_string("+proj=ortho +lat_0=0 +lon_0=0 +R=6371007"), inside=inside)
    left, bottom, right, top = target.bounds
    assert 4.2e6 < left < right < 4.9e6 and 4.0e6 < bottom < top < 4.8e6
    with pytest.raises(ValueError, match="none of its pixels can be projected"):
        target_grid(grid, CRS.from_string("+proj=ortho +lat_0=0 +lon_0=-120 +R=6371007"), inside=inside)
    with pytest.raises(ValueError, match="none of its pixels can be projected"):
        target_grid(grid, CRS.from_epsg(4978), inside=inside)  # geocentric: no plane


def test_edges_are_multiples_of_the_pixel():
    grid, inside, _ = tile_grid("h18v04")
    for crs, resolution in ((CRS.from_epsg(32632), 9000.0), (CRS.from_epsg(4326), 0.125), (CRS.from_epsg(32632), None)):
        target = target_grid(grid, crs, inside=inside, resolution=resolution)
        size = target.transform.a
        assert resolution in (size, None)
        np.testing.assert_allclose(np.array(target.bounds) / size, np.rint(np.array(target.bounds) / size), atol=1e-6)


@pytest.mark.parametrize(
    ("epsg", "resolution", "message"),
    [
        (4326, 250, r"its unit is the degree, and a pixel of this map is about 0\.\d+; give 0\.\d+ to 0\.99"),
        (32632, 0.0025, "its unit is the metre, and a pixel of this map is about 9300; give 930 to 93000"),
        (2263, 30, "its unit is the US survey foot"),
        (32632, float("inf"), "its unit is the metre"),
    ],
)
def test_a_resolution_in_another_unit_is_refused(epsg, resolution, message):
    grid, inside, _ = tile_grid("h18v04" if epsg != 2263 else "h12v04")
    with pytest.raises(ValueError, match=message):
        target_grid(grid, CRS.from_epsg(epsg), inside=inside, resolution=resolution)


def test_an_absurd_size_is_refused_before_memory_is_asked_for():
    grid = Grid((4800, 4800), tile_transform("h18v04", 4), SINUSOIDAL)
    with pytest.raises(ValueError, match=r"gives a map of \d+ x \d+ pixels of 25 \(metre\), [\d.]+ GB; choose"):
        target_grid(grid, CRS.from_epsg(32632), resolution=25)
    split = CRS.from_string("+proj=moll +lon_0=-170")  # its edge, 10 degrees east, runs through the tile
    with pytest.raises(ValueError, match=r"gives a map of \d+ x \d+ pixels"):
        target_grid(grid, split)


def test_inside_must_have_the_shape_of_the_grid():
    with pytest.raises(ValueError, match=r"inside \(3, 4\) must have the shape"):
        target_grid(tile_grid("h18v04")[0], CRS.from_epsg(3035), inside=np.ones((3, 4), bool))
