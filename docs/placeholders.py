"""What the documentation's placeholders stand for: simulated files, or those of a folder of real data."""

import datetime
import shutil
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import (
    refine_transform,
    simulate_granule,
    simulate_landscape,
    simulate_pair,
    write_granule,
    write_pair,
    write_raster,
)
from lstsr_jax.geo.grid import SINUSOIDAL, tile_transform

FOLDERS = (
    *("DIR", "LST_DIR", "OTHER_DIR", "NDVI_DIR", "MOD13Q1_DIR", "PAIRS_DIR", "PLACES_DIR", "ECOSTRESS_DIR"),
    *("granules", "dem.tif", "MOD11A1.A2020183.h18v04.061.2020185120000.hdf"),
)
"""Names that stand for files of the user; ``runs/mine``, ``W`` and ``C`` stand for a run."""


def lay_out(place: Path, data: Path | None) -> None:
    """Put everything of ``FOLDERS`` into ``place``: a link to what ``data`` has of that name, else simulated files."""
    make = {
        "DIR": lambda path: _season(path, "h18v04", range(2020, 2021), size=256),
        "LST_DIR": lambda path: _season(path, "h18v04", range(2020, 2021), size=256, form="cog"),
        "OTHER_DIR": lambda path: _season(path, "h19v04", range(2020, 2021), size=128, dates=2),
        "granules": lambda path: _season(path, "h18v04", (2012, 2020), size=256, dates=3, days=48),
        "NDVI_DIR": lambda path: _ndvi(path, "13A2"),
        "MOD13Q1_DIR": lambda path: _ndvi(path, "13Q1"),
        "PAIRS_DIR": _pairs,
        "PLACES_DIR": lambda path: _season(path / "place", "h17v08", range(2020, 2021), size=128, dates=2),
        "ECOSTRESS_DIR": _ecostress,
        "dem.tif": _dem,
        "MOD11A1.A2020183.h18v04.061.2020185120000.hdf": _granule,
    }
    for name in FOLDERS:
        if data is not None and (data / name).exists():
            (place / name).symlink_to((data / name).resolve())
        else:
            make[name](place / name)


def _granule(path: Path) -> None:
    shown = simulate_granule(9, date=datetime.date(2020, 7, 1), size=128, cloud_fraction=0.1)
    (written,) = write_granule(shown, path.parent)
    if written != path:
        shutil.move(written, path)


def _season(folder: Path, tile: str, years, size: int, dates: int = 8, days: int = 32, form: str | None = None) -> None:
    land = simulate_landscape(5, size)
    for year in years:
        for number in range(dates):
            date = datetime.date(year, 3, 5) + datetime.timedelta(days=days * number)
            write_granule(
                simulate_granule(number, tile=tile, date=date, size=size, cloud_fraction=0.03, landscape=land),
                folder,
                form,
            )


def _ndvi(folder: Path, kind: str) -> None:
    """NDVI of every 16-day period of 2020, of the place of ``DIR`` and ``LST_DIR``."""
    land = simulate_landscape(5, 256)
    for period in range(23):
        date = datetime.date(2020, 1, 1) + datetime.timedelta(days=16 * period)
        write_granule(simulate_granule(0, date=date, size=256, landscape=land), folder, "cog", ndvi=True)
    for path in folder.iterdir():
        if kind not in path.name:
            path.unlink()


def _pairs(folder: Path) -> None:
    for number in range(3):
        date = datetime.date(2020, 7, 1 + number)
        tile = ("h18v04", "h19v04", "h17v05")[number]
        write_pair(simulate_pair(number, tile=tile, date=date), folder, f"{number + 1:03}")


def _ecostress(folder: Path) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:1200, :1200]
    lst = 300 + 5 * np.sin(x / 30) * np.cos(y / 41) + rng.normal(0, 2, x.shape)
    transform = Affine(70, 0, 500_000, 0, -70, 5_000_000)
    name = "ECOv002_L2T_LSTE_20000_001_31TFJ_20200701T101701_0710_01_LST.tif"
    write_raster(folder / name, lst.astype(np.float32), transform, CRS.from_epsg(32631))


def _dem(path: Path) -> None:
    """A rough relief over the whole tile h18v04."""
    rng = np.random.default_rng(1)
    heights = 600 + np.kron(rng.normal(0, 200, (300, 300)), np.ones((16, 16))) + rng.normal(0, 30, (4800, 4800))
    transform = refine_transform(tile_transform("h18v04"), 4)
    write_raster(path, np.rint(heights).astype(np.int16), transform, SINUSOIDAL, nodata=-32768, tags={"units": "m"})
