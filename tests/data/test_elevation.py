"""Elevation in datasets: stored beside the LST of each patch, withheld for itself in training."""

import dataclasses

import numpy as np
import pytest
from rasterio.transform import Affine

from data_builders import prepare
from lstsr_jax.config import ModelConfig
from lstsr_jax.data import TrainingBatches
from lstsr_jax.data.augmentation import withhold
from lstsr_jax.errors import InputError
from lstsr_jax.geo import SINUSOIDAL, simulate_landscape, tile_transform, write_raster
from lstsr_jax.geo.simulate.landscape import place_seed_of
from lstsr_jax.ops.degradation import coarsen


@pytest.fixture(scope="module")
def heights():
    """The elevation at 250 m of the place that the session's granules are of."""
    return simulate_landscape(place_seed_of("h18v04"), 128).elevation


@pytest.fixture(scope="module")
def dem(heights, tmp_path_factory):
    path = tmp_path_factory.mktemp("dem") / "dem.tif"
    return write_raster(path, heights, tile_transform("h18v04", 4), SINUSOIDAL)


@pytest.fixture(scope="module")
def built(small_config, dem):
    return prepare(dataclasses.replace(small_config.data, elevation=str(dem)))


def test_elevation_lies_where_the_lst_of_the_patch_lies(built, heights):
    pooled = heights.reshape(128, 4, 128, 4).mean((1, 3))
    for example in list(built.source("all"))[::9]:
        row, col = int(example["row"]), int(example["col"])
        np.testing.assert_allclose(example["elevation"][..., 0], pooled[row : row + 32, col : col + 32], atol=0.05)


def test_what_was_prepared_without_elevation_is_found_again(built, dataset, small_config):
    assert prepare(small_config.data).directory == dataset.directory != built.directory
    assert "elevation" not in dataset.source("all")[0] and "elevation" not in dataset.metadata


def test_another_dem_is_another_dataset(built, heights, small_config, tmp_path):
    other = write_raster(tmp_path / "dem.tif", heights + 1, tile_transform("h18v04", 4), SINUSOIDAL)
    assert prepare(dataclasses.replace(small_config.data, elevation=str(other))).directory != built.directory


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", r"`data\.elevation` .*no\.tif: no such file; give a DEM as GeoTIFF"),
        ("elsewhere", r"`data\.elevation` .*far\.tif: holds nothing over the LST of .*; give a DEM of h18v04"),
        ("lst", "by its name LST, not elevation"),
    ],
)
def test_a_dem_of_no_use_is_refused_and_leaves_no_dataset(small_config, heights, tmp_path, kind, message):
    path = tmp_path / {"missing": "no.tif", "elsewhere": "far.tif", "lst": "LST_Day.tif"}[kind]
    if kind != "missing":
        far = tile_transform("h18v04", 4) @ Affine.translation(2000 * (kind == "elsewhere"), 0)
        write_raster(path, heights, far, SINUSOIDAL)
    with pytest.raises(InputError, match=message):
        prepare(dataclasses.replace(small_config.data, elevation=str(path), data_dir=str(tmp_path / "tfds")))
    assert not list(tmp_path.glob("tfds/modis_lst/granules*/*"))


def test_each_guide_is_withheld_for_itself():
    rng, images = (
        np.random.default_rng(0),
        {name: np.ones((2, 2, 1), np.float32) for name in ("lst", "ndvi", "elevation")},
    )
    drawn = [withhold(images, 0.3, rng) for _ in range(2000)]
    gone = np.array([[np.isnan(one[name]).all() for name in images] for one in drawn])
    assert not gone[:, 0].any()
    np.testing.assert_allclose(gone.mean(0)[1:], 0.3, atol=0.04)
    assert np.mean(gone[:, 1] & gone[:, 2]) == pytest.approx(0.09, abs=0.03)
    assert np.isfinite(images["ndvi"]).all()


def test_batches_hold_the_guides_of_the_network(built, dataset, small_config):
    guided = dataclasses.replace(small_config, model=ModelConfig(width=4, guide="elevation"))
    (batch,) = TrainingBatches(built.source("train"), guided, devices=1).steps(0, 1)
    assert set(batch) == {"lst", "elevation", "turn"} and np.isfinite(batch["elevation"]).any()
    with pytest.raises(InputError, match=r"`model\.guide` elevation: the dataset holds no elevation; give `data\.elev"):
        TrainingBatches(dataset.source("train"), guided, devices=1)
    both = dataclasses.replace(small_config, model=ModelConfig(width=4, guide="ndvi,elevation"))
    with pytest.raises(InputError, match=r"`model\.guide` ndvi: the dataset holds no NDVI; give `data\.ndvi`"):
        TrainingBatches(built.source("train"), both, devices=1)


def test_elevation_is_pooled_by_its_mean(heights):
    pooled = coarsen({"elevation": heights[None, :8, :8, None]}, 4)["elevation"]
    np.testing.assert_allclose(pooled[0, ..., 0], heights[:8, :8].reshape(2, 4, 2, 4).mean((1, 3)), rtol=1e-5)
