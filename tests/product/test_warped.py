"""Maps warped with --crs: around the place, cut to the box, and true in what they say of themselves."""

import re

import numpy as np
import pyproj
import pytest
import rasterio

from lstsr_jax.geo import (
    SINUSOIDAL,
    pixel_lonlat,
    read_lst,
    simulate_granule,
    tile_transform,
    write_granule,
    write_raster,
)
from lstsr_jax.geo.warp import Grid
from lstsr_jax.product import choose_method, predict, settings_of

REQUEST = dict(overpass="day", tile=32, overlap=8, quick_look=False)
NAME = "MOD11A1.A2020183.{}.061.2020185120000_LST_Day_1km.tif"


def make(path, directory, **options):
    request = dict(REQUEST, **options)
    (outcome,) = predict(
        [path], choose_method(None, "bicubic", None), *settings_of(output_dir=directory, **request)
    ).outcomes
    return outcome


def write_window(directory, tile, row, column, size=40):
    """A part of a tile whose LST is 300 K minus 0.3 K per degree of latitude, wherever there is a globe."""
    grid = Grid((1200, 1200), tile_transform(tile), SINUSOIDAL).cut(row, column, (size, size))
    lat = pixel_lonlat(grid.transform, grid.shape)[1]
    lst = np.where(np.isfinite(lat), np.rint((300 - 0.3 * np.abs(np.nan_to_num(lat))) / 0.02), 0).astype(np.uint16)
    return write_raster(directory / NAME.format(tile), lst, grid.transform, SINUSOIDAL, nodata=0, scale=0.02)


def degrees(file):
    """Longitude from 0 to 360 and latitude of every pixel's centre."""
    columns, rows = np.meshgrid(np.arange(file.width), np.arange(file.height))
    x, y = Grid(file.shape, file.transform, file.crs).xy(columns + 0.5, rows + 0.5)
    lon, lat = pyproj.Transformer.from_crs(file.crs.to_wkt(), 4326, always_xy=True).transform(x, y)
    return lon % 360, lat


WINDOWS = {
    "h31v12": ((1140, 1000), ("EPSG:4326", "EPSG:2193", "EPSG:32760")),  # east of New Zealand, partly off the globe
    "h12v02": ((700, 10), ("EPSG:4326", "EPSG:3413")),
    "h17v00": ((0, 1160), ("EPSG:3413",)),  # the pole
    "h18v17": ((1150, 0), ("EPSG:3031",)),
}


@pytest.mark.parametrize("tile", WINDOWS)
def test_a_tile_at_the_rim_of_the_globe_is_mapped_around_its_place(tile, tmp_path):
    (row, column), systems = WINDOWS[tile]
    path = write_window(tmp_path, tile, row, column)
    scene = read_lst(path)
    for crs in systems:
        outcome = make(path, tmp_path / crs[5:], crs=crs)
        # Fine pixels may lie on the globe where the centre of their coarse pixel does not.
        assert float(outcome.note.split("%")[0]) > 98 and "before the warp" in outcome.note
        with rasterio.open(outcome.output) as file:
            lst = file.read(1)
            lon, lat = degrees(file)
            metres = file.res[0] * (111_195 if file.crs.is_geographic else 1)
            assert 200 < metres * (np.cos(np.radians(np.nanmean(lat))) ** 0.5 if file.crs.is_geographic else 1) < 260
            assert max(file.shape) < 1000
        seen = np.isfinite(lst)
        np.testing.assert_allclose(lst[seen], 300 - 0.3 * np.abs(lat[seen]), atol=0.02)  # packing rounds by 0.01
        source_lon, source_lat = pixel_lonlat(scene.transform, scene.lst.shape)
        assert np.nanmin(source_lat) - 0.01 < lat[seen].min() and lat[seen].max() < np.nanmax(source_lat) + 0.01
        if tile in ("h31v12", "h12v02"):
            assert np.nanmin(source_lon % 360) - 0.05 < lon[seen].min()
            assert lon[seen].max() < np.nanmax(source_lon % 360) + 0.05
        # The area that was observed, within what the projection makes of it.
        assert seen.sum() == pytest.approx(16 * np.isfinite(scene.lst).sum(), rel=0.15)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2193"])
