"""A simulated granule to look at what a map is, without any data at hand."""

from pathlib import Path
from typing import NamedTuple

from lstsr_jax.files import replacing_directory
from lstsr_jax.geo import simulate_granule, write_granule

SIZE = 480
"""Side of the simulated part of the tile in 1 km pixels."""
CLOUD_FRACTION = 0.15


class Demo(NamedTuple):
    """Files that remarks inside call simulated.

    Attributes:
        granule: MOD11A1, HDF4-EOS.
        ndvi: MOD13Q1 of the same place and period, GeoTIFF.
    """

    granule: Path
    ndvi: Path


def write_demo(directory: Path) -> Demo:
    """Write a simulated granule and its NDVI into ``directory``, unless they are there already."""
    if not directory.is_dir():
        with replacing_directory(directory) as temporary:
            write_granule(simulate_granule(size=SIZE, cloud_fraction=CLOUD_FRACTION), temporary, ndvi=True)
    (granule,), (ndvi,) = (sorted(directory.glob(name)) for name in ("MOD11A1.*.hdf", "MOD13Q1.*.tif"))
    return Demo(granule, ndvi)
