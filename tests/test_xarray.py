"""lstsr_jax.xarray: the numbers are those of super_resolve_scene, and they lie where the coarse ones lay."""

import datetime

import dask.array
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray

from lstsr_jax import as_super_resolver, super_resolve_scene, upsample
from lstsr_jax.geo import SINUSOIDAL, refine_transform, tile_transform, write_raster
from lstsr_jax.xarray import super_resolve

PLACE = tile_transform("h18v04")
SMALL = dict(tile=16, overlap=5, batch=2)


@jax.jit
def restless(coarse):
    """It looks in one direction, so that a field the wrong way up shows."""
    fine = upsample(coarse, 4)
    return fine + 0.2 * (jnp.roll(fine, 3, 2) - fine) + 0.1 * (jnp.roll(fine, 2, 1) - fine)


@jax.jit
def guided(coarse, ndvi):
    return upsample(coarse, 4) + ndvi


def field(height=20, width=24, seed=0):
    rng = np.random.default_rng(seed)
    lst = (295 + 5 * rng.standard_normal((height, width))).astype(np.float32)
    lst[3:6, 4:9] = np.nan
    return lst


def array(lst, names=("y", "x"), crs=SINUSOIDAL, transform=PLACE, **attributes):
    """As rioxarray has it: north up, coordinates of pixel centres."""
    a, _, left, _, e, top = transform[:6]
    y, x = top + e * (np.arange(lst.shape[-2]) + 0.5), left + a * (np.arange(lst.shape[-1]) + 0.5)
    da = xarray.DataArray(lst, dict(zip(names, (y, x), strict=True)), names, "LST", attributes)
    return da if crs is None else da.rio.set_spatial_dims(*names[::-1]).rio.write_crs(crs)


def expected(lst):
    return super_resolve_scene(restless, lst, **SMALL)


def assert_lies_on(fine, da, names=("y", "x")):
    """Pixel for pixel: the centres of each coarse pixel's four fine ones, a quarter apart, are centred on its own."""
    for name in names:
        blocks = fine[name].values.reshape(-1, 4)
        step = np.diff(da[name].values).mean()
        np.testing.assert_allclose(blocks.mean(1), da[name].values, rtol=0, atol=1e-9 * abs(da[name].values).max())
        np.testing.assert_allclose(np.diff(fine[name].values), step / 4, rtol=1e-6)


def test_numbers_place_and_attributes():
    da = array(field(), units="K", long_name="LST by day", _FillValue=-9999.0, STATISTICS_MEAN=295.0)
    before = da.copy(deep=True)
    fine = super_resolve(da, restless, **SMALL)
    np.testing.assert_array_equal(fine.values, expected(da.values))
    assert fine.dtype == np.float32 and fine.dims == ("y", "x") and fine.name == "LST"
    assert_lies_on(fine, da)
    assert fine.rio.crs == da.rio.crs and fine.attrs == {"units": "K", "long_name": "LST by day"}
    wanted = refine_transform(PLACE, 4)
    stored = rasterio.Affine.from_gdal(*map(float, fine.spatial_ref.attrs["GeoTransform"].split()))
    np.testing.assert_allclose(stored[:6], wanted[:6], rtol=1e-12, atol=1e-6)
    assert da.identical(before)


@pytest.mark.parametrize("dims", [("y", "x"), ("x", "y")])
@pytest.mark.parametrize("turned", [["y"], ["x"], ["y", "x"]])
def test_the_network_sees_north_up(turned, dims):
    da = array(field())
    turn = {name: slice(None, None, -1) for name in turned}
    fine = super_resolve(da.isel(turn).transpose(*dims), restless, **SMALL)
    assert fine.dims == dims
    assert_lies_on(fine, da.isel(turn))
    np.testing.assert_array_equal(fine.transpose("y", "x").isel(turn).values, expected(da.values))


def test_other_dimensions_are_mapped_over_and_their_coordinates_kept():
    lst = np.stack([[field(seed=3 * i + j) for j in range(3)] for i in range(2)])
    times = [np.datetime64(datetime.date(2020, 7, day), "ns") for day in (1, 9)]
    one = array(lst[0, 0])
    da = xarray.DataArray(lst, {"time": times, "y": one.y, "x": one.x}, ("time", "view", "y", "x"))
    da = da.assign_coords(overpass="day", age=("time", [1, 2]), height=(("y", "x"), lst[0, 0])).rio.write_crs(
        SINUSOIDAL
    )
    fine = super_resolve(da.transpose("y", "time", "x", "view"), restless, **SMALL)
    assert fine.dims == ("y", "time", "x", "view") and fine.overpass == "day" and "height" not in fine.coords
    np.testing.assert_array_equal(fine.time.values, da.time.values)
    np.testing.assert_array_equal(fine.age.values, [1, 2])
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(fine.isel(time=i, view=j).values, expected(lst[i, j]))


