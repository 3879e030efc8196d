"""The granules of the quick start: simulated MOD11A1 of one place, one date in every 16-day period of a year."""

import datetime
from pathlib import Path

from tqdm import tqdm

from lstsr_jax.files import locked, remove_left_overs, replacing_directory
from lstsr_jax.geo import place_seed_of, simulate_granule, simulate_landscape, write_granule

TILE = "h18v04"
YEAR = 2020
PERIODS = 23
SIZE = 384
"""Side of the simulated part of the tile in 1 km pixels."""
CLOUD_FRACTION = 0.2


def write_simulated_granules(directory: Path) -> Path:
    """Write the simulated granules as HDF4-EOS into ``directory`` unless they are there already; return it.

    Of several processes one writes, and the others wait for it.
    """
    if not directory.is_dir():
        with locked(directory.with_name(f".{directory.name}.lock"), f"simulating granules in {directory}"):
            if not directory.is_dir():
                remove_left_overs(directory)
                _write(directory)
    return directory


def _write(directory: Path) -> None:
    landscape = simulate_landscape(place_seed_of(TILE), SIZE)
    with replacing_directory(directory) as temporary:
        temporary.mkdir()
        for period in tqdm(range(PERIODS), desc="simulating granules", unit="date", disable=None):
            date = datetime.date(YEAR, 1, 1) + datetime.timedelta(days=16 * period + 7)
            granule = simulate_granule(
                period, tile=TILE, date=date, size=SIZE, cloud_fraction=CLOUD_FRACTION, landscape=landscape
            )
            write_granule(granule, temporary, format="hdf4")
