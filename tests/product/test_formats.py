"""NetCDF and Zarr after the CF conventions: the COG's numbers, place and provenance."""

import dataclasses

import numpy as np
import pytest
import rasterio

from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.predictor import SpreadCalibration, load_predictor, save_predictor
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.product.region import corner

xarray = pytest.importorskip("xarray")
pytest.importorskip("rioxarray")
REQUEST = dict(overpass="day", tile=32, overlap=8, quick_look=False)
ENGINE = {"netcdf": "h5netcdf", "zarr": "zarr"}


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return write_granule(simulate_granule(9, size=48), tmp_path_factory.mktemp("granule"))[0]


def make(granule, directory, request):
    report = predict([granule], choose_method(None, "bicubic", None), *settings_of(output_dir=directory, **request))
    assert not report.failed, str(report)
    return report.outcomes[0]


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray 0.19 with affine 3
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("format", ["netcdf", "zarr"])
def test_the_same_as_the_cog(granule, format, packed, tmp_path):
    with rasterio.open(make(granule, tmp_path, REQUEST).output) as file:
        expected, transform, crs = file.read(1), file.transform, file.crs
    request = dict(REQUEST, format=format, packed=packed)
    path = make(granule, tmp_path, request).output
    assert path.suffix == {"netcdf": ".nc", "zarr": ".zarr"}[format]
    with xarray.open_dataset(path, engine=ENGINE[format], decode_coords="all") as data:
        np.testing.assert_allclose(data["lst"], expected, atol=0.0101 if packed else 0)
        np.testing.assert_array_equal(np.isnan(data["lst"]), np.isnan(expected))
        lst = data["lst"]
        assert lst.attrs["standard_name"] == "surface_temperature" and lst.attrs["units"] == "K"
        mapping = data["spatial_ref"]
        assert mapping.attrs["grid_mapping_name"] == "sinusoidal"
        assert mapping.attrs["semi_major_axis"] == mapping.attrs["semi_minor_axis"] == pytest.approx(6371007.181)
        assert data.rio.crs == crs and data.rio.transform().almost_equals(transform, 1e-6)
        np.testing.assert_allclose([data["x"][0], data["y"][0]], corner(transform, 0.5, 0.5), atol=1e-6)
        assert data["x"].attrs["standard_name"] == "projection_x_coordinate"
        assert str(data["time"].values)[:10] == "2020-07-01"
        assert data["qc"].dtype == np.uint8 and len(data["qc"].attrs["flag_meanings"].split()) == 8
        assert data.attrs["source_granule"] == granule.stem and data.attrs["Conventions"] == "CF-1.11"
    assert make(granule, tmp_path, request).status == "finished"
    assert make(granule, tmp_path, dict(request, overwrite=True)).status == "written"
    assert not [file for file in tmp_path.iterdir() if "partial" in file.name]


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray 0.19 with affine 3
@pytest.mark.parametrize("calibrated", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_spread_says_what_it_is(granule, calibrated, trained, tmp_path):
    predictor = load_predictor(trained)
    calibration = SpreadCalibration(0.3, 2.0) if calibrated else None
    save_predictor(tmp_path / "net", dataclasses.replace(predictor, calibration=calibration))
    kind = "standard error" if calibrated else "standard deviation over orientations"
    request = dict(REQUEST, spread=True)
    for format in ("cog", "netcdf", "zarr"):
        wanted = dict(request, format=format)
        method = choose_method(str(tmp_path / "net"), None, None)
        (outcome,) = predict([granule], method, *settings_of(output_dir=tmp_path, **wanted)).outcomes
        if format == "cog":
            with rasterio.open(outcome.output) as file:
                assert file.descriptions[1] == f"LST {kind} (K)" and file.tags()["spread"] == kind
            continue
        with xarray.open_dataset(outcome.output, engine=ENGINE[format], decode_coords="all") as data:
            spread = data["lst_spread"].attrs
            assert data.attrs["spread"] == kind and spread["long_name"].startswith(kind)
            expected = "surface_temperature standard_error" if calibrated else None
            assert spread.get("standard_name") == expected


def test_a_missing_library_is_one_line(granule, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    request = dict(REQUEST, format="zarr")
    with pytest.raises(InputError, match=r"needs zarr; run pip install 'lstsr-jax\[netcdf\]'"):
        make(granule, tmp_path, request)