def test_dask_stays_lazy():
    lst = np.stack([field(seed=0), field(seed=1)])
    da = array(lst[0]).expand_dims(time=2).copy(data=dask.array.from_array(lst, chunks=(1, 10, 24)))
    fine = super_resolve(da, restless, **SMALL)
    assert isinstance(fine.data, dask.array.Array) and fine.shape == (2, 80, 96)
    np.testing.assert_array_equal(fine.compute(scheduler="synchronous").values[1], expected(lst[1]))


@pytest.mark.parametrize(
    ("names", "attributes"),
    [
        (("lat", "lon"), ({}, {})),
        (("latitude", "longitude"), ({}, {})),
        (("row", "col"), ({"standard_name": "latitude"}, {"axis": "X"})),
    ],
)
def test_degrees_by_any_usual_name(names, attributes):
    transform = rasterio.Affine(1 / 120, 0, 6, 0, -1 / 120, 47)
    da = array(field(), names, None, transform)
    for name, attrs in zip(names, attributes, strict=True):
        da[name].attrs.update(attrs)
    fine = super_resolve(da, restless, **SMALL)
    assert fine.dims == names and fine.rio.crs is None and "spatial_ref" not in fine.coords
    assert_lies_on(fine, da, names)
    assert fine[names[0]].attrs == attributes[0]
    np.testing.assert_array_equal(fine.values, expected(da.values))
    placed = super_resolve(da.rio.write_crs("EPSG:4326"), restless, **SMALL)
    assert placed.rio.crs == "EPSG:4326" and placed.spatial_ref.attrs["GeoTransform"].startswith("6.0 0.00208333")


