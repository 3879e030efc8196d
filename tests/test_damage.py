"""A quick part of the campaign of ``python -m benchmarks.damage``."""

import sys
from pathlib import Path

import pytest

from lstsr_jax.geo import simulate_granule, write_granule

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import damage


@pytest.fixture(scope="module")
def simulated():
    return simulate_granule(3, size=80, cloud_fraction=0.2)


@pytest.mark.parametrize("kind", ["hdf4", "cog"])
def test_damaged_copies_are_refused_or_equal(kind, simulated, tmp_path):
    paths = write_granule(simulated, tmp_path, kind)
    (path,) = [path for path in paths if path.suffix == ".hdf" or "LST_Day" in path.name]
    said = []
    counts = damage.campaign(path, 30, seed=1, report=said.append)
    assert counts["refused"] + counts["equal"] == 30 and counts["refused"] > 10, said