def test_a_box_cuts_the_warped_map(crs, tmp_path):
    path = write_window(tmp_path, "h31v12", 1140, 1000)
    west, south, east, north = 179.86, -39.72, -179.5, -39.6
    whole, part = (
        make(path, tmp_path / "a", crs=crs),
        make(path, tmp_path / "b", crs=crs, bbox=(west, south, east, north)),
    )
    with rasterio.open(whole.output) as file, rasterio.open(part.output) as cut:
        lon, lat = degrees(file)
        inside = np.isfinite(file.read(1)) & (lon >= west) & (lon <= 180) & (lat >= south) & (lat <= north)
        lon, lat = degrees(cut)
        seen = np.isfinite(cut.read(1))
        pixel = 232 / 111_195
        assert west - 2 * pixel < lon[seen].min() < west + 2 * pixel and lon[seen].max() < 180 + 2 * pixel
        assert south - pixel < lat[seen].min() < south + pixel and north - pixel < lat[seen].max() < north + pixel
        assert seen.sum() == pytest.approx(inside.sum(), rel=0.03)
        assert seen.mean() > 0.4  # the grid ends where the box does
    assert float(part.note.split("%")[0]) > 97


def test_the_share_is_that_of_the_box(tmp_path):
    path = write_window(tmp_path, "h31v12", 1000, 600)
    with rasterio.open(path) as file:
        lst, transform = file.read(1), file.transform
    lst[:20] = 0
    write_raster(path, lst, transform, SINUSOIDAL, nodata=0, scale=0.02)
    lat = pixel_lonlat(transform, lst.shape)[1]
    box = (160, lat[29, 0] - 1 / 240, 180, lat[10, 0] + 1 / 240)  # ten rows of cloud, ten of clear sky
    note = make(path, tmp_path / "out", crs="EPSG:4326", bbox=box).note
    assert float(note.split("%")[0]) == pytest.approx(50, abs=1.5)


def test_a_warped_map_does_not_claim_to_conserve_energy(tmp_path):
    path = write_granule(simulate_granule(3, size=40, cloud_fraction=0.1), tmp_path)[0]
    with rasterio.open(make(path, tmp_path / "a").output) as file:
        tags = file.tags()
        assert tags["energy_conserved"] == "yes" and float(tags["energy_residual_k"]) < 1e-3 and "warp" not in tags
    with rasterio.open(make(path, tmp_path / "b", crs="EPSG:32631").output) as file:
        tags = file.tags()
    assert tags["energy_conserved"] == "no" and "energy_residual_k" not in tags and tags["warp"] == "bilinear"
    assert tags["energy_conserved_before_warp"] == "yes" and float(tags["energy_residual_before_warp_k"]) < 1e-3


def test_there_and_back_is_the_same_map(tmp_path):
    path = write_granule(simulate_granule(3, size=60, cloud_fraction=0.1), tmp_path)[0]
    with rasterio.open(make(path, tmp_path / "a").output) as file:
        plain, grid = file.read(1), Grid(file.shape, file.transform, file.crs)
    with rasterio.open(make(path, tmp_path / "b", crs="EPSG:32631", resolution=60).output) as file:
        x, y = grid.xy(*(np.indices(plain.shape)[::-1] + 0.5))
        path = (crs.to_wkt() for crs in (grid.crs, file.crs))
        x, y = pyproj.Transformer.from_crs(*path, always_xy=True).transform(x, y)
        warped = file.read(1)
        columns, rows = (x - file.bounds.left) / 60, (file.bounds.top - y) / 60
    back = warped[rows.astype(int), columns.astype(int)]
    seen = np.isfinite(plain)
    lost = seen & np.isnan(back)
    assert lost.sum() <= 0.005 * seen.sum()
    # 30 m from the place in either direction, in a map of pixels of 232 m
    steps = np.nanmax([np.nanmax(np.abs(np.diff(plain, axis=axis))) for axis in (0, 1)])
    assert np.nanmax(np.abs(back - plain)) < 0.5 * steps and np.nanmean(np.abs(back - plain)) < 0.1


@pytest.mark.parametrize(
    ("tile", "options", "message"),
    [
        (
            "h31v12",
            {"crs": "EPSG:4326", "resolution": 250.0},
            r"`crs` EPSG:4326 `resolution` 250: its unit is the degree",
        ),
        (
            "h31v12",
            {"crs": "EPSG:2193", "resolution": 0.0025},
            r"`crs` EPSG:2193 `resolution` 0.0025: its unit is the me",
        ),
        ("h31v12", {"crs": "EPSG:4978"}, r"`crs` EPSG:4978: none of its pixels can be projected there; choose"),
        ("h31v12", {"crs": "EPSG:4326", "window": (0, 39, 1, 1)}, r"no pixel of \S+ asked for lies on the globe"),
    ],
)
def test_a_warp_that_cannot_be_is_refused_before_any_work(tile, options, message, tmp_path, monkeypatch):
    def work(*_):
        raise AssertionError("worked before it refused")

    path = write_window(tmp_path, tile, 1155, 1030)
    monkeypatch.setattr("lstsr_jax.product.work.prepare", work)
    outcome = make(path, tmp_path / "out", **options)
    assert outcome.status == "failed" and re.search(message, outcome.note) and "\n" not in outcome.note
    assert not list((tmp_path / "out").iterdir())
