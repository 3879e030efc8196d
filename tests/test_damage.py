"""A quick part of the campaign of ``python -m benchmarks.damage``; each of its containers with ``-m slow``."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import damage
from benchmarks.damage_samples import SAMPLES

QUICK = ("HDF4 (MOD11A1)", "GeoTIFF (COG layer)")


def counted(name, tmp_path, copies):
    """Counts without and with a manifest, and what was told."""
    said = []
    return *damage.campaign(SAMPLES[name](tmp_path), copies, seed=1, report=said.append), said


@pytest.mark.parametrize("name", QUICK)
def test_damaged_copies_are_refused_or_equal(name, tmp_path):
    alone, listed, said = counted(name, tmp_path, 30)
    for counts in (alone, listed):
        assert counts["refused"] + counts["equal"] == 30 and counts["refused"] > 10, said
    assert listed["equal"] <= alone["equal"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in QUICK])
def test_no_damage_is_a_traceback_an_abort_or_a_hang(name, tmp_path):
    alone, listed, said = counted(name, tmp_path, 60)
    for counts in (alone, listed):
        assert counts is None or (counts.total() == 60 and not any(counts[bad] for bad in damage.BAD)), said
    assert alone["refused"] > 20 and alone["other numbers"] < 6, said
    assert listed is None or listed["other numbers"] == 0, said


def test_a_manifest_of_an_undamaged_file_changes_nothing(tmp_path):
    path = SAMPLES["HDF4 (MOD11A1)"](tmp_path)
    worker = damage.Worker("LST")
    try:
        alone = worker.read(path)
        damage.write_manifest(path, path.parent)
        assert alone == worker.read(path, verify=True) and "digest" in alone
        path.write_bytes(path.read_bytes() + b"\0")
        assert "damaged; fetch it again" in worker.read(path, verify=True)["refused"]
    finally:
        worker.close()
