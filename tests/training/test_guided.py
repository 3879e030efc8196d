"""From files to a map with two guides; where LST follows height, a network that sees elevation beats LST alone."""

import dataclasses
import datetime

import numpy as np
import pytest

from data_builders import prepare
from lstsr_jax import degrade, upsample
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.evaluation import evaluate
from lstsr_jax.geo import SINUSOIDAL, simulate_granule, tile_transform, write_granule, write_raster
from lstsr_jax.predictor import load_predictor
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.training import train

DATES = [datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * period) for period in range(6)]
LAPSE_K = 0.0065
SIDE = 64


@pytest.fixture(scope="module")
def lapse(tmp_path_factory):
    """LST that is nothing but a level per date less 6.5 K per km of height, over rough ground; and the DEM."""
    directory = tmp_path_factory.mktemp("lapse")
    rng = np.random.default_rng(5)
    knots = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    height = 800 + 150 * knots + 10 * np.mgrid[:SIDE, :SIDE][0].astype(np.float32)
    write_raster(directory / "dem.tif", height, tile_transform("h18v04"), SINUSOIDAL)
    for date in DATES:
        granule = simulate_granule(0, size=SIDE, date=date, cloud_fraction=0).granule
        lst = rng.uniform(285, 305) - LAPSE_K * height
        write_raster(directory / "lst" / f"{granule}_LST_Day_1km.tif", lst, tile_transform("h18v04"), SINUSOIDAL)
    return directory


def settings(directory, guide, tmp_path, epochs, patch=32):
    elevation = str(directory / "dem.tif") if "elevation" in guide else None
    return Config(
        "custom",
        DataConfig(
            granules=str(directory / "lst"),
            elevation=elevation,
            patch_size=patch,
            stride=16,
            data_dir=str(tmp_path),
        ),
        ModelConfig(name="edsr", width=8, blocks=1, guide=guide, conserve_energy=True),
        TrainConfig(epochs=epochs, batch_size=4, learning_rate=3e-3, schedule="cosine", loss="l1", augment="dihedral"),
    )


@pytest.mark.slow
def test_where_lst_follows_height_elevation_beats_lst_alone_and_travels(lapse, tmp_path):
    ratios = {}
    for guide in ("none", "elevation"):
        config = settings(lapse, guide, tmp_path / "tfds", 30)
        dataset = prepare(config.data)
        network = load_predictor(train(config, dataset, tmp_path / guide))
        rows = {"bicubic": "bicubic", "network": network}
        means = evaluate(rows, dataset).means()
        ratios[guide] = means["network"]["rmse"] / means["bicubic"]["rmse"]
        withheld = evaluate(rows, prepare(settings(lapse, "none", tmp_path / "tfds", 1).data))
        ratios[f"{guide}, withheld"] = withheld.means()["network"]["rmse"] / withheld.means()["bicubic"]["rmse"]
        assert ("is guided by elevation, not given here: it answers from LST alone" in withheld.table()) == (
            guide == "elevation"
        )
    assert ratios["elevation"] < min(0.75, 0.8 * ratios["none"]), ratios
    assert ratios["elevation, withheld"] < 1.1, ratios
    rng = np.random.default_rng(9)  # a place 3000 m higher, of another texture
    height = 3800 + 120 * rng.normal(size=(1, 64, 64, 1)).astype(np.float32)
    truth = 270 - LAPSE_K * (height - 3800)
    coarse, _ = degrade(truth)
    error = np.sqrt(np.mean((np.asarray(network(coarse, elevation=height)) - truth) ** 2))
    assert error < 0.8 * np.sqrt(np.mean((np.asarray(upsample(coarse, 4)) - truth) ** 2))


@pytest.mark.slow
def test_from_files_to_a_map_with_two_guides(tmp_path):
    """train -> evaluate -> predict with NDVI and elevation."""
    files = tmp_path / "files"
    for number, date in enumerate(DATES):
        granule = simulate_granule(number, size=48, date=date, cloud_fraction=0)
        lst, _, ndvi, elevation = write_granule(granule, files, ndvi=True, elevation=True)
    base = settings(files, "none", tmp_path / "tfds", 1, patch=16)
    data = dataclasses.replace(base.data, granules=str(files), ndvi=str(files), elevation=str(elevation))
    train_settings = dataclasses.replace(base.train, guide_dropout=0.5)
    config = Config("custom", data, dataclasses.replace(base.model, guide="ndvi,elevation"), train_settings)
    dataset = prepare(data)
    workdir = train(config, dataset, tmp_path / "run")
    network = load_predictor(workdir)
    assert network.guides == ("ndvi", "elevation")
    assert "not given" not in evaluate(["bicubic", network], dataset).table()
    method = choose_method(str(workdir), None, ndvi, elevation)
    report = predict([lst], method, *settings_of(output_dir=tmp_path / "out", tile=16, overlap=8, overpass="day"))
    assert not report.failed and "warning" not in str(report)
