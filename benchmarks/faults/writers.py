"""What is written by functions, each alone: started as ``-c``, so that a trial takes a fraction of a second."""

import datetime
from pathlib import Path

import numpy as np

from lstsr_jax.cli.door import door
from lstsr_jax.evaluation.figures import comparison_figure
from lstsr_jax.evaluation.report import write_json
from lstsr_jax.files import write_text
from lstsr_jax.geo import read_lst, refine_transform, simulate_granule, write_granule
from lstsr_jax.geo.manifest import ManifestRow, write_manifest
from lstsr_jax.product.files import replacing_product, write
from lstsr_jax.product.fine import FineScene
from lstsr_jax.product.mosaic import write_mosaics
from lstsr_jax.product.parts import write_part
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.report import Outcome
from lstsr_jax.product.stac import write_item
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.workdir import write_config


def _fine() -> FineScene:
    path = next(Path("first").glob("*LST_Day*"))
    scene = read_lst(path)
    lst, quality = scene.lst.repeat(4, 0).repeat(4, 1), scene.quality
    codes = None if quality is None else quality.repeat(4, 0).repeat(4, 1)
    return FineScene(lst, None, codes, refine_transform(scene.transform, 4), scene.crs, scene, 0.0, 1.0)


def _product(format: str, suffix: str) -> None:
    fine = _fine()
    with replacing_product(
        Path("out") / f"x_LST_Day_250m{suffix}", quality=format == "cog", picture=format == "cog"
    ) as parts:
        if parts.picture is not None:
            draw_quick_look(parts.picture, fine)
        write(parts, fine, format, False, {"title": "x"})


def cog() -> None:
    """The map, its quality layer and its picture."""
    _product("cog", ".tif")


def netcdf() -> None:
    """The map as netCDF."""
    _product("netcdf", ".nc")


def zarr() -> None:
    """The map as Zarr."""
    _product("zarr", ".zarr")


def stac() -> None:
    """A STAC item."""
    write_item(next(Path("out").glob("*_LST_Day_250m.tif")))


def vrt() -> None:
    """The virtual rasters."""
    _, failed = write_mosaics(sorted(Path("out").glob("*_LST_Day_250m.tif")))
    for _, error in failed:
        raise error


def part() -> None:
    """The report of a shard."""
    write_part(Path("out/report.0-of-1.json"), {"files": "x"}, {0: Outcome(Path("a"), "day", "failed", "x")}, [])


def log() -> None:
    """log.csv and the TensorBoard events."""
    with EpochLog(Path("out"), 0) as log:
        log.write(1, {"train_rmse_k": 1.0, "patches_per_second": 1.0})


def config() -> None:
    """config.json."""
    write_config(Path("out"), {"preset": "quickstart"})


def numbers() -> None:
    """metrics.json."""
    write_json(Path("out/metrics.json"), {"rmse": [1.0] * 1000})


def table() -> None:
    """table.md."""
    write_text(Path("out/table.md"), "| a |\n" * 1000)


def figure() -> None:
    """A figure of a report."""
    field = np.add.outer(np.arange(32.0), np.arange(32.0)) + 280
    comparison_figure(Path("out/figure.png"), {"a": field, "truth": field + 1}, {"a": field * 0 + 1}, "x")


def manifest() -> None:
    """manifest.csv."""
    row = ManifestRow("MOD11A1.A2020108.h18v04.061.2020110120000", 1, "0" * 64, "https://a.nasa.gov/x", "2020-01-01")
    write_manifest(Path("out"), {row.granule: row})


def hdf4() -> None:
    """A simulated granule as HDF4."""
    _granule("hdf4")


def layers() -> None:
    """A simulated granule as GeoTIFF layers."""
    _granule("cog")


def _granule(format: str) -> None:
    granule = simulate_granule(1, date=datetime.date(2021, 4, 1), size=32, cloud_fraction=0.0)
    write_granule(granule, Path("out"), format=format)  # type: ignore[arg-type]


def main(name: str) -> None:
    """Behind the door of the commands: an error is one line."""
    door(globals()[name])
