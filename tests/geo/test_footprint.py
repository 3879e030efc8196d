"""Outlines of rasters in longitude and latitude: on the globe, split at the 180th meridian, around poles."""

import numpy as np
import pytest
import rasterio.warp
from rasterio.crs import CRS
from rasterio.transform import Affine
from shapely.geometry import Point, shape

from lstsr_jax.geo import SINUSOIDAL, Grid, pixel_lonlat, tile_transform
from lstsr_jax.geo.footprint import footprint


def grid(crs, left, top, pixel, height, width):
    return Grid((height, width), Affine(pixel, 0, left, 0, -pixel, top), CRS.from_user_input(crs))


def tile(name):
    return Grid((1200, 1200), tile_transform(name), SINUSOIDAL)


@pytest.mark.parametrize("name", ["h18v04", "h17v04", "h00v08", "h00v10", "h35v08", "h09v02", "h12v01", "h30v13"])
def test_it_holds_the_pixels_of_a_tile_that_are_on_the_globe_and_no_others(name):
    """Against the closed form of the grid, at pixel centres, and against the area in longitude and latitude."""
    outline = shape(footprint(tile(name)).geometry)
    assert outline.is_valid and outline.exterior.is_ccw
    lon, lat = (field[::50, ::50].ravel() for field in pixel_lonlat(tile_transform(name), (1200, 1200)))
    known = np.isfinite(lon)
    near = outline.buffer(2e-3)  # degrees, of 1/120: the arcs between the points
    assert all(near.contains(Point(*place)) for place in zip(lon[known], lat[known], strict=True))
    box = footprint(tile(name)).bbox
    assert box == pytest.approx([*outline.bounds], abs=1e-6) and -180 <= box[0] < box[2] <= 180
    # d lon d lat of a pixel on the sphere: its area over the cosine of its latitude
    all_lat = pixel_lonlat(tile_transform(name), (1200, 1200))[1]
    degrees = (1 / 120) ** 2 * np.nansum(1 / np.cos(np.radians(all_lat)))
    assert outline.area == pytest.approx(degrees, rel=3e-3)


def test_a_tile_off_the_globe_has_none():
    assert footprint(tile("h00v00")) is None and footprint(tile("h35v17")) is None


@pytest.mark.parametrize(("name", "lat"), [("h17v00", 90), ("h18v17", -90)])
def test_a_tile_at_a_pole_reaches_it_along_the_180th_meridian(name, lat):
    west, south, east, north = footprint(tile(name)).bbox
    assert lat in (south, north) and east - west == 180 and 180 in (abs(west), abs(east))
    assert shape(footprint(tile(name)).geometry).is_valid


def test_across_the_180th_meridian_it_has_two_parts_and_a_box_with_its_west_in_the_east():
    made = footprint(grid("EPSG:4326", 170, 5, 0.1, 100, 200))
    assert made.bbox == [170, -5, -170, 5] and made.geometry["type"] == "MultiPolygon"
    parts = [part.bounds for part in shape(made.geometry).geoms]
    assert sorted(parts) == [(-180, -5, -170, 5), (170, -5, 180, 5)]
    made = footprint(grid("EPSG:32601", 200000, 7200000, 1000, 400, 400))  # UTM zone 1 begins there
    west, _, east, _ = made.bbox
    assert 170 < west < 180 and -180 < east < -170
    assert all(part.is_valid and part.exterior.is_ccw for part in shape(made.geometry).geoms)


def test_around_a_pole_it_holds_the_pole():
    made = footprint(grid("EPSG:3031", -1e6, 1e6, 5000, 400, 400))
    outline = shape(made.geometry)
    assert made.bbox[::2] == [-180, 180] and made.bbox[1] == -90
    assert all(outline.contains(Point(lon, -89.9)) for lon in range(-175, 180, 10))
    assert not any(outline.contains(Point(lon, -70)) for lon in range(-175, 180, 10))


def test_edges_are_those_that_gdal_finds():
    utm = grid("EPSG:32632", 300000, 5200000, 1000, 300, 300)
    box = rasterio.warp.transform_bounds(utm.crs, "EPSG:4326", *utm.bounds, densify_pts=99)
    assert footprint(utm).bbox == pytest.approx(box, abs=1e-4)
