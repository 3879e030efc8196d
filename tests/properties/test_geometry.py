"""Places: pixels, tiles, boxes, windows and warps, there and back."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import (
    SINUSOIDAL,
    Grid,
    Scene,
    Shift,
    lonlat_to_sinusoidal,
    pixel_lonlat,
    pixel_position,
    place_field,
    sinusoidal_to_lonlat,
    target_grid,
    tile_bounds,
    tile_name,
    tile_of,
    tile_transform,
    warp_field,
)
from lstsr_jax.methods import method
from lstsr_jax.product import Inference, MapMethod, Selection
from lstsr_jax.product.fine import super_resolve
from lstsr_jax.product.region import OutsideError, Region, crop, inside, locate

degrees = st.tuples(st.floats(-180, 180), st.floats(-89.9, 89.9))
tiles = st.builds(tile_name, st.integers(9, 26), st.integers(3, 14))
sides = st.integers(1, 40)


def scene_of(lst, transform, **fields):
    values = {
        "quality": None,
        "crs": SINUSOIDAL,
        "date": datetime.date(2020, 7, 1),
        "tile": "h18v04",
        "overpass": "day",
    }
    values |= {"product": "MOD11A1", "granule": "g", "path": Path("g.tif")}
    return Scene(lst=lst, transform=transform, **(values | fields))


@settings(max_examples=60)
@given(degrees)
@example((180.0, 0.0))
def test_a_place_there_and_back_and_in_its_tile(place):
    lon, lat = place
    x, y = lonlat_to_sinusoidal(lon, lat)
    back = sinusoidal_to_lonlat(x, y)
    np.testing.assert_allclose(back, place, atol=1e-9)
    left, bottom, right, top = tile_bounds(tile_of(lon, lat))
    assert left - 2e-3 <= x <= right + 2e-3 and bottom - 2e-3 <= y <= top + 2e-3  # m: 18 widths of a tile are not pi R


@settings(max_examples=40)
@given(tiles, st.integers(0, 1199), st.integers(0, 1199), st.integers(0, 1199), st.integers(0, 1199))
def test_a_pixel_of_any_window_is_that_of_its_tile(tile, top, left, row, column):
    a, b, c, d, e, f = tile_transform(tile)[:6]
    window = Affine(a, b, c + left * a, d, e, f + top * e)
    found, found_row, found_column = pixel_position(window, row, column)
    down, right = divmod(top + row, 1200), divmod(left + column, 1200)
    assert found == tile_name(int(tile[1:3]) + right[0], int(tile[4:]) + down[0])
    assert (found_row, found_column) == (down[1], right[1])
    lon, lat = pixel_lonlat(Affine(a, b, window.c + column * a, d, e, window.f + row * e), (1, 1))
    if np.isfinite(lon).all():
        assert tile_of(float(lon[0, 0]), float(lat[0, 0])) == found


@settings(max_examples=40)
@given(tiles, sides, sides, st.data())
def test_rows_columns_and_bounds_of_a_part_are_those_of_the_whole(tile, height, width, data):
    lst = np.arange(height * width, dtype=np.float32).reshape(height, width)
    scene = scene_of(
        lst, tile_transform(tile, size=max(height, width)), view_time=lst + 1, quality=lst.astype(np.uint8)
    )
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    region = locate(scene, Selection(window=(top, left, rows, columns)))
    assert region == Region(top, left, top + rows, left + columns)
    part = crop(scene, region)
    whole = Grid(lst.shape, scene.transform, scene.crs)
    assert np.allclose(
        whole.cut(top, left, (rows, columns)).bounds, Grid(part.lst.shape, part.transform, part.crs).bounds
    )
    for name in ("lst", "view_time", "quality"):
        expected = getattr(scene, name)[top : top + rows, left : left + columns]
        np.testing.assert_array_equal(getattr(part, name), expected)
    margin = data.draw(st.integers(0, 9))
    grown = region.grown(margin, lst.shape)
    inner = region.within(grown)
    np.testing.assert_array_equal(lst[grown.slices()][inner.slices()], part.lst)
    fine = lst.repeat(3, 0).repeat(3, 1)
    np.testing.assert_array_equal(fine[grown.slices(3)][inner.slices(3)], part.lst.repeat(3, 0).repeat(3, 1))
    with pytest.raises(InputError, match="reaches beyond"):
        locate(scene, Selection(window=(top, left, height - top + 1, 1)))


@settings(max_examples=40)
@given(
    tiles, st.integers(4, 60), st.floats(-0.3, 1.2), st.floats(-0.3, 1.2), st.floats(0.001, 0.8), st.floats(0.001, 0.8)
)
@example("h15v04", 5, 1.0, 0.0, 0.5, 0.5)
def test_a_box_takes_the_pixels_of_its_points_and_no_others(tile, size, x, y, width, height):
    scene = scene_of(np.zeros((size, size), np.float32), tile_transform(tile, size=size))
    grid = Grid((size, size), scene.transform, scene.crs)
    lon, lat = pixel_lonlat(scene.transform, grid.shape)
    assume(np.isfinite(lon).all())
    west, south = lon.min() + x * np.ptp(lon), lat.min() + y * np.ptp(lat)
    box = (west, south, west + width * np.ptp(lon), min(south + height * np.ptp(lat), 90.0))
    assume(-180 <= box[0] and box[2] <= 180 and box[1] < box[3])
    held = inside(grid, box)
    np.testing.assert_array_equal(held, (lon >= west) & (lon <= box[2]) & (lat >= south) & (lat <= box[3]))
    points = lonlat_to_sinusoidal(*np.meshgrid(np.linspace(west, box[2], 60), np.linspace(south, box[3], 240)))
    columns, rows = ((at - start) / step for at, start, step in zip(points, *origin_and_step(scene), strict=True))
    here = (rows > 1e-6) & (rows < size - 1e-6) & (columns > 1e-6) & (columns < size - 1e-6)
    rows, columns = rows[here], columns[here]
    try:
        region = locate(scene, Selection(bbox=tuple(map(float, box))))
    except OutsideError:
        assert not held.any() and not rows.size
        return
    outside = np.ones(grid.shape, bool)
    outside[region.slices()] = False
    assert not held[outside].any()
    if (
        rows.size
    ):  # of the region each edge is a pixel that the box touches, of which a point or its neighbour's is known
        assert (
            region.top - 1e-5 <= rows.min() <= region.top + 2
            and region.bottom - 2 <= rows.max() <= region.bottom + 1e-5
        )
        assert region.left - 1e-5 <= columns.min() <= region.left + 2
        assert region.right - 2 <= columns.max() <= region.right + 1e-5


def origin_and_step(scene):
    """x and y of the outer corner, and of a pixel."""
    a, _, left, _, e, top = scene.transform[:6]
    return (left, top), (a, e)


@pytest.mark.slow  # compiles much
@settings(max_examples=3)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.2]), st.booleans(), st.data())
def test_a_region_mapped_alone_is_that_window_of_the_whole_map(seed, share, conserve, data):
    random = np.random.default_rng(seed)
    size, margin = 40, 8
    lst = random.normal(290, 4, (size, size)).astype(np.float32)
    lst[random.random(lst.shape) < share] = np.nan
    scene = scene_of(lst, tile_transform("h18v04"))
    top, left = data.draw(st.sampled_from([(0, 0), (9, 11), (20, 3)]))
    rows, columns = data.draw(st.sampled_from([(16, 20), (20, 29)]))
    bicubic, inference = MapMethod(method("bicubic"), "bicubic"), Inference(conserve_energy=conserve)
    whole = super_resolve(scene, bicubic, Selection(), inference)
    part = super_resolve(scene, bicubic, Selection(window=(top, left, rows, columns)), inference)
    window = np.s_[4 * top : 4 * (top + rows), 4 * left : 4 * (left + columns)]
    np.testing.assert_array_equal(np.isnan(part.lst), np.isnan(whole.lst[window]))
    assert np.allclose(
        part.transform[:6],
        Grid(whole.lst.shape, whole.transform, whole.crs).cut(4 * top, 4 * left, (1, 1)).transform[:6],
    )
    # Beside a gap the kernel sees what fills it, which is smooth from all that the part sees of the scene.
    gaps = np.isnan(lst)
    near = np.zeros(lst.shape, bool)
    for row, column in np.argwhere(gaps):
        near[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = True
    clear = ~near[top : top + rows, left : left + columns].repeat(4, 0).repeat(4, 1)
    np.testing.assert_allclose(part.lst[clear], whole.lst[window][clear], atol=2e-3)
    assert margin == Inference().overlap


CRSES = [CRS.from_epsg(32633), CRS.from_epsg(3035), CRS.from_epsg(4326)]


@settings(max_examples=8)
@given(st.sampled_from(CRSES), st.integers(12, 40), st.integers(12, 40), st.floats(-2, 2), st.floats(-2, 2))
def test_a_plane_warped_there_and_back_is_the_plane(crs, height, width, down, right):
    transform = Affine(927.0, 0.0, 1_000_000.0, 0.0, -927.0, 5_200_000.0)
    source = Grid((height, width), transform, SINUSOIDAL)
    row, column = np.mgrid[:height, :width]
    plane = (290 + down * row + right * column).astype(np.float32)
    target = target_grid(source, crs)
    there = warp_field(plane, source, target)
    back = warp_field(there, target, source)
    inner = np.s_[3:-3, 3:-3]
    assert np.isfinite(back[inner]).all()
    step = abs(down) + abs(right)  # GDAL's projection is within an eighth of a pixel; rims are not bilinear
    np.testing.assert_allclose(back[inner], plane[inner], atol=0.3 * step + 1e-3)
    assert np.nanmin(there) >= plane.min() - 1e-3 and np.nanmax(there) <= plane.max() + 1e-3


@settings(max_examples=25)
@given(sides, sides, st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 2**32 - 1))
@example(1, 1, 0, 0, 0)
def test_a_move_of_whole_pixels_is_a_move_of_whole_pixels(height, width, rows, columns, seed):
    field = np.random.default_rng(seed).normal(290, 5, (height, width)).astype(np.float32)
    source = Grid(field.shape, Affine(927.0, 0.0, 0.0, 0.0, -927.0, 0.0), SINUSOIDAL)
    target = source.shift(Shift(rows, columns))
    apart = abs(rows) >= height or abs(columns) >= width
    if apart:
        with pytest.raises(ValueError, match="do not overlap"):
            place_field(field, source, target)
        return
    padded = np.pad(field, 5, mode="edge")[5 + rows : 5 + rows + height, 5 + columns : 5 + columns + width]
    np.testing.assert_array_equal(place_field(field, source, target), padded)
    np.testing.assert_array_equal(place_field(field, source, source), field)
    warped = warp_field(field, source, target, kind="nearest")
    known = np.isfinite(warped)
    np.testing.assert_array_equal(warped[known], padded[known])
    assert known.sum() == (height - abs(rows)) * (width - abs(columns))


@settings(max_examples=40)
@given(st.tuples(*[st.floats(-50, 50)] * 2), st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
def test_a_grid_refined_and_shifted_keeps_its_bounds(away, height, width, factor):
    grid = Grid((height, width), Affine(927.0, 0.0, 3e5, 0.0, -927.0, 5e6), SINUSOIDAL)
    assert np.allclose(grid.refine(factor).bounds, grid.bounds)
    back = grid.shift(Shift(*away)).shift(Shift(-away[0], -away[1]))
    assert np.allclose(back.transform[:6], grid.transform[:6], atol=1e-6) and back.shape == grid.shape
    assert dataclasses.replace(back, transform=grid.transform) == grid
