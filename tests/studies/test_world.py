import sys

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import Grid, simulate_granule, write_granule, write_raster
from lstsr_jax.geo.finer import read_clear
from studies import scale_invariance, world
from studies.ecostress import average, lst_files
from studies.windows import BASELINE, Field, cut_windows, ratios, score

UTM = CRS.from_epsg(32631)


@pytest.fixture(scope="module")
def field():
    y, x = np.mgrid[:840, :840].astype(np.float32)
    rough = np.random.default_rng(0).normal(0, 4, (840, 840)).astype(np.float32)
    return 300 + 5 * np.sin(x / 30) * np.cos(y / 41) + rough


def ecostress(folder, lst, name="ECOv002_L2T_LSTE_1_LST.tif", **options):
    transform = Affine(70, 0, 500_000, 0, -70, 5_000_000)
    return write_raster(folder / name, lst, transform, UTM, **options)


def test_blocks_that_fit_are_averaged_as_their_mean(tmp_path, field):
    lst, grid, _ = read_clear(ecostress(tmp_path, field))
    assert grid == Grid((840, 840), Affine(70, 0, 500_000, 0, -70, 5_000_000), UTM)
    blocks = field.reshape(210, 4, 210, 4).mean((1, 3))
    np.testing.assert_allclose(average(lst, grid, 280), blocks, atol=1e-3)


def test_a_pixel_that_is_not_wholly_observed_is_none(tmp_path, field):
    cloud = np.zeros(field.shape, np.uint8)
    cloud[5, 9] = 1
    path = ecostress(tmp_path, field)
    ecostress(tmp_path, cloud, "ECOv002_L2T_LSTE_1_cloud.tif")
    assert lst_files(tmp_path) == [path]
    missing = np.argwhere(np.isnan(average(*read_clear(path)[:2], 280)))
    assert missing.tolist() == [[1, 2]]


def test_degrees_are_averaged_over_the_same_ground(tmp_path):
    transform = Affine(0.0006, 0, -118.0, 0, -0.0006, 34.0)
    column = np.broadcast_to(np.arange(800, dtype=np.float32), (800, 800))
    packed = np.rint((280 + column / 100) / 0.02).astype(np.uint16)
    name = "ECO_L2_LSTE.002_LST_doy2023179094538_aid0001.tif"
    path = write_raster(tmp_path / name, packed, transform, CRS.from_epsg(4326), nodata=0)
    mean = average(*read_clear(path)[:2], 250)
    assert mean.shape[1] == pytest.approx(800 * 0.0006 * 111_320 * np.cos(np.radians(33.76)) / 250, abs=3)
    middle = mean[mean.shape[0] // 2]
    slope = np.nanmean(np.diff(middle[5:-5]))
    assert slope == pytest.approx(8 / (800 * 0.0006 * 111_320 * np.cos(np.radians(33.76)) / 250), rel=0.02)


@pytest.mark.slow
def test_a_method_that_is_bicubic_has_the_ratio_one(field):
    windows = [(Field("a", "g", field), window) for window in cut_windows(field, 64, 64, most=5)]
    assert len(windows) == 5
    scores = score({"same": BASELINE, "conserved": "bicubic-conserved"}, windows)
    assert ratios(scores)["same"] == 1 and ratios(scores)["conserved"] != 1
    np.testing.assert_allclose(scores.values["same"]["rmse"], scores.values[BASELINE]["rmse"])


def test_noise_is_added_to_the_input_and_not_to_the_truth():
    flat = np.full((64, 64), 300, np.float32)
    windows = [(Field("a", "g", flat), flat)] * 8
    quiet, noisy = (score({}, windows, noise_k=noise_k).values[BASELINE]["rmse"] for noise_k in (0.0, 2.0))
    assert quiet.max() < 1e-3
    assert noisy.mean() == pytest.approx(2 * 0.80, rel=0.1)  # bicubic passes 0.80 of the noise's standard deviation


def test_every_folder_is_a_place_of_the_table(tmp_path, field, capsys, monkeypatch):
    for folder in ("lowland", "desert"):
        (tmp_path / folder).mkdir()
    write_granule(simulate_granule(1, size=128, cloud_fraction=0.0), tmp_path / "lowland", format="cog")
    ecostress(tmp_path / "desert", field)
    monkeypatch.setattr(world, "load_predictor", lambda name: "bilinear")
    figure = tmp_path / "f.png"
    monkeypatch.setattr(sys, "argv", ["world", str(tmp_path), "--checkpoint", "net", "--figure", str(figure)])
    world.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "desert (ECOSTRESS, 250 m)",
        "lowland (MOD11A1)",
        "mean over places",
    ]
    assert figure.is_file()


def test_scales_are_scored_from_one_scene(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    ecostress(tmp_path, rng.normal(300, 3, (1000, 1000)).astype(np.float32))
    monkeypatch.setattr(scale_invariance, "load_predictor", lambda name: "bilinear")
    monkeypatch.setattr(scale_invariance, "SCALES", {"4 to 1 km": 4, "1 km to 250 m": 1})
    figure = tmp_path / "f.png"
    monkeypatch.setattr(
        sys, "argv", ["s", str(tmp_path), "--checkpoint", "net", "--most", "4", "--figure", str(figure)]
    )
    scale_invariance.main()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["", "noise of the input", "4 to 1 km", "1 km to 250 m"]
    assert [row[:2] for row in rows[3:]] == [
        [name, noise] for noise in ("none", "1.1 K") for name in ("bicubic", "bicubic-conserved", "net")
    ]
    assert figure.is_file()
