"""Products of one place told apart: when each was observed, by day or night, in COG, NetCDF and Zarr."""

import dataclasses
import datetime

import numpy as np
import pytest
import rasterio

from lstsr_jax.geo import Grid, read_lst, simulate_granule, sinusoidal_to_lonlat, tile_transform, write_granule
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.times import observation_time

REQUEST = dict(tile=32, overlap=8, quick_look=False)


@pytest.fixture(scope="module")
def granules(tmp_path_factory):
    """Two days of 32 x 32 pixels."""
    directory = tmp_path_factory.mktemp("granules")
    days = [simulate_granule(3, size=32, date=datetime.date(2020, 7, day), cloud_fraction=0.1) for day in (1, 2)]
    return [write_granule(day, directory, "hdf4")[0] for day in days]


def make(files, directory, **options):
    request = dict(REQUEST, **options)
    report = predict(files, choose_method(None, "bicubic", None), *settings_of(output_dir=directory, **request))
    assert not report.failed, str(report)
    return [outcome.output for outcome in report.outcomes]


def utc_hours(scene):
    """UTC of every observed pixel, pixel by pixel."""
    hours = []
    for row, column in np.argwhere(np.isfinite(scene.lst)):
        grid = Grid(scene.lst.shape, scene.transform, scene.crs)
        lon, _ = sinusoidal_to_lonlat(*grid.xy(column + 0.5, row + 0.5))
        hours.append((scene.view_time[row, column] - lon / 15) % 24)
    return hours


def seconds(time, day):
    return (time - np.datetime64(day, "s")) / np.timedelta64(1, "s")


@pytest.mark.parametrize("overpass", ["day", "night"])
def test_time_is_the_mean_of_the_observed_pixels(granules, overpass):
    scene = read_lst(granules[0], overpass)
    found, hours = observation_time(scene), utc_hours(scene)
    assert found.known
    for time, expected in ((found.mean, np.mean(hours)), (found.first, min(hours)), (found.last, max(hours))):
        assert seconds(time, "2020-07-01") == pytest.approx(3600 * expected, abs=1)
    assert found.local_hour == pytest.approx(np.mean(scene.view_time[np.isfinite(scene.lst)]), abs=1e-3)


def test_local_hours_on_both_sides_of_midnight_and_days_on_both_sides_of_a_meridian(granules):
    scene = read_lst(granules[0], "night")
    times = np.where(np.arange(32) % 2, 23.8, 0.4).astype(np.float32) * np.ones((32, 1), np.float32)
    lst = np.full((32, 32), 290, np.float32)
    assert observation_time(dataclasses.replace(scene, lst=lst, view_time=times)).local_hour == pytest.approx(
        0.1, abs=1e-5
    )
    # 10:30 at 150 degrees east is 0:30 UTC, and at 165 degrees 23:30 of the same day in UTC, by another orbit.
    place = tile_transform("h31v12", size=32)
    fiji = dataclasses.replace(scene, lst=lst, view_time=np.full((32, 32), 10.5, np.float32), transform=place)
    found = observation_time(fiji)
    assert seconds(found.first, "2020-07-01") < 0.6 * 3600 and seconds(found.last, "2020-07-01") > 23.5 * 3600


def test_without_view_time_or_observation_it_is_the_day(granules):
    scene = read_lst(granules[0], "night")
    for unknown in ({"view_time": None}, {"lst": np.full((32, 32), np.nan, np.float32)}):
        found = observation_time(dataclasses.replace(scene, **unknown))
        assert not found.known and np.isnan(found.local_hour)
        assert (str(found.mean), str(found.first)) == ("2020-07-01T00:00:00",) * 2
        assert str(found.last) == "2020-07-02T00:00:00"


def test_cogs_say_when(granules, tmp_path):
    for path, overpass in zip(make(granules[:1], tmp_path), ("day", "night"), strict=True):
        found = observation_time(read_lst(granules[0], overpass))
        with rasterio.open(path) as file:
            tags = file.tags()
        assert tags["overpass"] == overpass and tags["time_coverage_start"] == f"{found.first}Z"
        assert tags["time_coverage_end"] == f"{found.last}Z"


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray 0.19 with affine 3
@pytest.mark.parametrize(("format", "engine"), [("netcdf", "h5netcdf"), ("zarr", "zarr")])
def test_day_and_night_in_one_cube(granules, format, engine, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("rioxarray")
    paths = sorted(make(granules, tmp_path, format=format))
    products = [xarray.open_dataset(path, engine=engine, decode_coords="all") for path in paths]
    scenes = [read_lst(path, overpass) for path in granules for overpass in ("day", "night")]
    cube = xarray.concat(products, "time", coords="different", data_vars="all", compat="equals", join="outer")
    assert cube["overpass"].values.tolist() == ["day", "night"] * 2
    times = [observation_time(scene) for scene in scenes]
    assert cube["time"].values.astype("datetime64[s]").tolist() == [time.mean.tolist() for time in times]
    assert len(set(cube["time"].values)) == 4
    np.testing.assert_allclose(cube["view_time"], [time.local_hour for time in times], atol=1e-3)
    bounds = cube["time_bnds"].values.astype("datetime64[s]")
    np.testing.assert_array_equal(bounds, [[time.first, time.last] for time in times])
    assert products[0]["time"].encoding["bounds"] == "time_bnds" and "overpass" in cube["lst"].attrs["long_name"]
    for name, product in zip(["day", "night"] * 2, products, strict=True):
        assert product["overpass"].item() == name and product.attrs["overpass"] == name
        assert product["lst"].dims == ("y", "x")
    a, _, left, _, e, top = scenes[0].transform[:6]
    np.testing.assert_allclose(cube["x"], left + a / 4 * (np.arange(128) + 0.5), atol=1e-6)
    np.testing.assert_allclose(cube["y"], top + e / 4 * (np.arange(128) + 0.5), atol=1e-6)


def test_the_quick_look_of_a_scene_without_observation_says_so(granules, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    texts, bars = [], []
    monkeypatch.setattr("matplotlib.axes.Axes.text", lambda self, *args, **_: texts.append(args[2]))
    colorbar = Figure.colorbar
    monkeypatch.setattr(Figure, "colorbar", lambda *args, **options: bars.append(1) or colorbar(*args, **options))
    from lstsr_jax.product.fine import super_resolve

    method = choose_method(None, "bicubic", None)
    scene = read_lst(granules[0], "day")
    for lst, expected in ((scene.lst, ([], [1])), (np.full_like(scene.lst, np.nan), (["no observation"] * 2, []))):
        texts.clear()
        bars.clear()
        draw_quick_look(
            tmp_path / "x.png", super_resolve(dataclasses.replace(scene, lst=lst), method, *settings_of(**REQUEST)[:2])
        )
        assert (texts, bars) == expected and (tmp_path / "x.png").stat().st_size > 1000
