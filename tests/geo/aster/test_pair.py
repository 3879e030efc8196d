"""Reading a folder of pairs: ASTER at 90 m, and whatever can be wrong with the files."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, read_pairs, simulate_pair, write_pair


@pytest.fixture(scope="module")
def pair():
    return simulate_pair(0)


@pytest.fixture
def folder(pair, tmp_path):
    write_pair(pair, tmp_path, "000")
    return tmp_path


def rewrite(path, **changes):
    with rasterio.open(path) as file:
        values, profile = file.read(1), {**file.profile, **changes, "driver": "GTiff"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("aster_lst_250m", {"crs": None}, "000_aster_lst_250m.tif: no coordinate system"),
        ("modis_lst_1km", {"crs": None}, "000_modis_lst_1km.tif: no coordinate system"),
        ("aster_lst_250m", {"transform": Affine(231.65, 0, 1e5, 0, -231.65, 4e6)}, "does not overlap 000_modis_lst"),
        ("modis_ndvi_250m", {"transform": Affine(250, 0, 1e5, 0, -250, 4e6)}, "000_modis_ndvi_250m.tif: pixels of"),
    ],
)
def test_bad_files_are_one_line(folder, file, changes, message):
    rewrite(folder / f"000_{file}.tif", **changes)
    with pytest.raises(GranuleError, match=message) as caught:
        read_pairs(folder)
    assert "\n" not in str(caught.value)


def test_bad_folders(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(InputError, match="nowhere: no such directory"):
        read_pairs(empty / "nowhere")
    with pytest.raises(InputError, match="no pair in it"):
        read_pairs(empty)
    (folder / "000_aster_lst_250m.tif").unlink()
    with pytest.raises(InputError, match="1 MODIS files but no ASTER file"):
        read_pairs(folder)


def test_aster_at_90_m_is_averaged_when_read(folder):
    pair = read_pairs(folder)[0][0]
    (folder / "000_aster_lst_250m.tif").unlink()
    factor = 3  # every pixel cut into nine of the same value
    fine = np.kron(np.nan_to_num(pair.aster), np.ones((factor, factor))).astype(np.float32)
    grid = pair.aster_grid.refine(factor)
    profile = {"count": 1, "dtype": "float32", "nodata": 0, "crs": grid.crs, "transform": grid.transform}
    with rasterio.open(
        folder / "000_aster_lst_90m.tif", "w", driver="GTiff", height=fine.shape[0], width=fine.shape[1], **profile
    ) as file:
        file.write(fine, 1)
    (read,), _ = read_pairs(folder)
    assert read.aster.shape == pair.aster.shape
    np.testing.assert_allclose(read.aster, pair.aster, atol=1e-3)
