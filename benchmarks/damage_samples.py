"""A small one of every container that is read, made here, for :mod:`benchmarks.damage`."""

import contextlib
import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE = 80
"""Coarse pixels along a side of the simulated granules."""


def _granule(folder: Path, format: str, product: str = "MOD11A1", layer: str = "") -> Path:
    from lstsr_jax.geo import simulate_granule, write_granule

    simulated = simulate_granule(3, size=SIDE, cloud_fraction=0.2, product=product)
    paths = write_granule(simulated, folder, format)  # type: ignore[arg-type]
    path = next(path for path in paths if layer in path.name)
    (folder / "sample").mkdir()
    return path.rename(folder / "sample" / path.name)  # alone: what lies beside a layer is read with it


def predictor() -> Any:
    """A network of the smallest size, with weights that are not all zeros."""
    import jax
    import jax.numpy as jnp

    from lstsr_jax import ModelConfig, Normalization, Predictor, create_model

    config = ModelConfig("edsr", width=4, conserve_energy=True)
    module = create_model(config)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 32, 32, 1)))
    return Predictor(variables, module, config, Normalization("anomaly", 3.0))


def _checkpoint(folder: Path) -> Path:
    from lstsr_jax import save_predictor

    save_predictor(folder / "model", predictor())
    return folder / "model"


def _exported(folder: Path) -> Path:
    """A folder with the model and the JSON beside it."""
    from lstsr_jax import export_predictor

    export_predictor(predictor(), folder / "exported" / "model.stablehlo", shape=(1, 8, 8), platforms=("cpu",))
    return folder / "exported"


def _dataset(folder: Path) -> Path:
    from lstsr_jax import DataConfig, prepare
    from lstsr_jax.geo import simulate_granule, write_granule

    for period in range(4):
        date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * period)
        write_granule(simulate_granule(period, date=date, size=64, cloud_fraction=0.1), folder / "granules", "hdf4")
    config = DataConfig(granules=str(folder / "granules"), patch_size=16, stride=16, data_dir=str(folder / "tfds"))
    with contextlib.redirect_stdout(sys.stderr):
        return Path(prepare(config).directory)


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "HDF4 (MOD11A1)": lambda folder: _granule(folder, "hdf4"),
    "HDF5 (VNP21A1D)": lambda folder: _granule(folder, "hdf5", "VNP21A1D"),
    "GeoTIFF (COG layer)": lambda folder: _granule(folder, "cog", layer="LST_Day"),
    "netCDF (AppEEARS)": lambda folder: _granule(folder, "netcdf"),
    "checkpoint (orbax)": _checkpoint,
    "dataset (TFDS array_record)": _dataset,
    "exported model (StableHLO + JSON)": _exported,
}
"""What makes a sample in a folder, by the name of its container."""
