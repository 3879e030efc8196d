"""Boxes in degrees on the sinusoidal grid, against every pixel's own corners."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import SINUSOIDAL, Grid, Scene, pixel_lonlat, refine_transform, tile_transform
from lstsr_jax.product import Selection
from lstsr_jax.product.region import OutsideError, Region, crop, halves, inside, locate

SIZE = 60


def scene_of(tile, transform=None):
    lst = np.arange(SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    return Scene(
        lst=lst,
        quality=None,
        transform=transform or tile_transform(tile, size=SIZE),
        crs=SINUSOIDAL,
        date=datetime.date(2020, 7, 1),
        tile=tile,
        overpass="day",
        product="MOD11A1",
        granule="g",
        path=Path("g.tif"),
    )


def in_box(transform, shape, box):
    """Pixel centres in a box, by longitudes from its west on; numpy only."""
    lon, lat = pixel_lonlat(transform, shape)
    west, south, east, north = box
    with np.errstate(invalid="ignore"):
        return ((lon - west) % 360 <= ((east - west) % 360 or 360)) & (lat >= south) & (lat <= north)


def touched(scene, box, factor=16):
    """Pixels of which some point of a lattice lies in the box."""
    fine = in_box(refine_transform(scene.transform, factor), (SIZE * factor, SIZE * factor), box)
    return fine.reshape(SIZE, factor, SIZE, factor).any(axis=(1, 3))


BOXES = [
    ("h18v04", (2.0, 43.0, 5.5, 46.0)),
    ("h18v04", (-30, 42.3, 70, 42.4)),  # a band thinner than a pixel
    ("h18v08", (3.0, -5.0, 8.0, 4.0)),  # across the equator
    ("h17v09", (-9.0, -9.0, -1.0, 2.0)),
    ("h31v12", (174.0, -38.0, -178.0, -36.0)),  # across the 180th meridian
    ("h00v10", (178.0, -18.0, -179.0, -11.0)),
    ("h35v10", (178.0, -18.0, 181.0, -11.0)),
    ("h17v00", (-180, 84.0, 180, 90.0)),  # the pole
    ("h12v02", (-160.0, 61.0, -140.0, 69.0)),
    ("h12v02", (190.0, 61.0, 220.0, 69.0)),
]


@pytest.mark.parametrize(("tile", "box"), BOXES)
def test_the_region_is_that_of_the_pixels_a_box_touches(tile, box):
    scene = scene_of(tile)
    found = locate(scene, Selection(bbox=box))
    rows, columns = np.nonzero(touched(scene, box))
    inner = Region(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    outer = inner.grown(1, scene.lst.shape)  # the lattice may miss a corner
    assert outer.top <= found.top <= inner.top and inner.bottom <= found.bottom <= outer.bottom
    assert outer.left <= found.left <= inner.left and inner.right <= found.right <= outer.right

    grid = Grid((SIZE, SIZE), scene.transform, scene.crs)
    np.testing.assert_array_equal(inside(grid, box), in_box(scene.transform, (SIZE, SIZE), box))


@pytest.mark.parametrize("turn", ["south-up", "east-left"])
def test_a_flipped_raster_gives_the_same_place(turn):
    scene = scene_of("h18v04")
    a, _, left, _, e, top = scene.transform[:6]
    axis = 0 if turn == "south-up" else 1
    turned = Affine(a, 0, left, 0, -e, top + SIZE * e) if axis == 0 else Affine(-a, 0, left + SIZE * a, 0, e, top)
    flipped = dataclasses.replace(scene, lst=np.flip(scene.lst, axis), transform=turned)
    request = Selection(bbox=(2.0, 43.0, 5.5, 46.0))
    expected = crop(scene, locate(scene, request)).lst
    np.testing.assert_array_equal(np.flip(crop(flipped, locate(flipped, request)).lst, axis), expected)


@pytest.mark.parametrize(
    ("tile", "box"),
    [
        ("h18v04", (20, 42, 25, 48)),
        ("h18v04", (2, 51, 5, 55)),
        ("h31v12", (-179, -40, -170, -30)),  # the rest of the tile's rectangle is off the globe
        ("h21v00", (0, 80, 40, 90)),  # east of these longitudes at 80 degrees and more, though not at the equator
        ("h18v04", (178, 42, -178, 48)),
    ],
)
def test_a_tile_that_a_box_does_not_touch_is_outside(tile, box):
    with pytest.raises(OutsideError, match=r"g\.tif: outside `bbox`"):
        locate(scene_of(tile), Selection(bbox=box))


def test_a_rotated_grid_is_refused():
    a, _, left, _, e, top = tile_transform("h18v04", size=SIZE)[:6]
    for request in (Selection(), Selection(bbox=(2, 43, 5, 46))):
        with pytest.raises(InputError, match="its grid is rotated; warp it"):
            locate(scene_of("h18v04", Affine(a, 0.1 * a, left, 0.1 * a, e, top)), request)


def test_boxes_across_the_meridian_have_two_halves():
    assert halves((-10, 1, 10, 2)) == [(-10, 1, 10, 2)]
    assert halves((-180, 1, 180, 2)) == [(-180, 1, 180, 2)]
    assert halves((178, 1, -177, 2)) == halves((178, 1, 183, 2)) == [(178, 1, 180, 2), (-180, 1, -177, 2)]
    assert halves((190, 1, 200, 2)) == [(-170, 1, -160, 2)]


@pytest.mark.parametrize("box", [(5, 40, 4, 41), (5, 40, 5, 41), (-200, 40, 5, 41), (5, 41, 6, 40), (5, 80, 6, 91)])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(InputError, match="give W S E N in degrees, S < N and W < E; W > E only for"):
        Selection(bbox=box)
    Selection(bbox=(178, -20, -178, -10))
