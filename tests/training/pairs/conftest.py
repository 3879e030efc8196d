"""Simulated pairs of four places and a run on them."""

import dataclasses

import numpy as np
import pytest

from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.geo import simulate_pair, write_pair

TILES = ("h18v04", "h17v05", "h19v04", "h20v05")
SHIFT = (0.837, 1.071)


def cut(pair, height, width):
    """Its north-west part, with gaps of the LST."""
    lst = pair.lst[:height, :width].copy()
    lst[5:8, 6:9] = np.nan
    ndvi = pair.ndvi[: 4 * height, : 4 * width]
    grids = [grid.cut(0, 0, field.shape) for grid, field in ((pair.lst_grid, lst), (pair.ndvi_grid, ndvi))]
    return dataclasses.replace(pair, lst=lst, ndvi=ndvi, lst_grid=grids[0], ndvi_grid=grids[1])


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory):
    """Pairs of two shapes, with gaps, of four places and three overpasses."""
    directory = tmp_path_factory.mktemp("pairs")
    for number, tile in enumerate(TILES):
        pair = simulate_pair(number, tile=tile)
        write_pair(cut(pair, 32, 36 if number != 2 else 32), directory, f"{number:03d}")
    lines = [f"{n:03d},{SHIFT[0]},{SHIFT[1]},g{min(n, 2)}" for n in range(len(TILES))]
    header = "id,reg_ndvi_dy_px250,reg_ndvi_dx_px250,overpass_group"
    (directory / "index.csv").write_text("\n".join([header, *lines]) + "\n")
    return directory


@pytest.fixture(scope="session")
def pairs_config(pairs_folder):
    """Two epochs of a small guided network; fold 0 of 3, two pairs of one overpass, is left out."""
    return Config(
        data=DataConfig(pairs=str(pairs_folder), pairs_fold="1/3"),
        model=ModelConfig(name="edsr", width=4, blocks=1, guide="ndvi"),
        train=TrainConfig(
            epochs=3, learning_rate=1e-3, augment="dihedral", average_decay=0.7, clip_norm=20.0, pairs_noise_k=0.1
        ),
    )
