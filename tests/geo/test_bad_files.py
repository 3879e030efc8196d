"""Every unusable file gives one line that names it and says what to do, and nothing is left behind."""

import re
import shutil
import struct
import warnings

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from lstsr_jax.geo import GranuleError, read_lst, read_ndvi, tile_transform, write_granule, write_raster
from lstsr_jax.geo.grid import SINUSOIDAL

ID = "MOD11A1.A2021227.h11v05.061.2021228105320"
OK = np.full((1200, 1200), 15000, np.uint16)
CLEAR = np.zeros((1200, 1200), np.uint8)


def refused(read, path, text, *arguments):
    """Assert a one-line GranuleError that names the file and holds `text`, and an unchanged directory."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(GranuleError, match=text) as caught:
        read(path, *arguments)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    assert re.search(r"; \w+", message), f"no remedy in: {message}"
    assert sorted(path.parent.rglob("*")) == before


@pytest.fixture
def granule(simulated, tmp_path):
    return write_granule(simulated, tmp_path)[0]


@pytest.fixture
def layer(tmp_path):
    path = tmp_path / f"{ID}_LST_Day_1km.tif"
    return write_raster(path, OK[:300, :400], tile_transform("h11v05"), SINUSOIDAL, nodata=0, scale=0.02)


@pytest.mark.parametrize("suffix", [".hdf", "_LST_Day_1km.tif"])
def test_missing(tmp_path, suffix):
    refused(read_lst, tmp_path / f"{ID}{suffix}", "no such file")


@pytest.mark.parametrize("share", [0.5, 0.9, 0.02, 0.001])
def test_truncated_hdf4(granule, share):
    whole = granule.read_bytes()
    granule.write_bytes(whole[: int(len(whole) * share)])
    refused(read_lst, granule, "truncated or damaged")


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_truncated_real_granule(shared_data, tmp_path, share):
    whole = (shared_data / "granules" / f"{ID}.hdf").read_bytes()
    path = tmp_path / f"{ID}.hdf"
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(read_lst, path, "truncated or damaged")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<!DOCTYPE html><title>Earthdata Login</title>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "HDF5"),
        (b"", "not an HDF4"),
        (bytes(5000), "not an HDF4"),
    ],
)
def test_other_content(tmp_path, content, text):
    path = tmp_path / f"{ID}.hdf"
    path.write_bytes(content)
    refused(read_lst, path, text)


def test_a_directory(tmp_path):
    (tmp_path / f"{ID}.hdf").mkdir()
    refused(read_lst, tmp_path / f"{ID}.hdf", "cannot be opened")


@pytest.mark.parametrize("missing", ["LST_Day_1km", "QC_Day"])
def test_missing_dataset(make_hdf4, tmp_path, missing):
    layers = {"LST_Day_1km": (OK, {}), "QC_Day": (CLEAR, {})}
    del layers[missing]
    refused(read_lst, make_hdf4(tmp_path / f"{ID}.hdf", layers), f"no dataset {missing}")


@pytest.mark.parametrize(
    ("lst", "attributes", "text"),
    [
        (OK, {"scale_factor": 0.1}, "scale_factor"),
        (OK, {"add_offset": 5.0}, "add_offset"),
        (OK, {"_FillValue": 65535}, "_FillValue"),
        (OK, {"scale_factor": 0.01}, "scale_factor"),
        (OK.astype(np.int16), {}, "int16"),
        (OK[None], {}, "shape"),
        (np.where(np.eye(1200), 7499, OK).astype(np.uint16), {}, r"damaged: 1200 of its numbers, such as 7499"),
        (np.where(np.eye(1200), 20001, OK).astype(np.uint16), {}, r"damaged: 1200 of its numbers, such as 20001"),
        (OK[:600, :600], {}, "no StructMetadata"),
    ],
)
def test_other_packing_in_hdf4(make_hdf4, tmp_path, lst, attributes, text):
    layers = {"LST_Day_1km": (lst, attributes), "QC_Day": (CLEAR, {})}
    refused(read_lst, make_hdf4(tmp_path / f"{ID}.hdf", layers), text)


def test_quality_of_another_type_or_shape(make_hdf4, tmp_path):
    for quality in (CLEAR.astype(np.uint16), CLEAR[:600]):
        layers = {"LST_Day_1km": (OK, {}), "QC_Day": (quality, {})}
        refused(read_lst, make_hdf4(tmp_path / f"{ID}.hdf", layers), "quality is")


def test_name_that_contradicts_the_grid(granule):
    moved = granule.rename(granule.with_name(granule.name.replace("h17v05", "h18v05")))
    refused(read_lst, moved, "h18v05")


def test_grid_that_is_not_sinusoidal(make_hdf4, tmp_path):
    text = "UpperLeftPointMtrs=(0.0,50.0)\nLowerRightMtrs=(10.0,40.0)\nProjection=GCTP_GEO\nProjParams=(0,0)"
    layers = {"LST_Day_1km": (OK, {}), "QC_Day": (CLEAR, {})}
    path = make_hdf4(tmp_path / f"{ID}.hdf", layers, {"StructMetadata.0": text})
    refused(read_lst, path, "not the MODIS sinusoidal")


def test_unknown_names(make_hdf4, layer, tmp_path):
    path = make_hdf4(tmp_path / "scene.hdf", {"LST_Day_1km": (OK, {}), "QC_Day": (CLEAR, {})})
    refused(read_lst, path, "MOD11A1.AYYYYDDD")
    refused(read_lst, layer.rename(tmp_path / "scene.tif"), "MOD11A1.AYYYYDDD")
    refused(read_lst, tmp_path / f"{ID}.img", "neither")


@pytest.mark.parametrize("product", ["MOD11B1", "MOD13A2", "MOD21A1D"])
def test_other_products(granule, layer, product):
    copy = granule.with_name(granule.name.replace("MOD11A1", product))
    shutil.copy(granule, copy)
    refused(read_lst, copy, product)
    refused(read_lst, layer.rename(layer.with_name(layer.name.replace("MOD11A1", product))), product)


def test_real_ndvi_granule_is_not_lst(shared_data):
    path = next((shared_data / "granules").glob("MOD13A2*.hdf"))
    refused(read_lst, path, "MOD13A2")
    refused(read_ndvi, shared_data / "granules" / f"{ID}.hdf", "MOD11A1")


def test_overpass(granule, layer):
    refused(read_lst, granule, "choose", None)
    refused(read_lst, layer, "holds the day", "night")
    with pytest.raises(ValueError, match="'day', 'night' or None"):
        read_lst(layer, "noon")


def test_layer_that_is_not_lst(layer):
    refused(read_lst, layer.rename(layer.with_name(f"{ID}_QC_Day.tif")), "not an LST layer")
    refused(read_lst, layer.with_name(f"{ID}.tif"), "not an LST layer")


def test_tiff_without_place(tmp_path):
    path = tmp_path / f"{ID}_LST_Day_1km.tif"
    for options in ({}, {"transform": tile_transform("h11v05")}, {"crs": SINUSOIDAL}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", "GTiff", 40, 30, 1, dtype="uint16", **options) as file:
                file.write(OK[:30, :40], 1)
        refused(read_lst, path, "no coordinate system")


def test_damaged_tiff(layer):
    whole = layer.read_bytes()
    for content in (whole[: len(whole) // 2], b"II*\x00", b"not a raster", b""):
        layer.write_bytes(content)
        refused(read_lst, layer, "cannot be read as a GeoTIFF")


def test_tiff_of_several_bands_or_another_packing(tmp_path):
    path = tmp_path / f"{ID}_LST_Day_1km.tif"
    place = tile_transform("h11v05"), SINUSOIDAL
    write_raster(path, np.stack([OK[:30, :40]] * 2), *place)
    refused(read_lst, path, "2 bands")
    write_raster(path, OK[:30, :40], *place, scale=0.1)
    refused(read_lst, path, "scale 0.1")
    write_raster(path, OK[:30, :40].astype(np.int16), *place)
    refused(read_lst, path, "int16")


def test_quality_beside_it_on_another_grid(layer):
    write_raster(layer.with_name(f"{ID}_QC_Day.tif"), CLEAR[:300, :300], tile_transform("h11v05"), SINUSOIDAL)
    with pytest.raises(GranuleError, match=r"QC_Day\.tif: another grid"):
        read_lst(layer)


def test_damage_inside_the_data(granule):
    """The directory is whole but the compressed numbers are not."""
    content = bytearray(granule.read_bytes())
    start = content.find(b"\x78\x5e") if b"\x78\x5e" in content else content.find(b"\x78\x01")
    start = start if start >= 0 else content.find(b"\x78\x9c")
    assert start > 0, "no deflate stream found"
    content[start : start + 400] = b"\xff" * 400
    granule.write_bytes(bytes(content))
    refused(read_lst, granule, "truncated or damaged")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("number", [0, 3])
def test_a_tile_that_only_seems_absent_is_no_gap(tmp_path, big, number):
    """GDAL reads nodata where the size of a tile is 0; only a tile that has no place either is one of nothing."""
    path = tmp_path / f"{ID}_LST_Day_1km.tif"
    values, place = OK.copy(), {"crs": SINUSOIDAL, "transform": tile_transform("h11v05")}
    options = {"driver": "GTiff", "width": 1200, "height": 1200, "count": 1, "dtype": "uint16", "nodata": 0}
    options |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "sparse_ok": True}
    with rasterio.open(path, "w", bigtiff="yes" if big else "no", **place, **options) as file:
        values[:256, :256] = 0  # a tile of nothing is left out
        file.write(values, 1)
    assert np.isnan(read_lst(path).lst[:256, :256]).all()
    content = path.read_bytes()
    order, form = ("<HHQQ", 20) if big else ("<HHLL", 12)
    start = struct.unpack_from("<Q" if big else "<L", content, 8 if big else 4)[0] + (8 if big else 2)
    at = next(start + form * k for k in range(99) if struct.unpack_from("<H", content, start + form * k)[0] == 325)
    _, kind, count, place = struct.unpack_from(order, content, at)
    assert count == 25
    width = {3: 2, 4: 4, 16: 8}[kind]
    changed = bytearray(content)
    changed[place + width * (number + 1) : place + width * (number + 2)] = bytes(width)
    path.write_bytes(changed)
    refused(read_lst, path, "a block has a size but no place, or a place but no size")