def test_coordinates_rounded_as_files_round_them_are_even():
    da = array(field(), ("lat", "lon"), None, rasterio.Affine(1 / 120, 0, 166, 0, -1 / 120, -34))
    fine = super_resolve(da.assign_coords(lat=da.lat.astype(np.float32), lon=da.lon.round(4)), restless, **SMALL)
    np.testing.assert_allclose(fine.lon.values.reshape(-1, 4).mean(1), da.lon.values, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's own
def test_a_raster_comes_back_as_a_raster_of_the_same_edges(tmp_path):
    write_raster(tmp_path / "coarse.tif", field(), PLACE, SINUSOIDAL)
    for parsed in (True, False):  # without coordinates the grid mapping says where it is
        with rioxarray.open_rasterio(tmp_path / "coarse.tif", parse_coordinates=parsed) as da:
            super_resolve(da, restless, **SMALL).rio.to_raster(tmp_path / "fine.tif")
        with rasterio.open(tmp_path / "fine.tif") as file, rasterio.open(tmp_path / "coarse.tif") as coarse:
            np.testing.assert_allclose(file.bounds, coarse.bounds, rtol=1e-12, atol=1e-6)
            assert file.shape == (80, 96) and file.crs == coarse.crs and np.isnan(file.nodata)
            np.testing.assert_array_equal(file.read(1), expected(coarse.read(1)))


def test_a_transform_without_crs_becomes_that_of_the_fine_field():
    fine = super_resolve(array(field(), crs=None).rio.write_transform(PLACE), restless, **SMALL)
    stored = rasterio.Affine.from_gdal(*map(float, fine.spatial_ref.attrs["GeoTransform"].split()))
    np.testing.assert_allclose(stored[:6], refine_transform(PLACE, 4)[:6], rtol=1e-12, atol=1e-6)


def test_an_array_that_lies_nowhere_stays_so():
    fine = super_resolve(xarray.DataArray(field(), dims=("y", "x")), restless, **SMALL)
    assert not fine.coords and fine.shape == (80, 96)


@pytest.mark.parametrize(
    ("stored", "attributes"),
    [
        (lambda k: k - 273.15, {"units": "degC"}),
        (lambda k: (k - 273.15) * 1.8 + 32, {"units": "degrees_Fahrenheit"}),
        (lambda k: np.where(np.isnan(k), -9999, k), {"units": "Kelvin", "_FillValue": -9999.0}),
    ],
)
def test_what_attributes_declare_is_kelvin(stored, attributes):
    fine = super_resolve(array(stored(field().astype(np.float64)), **attributes), restless, **SMALL)
    np.testing.assert_allclose(fine.values, expected(field()), atol=1e-3)
    assert fine.attrs == {"units": "K"}


def two_dimensional():
    lon, lat = np.meshgrid(np.arange(24.0), np.arange(20.0))
    return xarray.DataArray(field(), {"lon": (("y", "x"), lon), "lat": (("y", "x"), lat)}, ("y", "x"))


def rotated():
    da = array(field()).drop_vars(["y", "x"])
    da.spatial_ref.attrs["GeoTransform"] = "0 900 100 0 100 -900"
    return da


@pytest.mark.parametrize(
    ("da", "message"),
    [
        (array(field() - 273.15), "degrees Celsius: add 273.15"),
        (array(field() - 273.15, units="K"), "degrees Celsius: add 273.15"),
        (array(field(), units="W m-2"), "units 'W m-2', none of temperature"),
        (array(np.nan_to_num(field() / 0.02).astype(np.uint16), scale_factor=0.02), "packed .* mask_and_scale=True"),
        (array(field()).isel(x=[0, 1, 2, 4, 5]), "coordinate x is not even, its steps are 926.625 to 1853.25"),
        (array(field()).assign_coords(y=np.zeros(20)), "coordinate y is not even"),
        (array(field()).assign_coords(x=[f"{i}" for i in range(24)]), "coordinate x must be numbers"),
        (array(field()).isel(x=[0]), "one value, so the size of a pixel is not known"),
        (array(field()).drop_vars("y"), "along one of y and x only"),
        (two_dimensional(), "lon, lat along both dimensions, as a swath"),
        (rotated(), "is rotated"),
        (xarray.DataArray(field(), dims=("rows", "columns")), "name the spatial ones x and y"),
        (array(field()).isel(y=slice(0, 0)), "is empty"),
        (array(field()).to_dataset(name="LST"), "select a variable"),
        (array(field()) > 290, "real numbers"),
    ],
)
def test_what_is_no_lst_on_an_even_grid_is_refused_in_one_line(da, message):
    with pytest.raises(ValueError, match=message) as error:
        super_resolve(da, restless, **SMALL)
    assert "\n" not in str(error.value)


def test_ndvi_of_the_same_place_guides():
    resolver = as_super_resolver(guided, needs_ndvi=True, conserves_energy=False)
    da = array(field())
    ndvi = np.random.default_rng(5).uniform(0, 0.9, (80, 96)).astype(np.float32)
    fine_grid = refine_transform(PLACE, 4)
    there = array(ndvi, transform=fine_grid)
    fine = super_resolve(da, resolver, there.isel(y=slice(None, None, -1)), **SMALL)
    np.testing.assert_array_equal(fine.values, super_resolve_scene(resolver, da.values, ndvi, **SMALL))
    assert_lies_on(fine, da)
    elsewhere = array(ndvi, transform=fine_grid @ rasterio.Affine.translation(1, 0))
    with pytest.raises(ValueError, match="bring it onto the fine grid first"):
        super_resolve(da, resolver, elsewhere, **SMALL)
    with pytest.raises(ValueError, match=r"ndvi \(20, 24\) must be da \(20, 24\) times the factor 4"):
        super_resolve(da, resolver, da, **SMALL)


def test_ndvi_without_coordinates_runs_as_the_array_does():
    resolver = as_super_resolver(guided, needs_ndvi=True, conserves_energy=False)
    south_up = array(field()).isel(y=slice(None, None, -1), x=slice(None, None, -1))
    ndvi = np.random.default_rng(5).uniform(0, 0.9, (80, 96)).astype(np.float32)
    bare = xarray.DataArray(ndvi[::-1, ::-1], dims=("y", "x"))
    fine = super_resolve(south_up, resolver, bare, **SMALL)
    expected = super_resolve_scene(resolver, field(), ndvi, **SMALL)
    np.testing.assert_array_equal(fine.values[::-1, ::-1], expected)
    there = array(ndvi, transform=refine_transform(PLACE, 4))
    with pytest.raises(ValueError, match="ndvi has coordinates and da has none"):
        super_resolve(xarray.DataArray(field(), dims=("y", "x")), resolver, there, **SMALL)


def test_models_go_by_name():
    with pytest.raises(ValueError, match="nowhere: no such checkpoint"):
        super_resolve(array(field()), "nowhere")
