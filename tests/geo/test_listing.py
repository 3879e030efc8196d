"""Directories of mixed files."""

from pathlib import Path

import pytest

from lstsr_jax.geo import GranuleError, find_granules

A = "MOD11A1.A2020001.h18v04.061.2021003092415"
B = "MOD11A1.A2020002.h18v04.061.2021003094902"


def fill(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()


def found(listing, directory):
    return [(str(layer.path.relative_to(directory)), layer.overpass) for layer in listing.layers]


def test_mixed_directory(tmp_path):
    fill(
        tmp_path,
        f"{B}.hdf",
        f"{A}_LST_Night_1km.tif",
        f"deep/er/{A}_LST_Day_1km.tif",
        f"{A}_QC_Night.tif",
        f"{A}_Night_view_time.tif",
        f"{A}_LST_Day_250m.tif",
        "MOD13A2.A2020001.h18v04.061.2020326033640_1_km_16_days_NDVI.tif",
        "MOD11A2.A2020001.h18v04.061.2020326033640.hdf",
        f"{A.replace('2020001', '2020400')}.hdf",
        "README.txt",
        "scene.tif",
    )
    listing = find_granules(tmp_path)
    assert found(listing, tmp_path) == [
        (f"deep/er/{A}_LST_Day_1km.tif", "day"),
        (f"{A}_LST_Night_1km.tif", "night"),
        (f"{B}.hdf", "day"),
        (f"{B}.hdf", "night"),
    ]
    reasons = {skipped.path.name: skipped.reason for skipped in listing.skipped}
    assert len(reasons) == len(listing.skipped) == 7
    assert "Night_view_time" in reasons[f"{A}_Night_view_time.tif"]
    assert "250m" in reasons[f"{A}_LST_Day_250m.tif"]
    assert "MOD11A2" in reasons["MOD11A2.A2020001.h18v04.061.2020326033640.hdf"]
    assert "does not exist" in reasons[f"{A.replace('2020001', '2020400')}.hdf"]
    assert "neither" in reasons["README.txt"]
    assert "not named" in reasons["scene.tif"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


def test_not_recursive(tmp_path):
    fill(tmp_path, f"{B}.hdf", f"deep/{A}.hdf")
    assert found(find_granules(tmp_path, recursive=False), tmp_path) == [
        (f"{B}.hdf", "day"),
        (f"{B}.hdf", "night"),
    ]


def test_the_same_overpass_is_counted_once(tmp_path):
    newer = A.replace("2021003092415", "2022003092415")
    fill(
        tmp_path,
        f"{A}.hdf",
        f"{A}_LST_Day_1km.tif",
        f"copy/{A}.hdf",
        f"{newer}_LST_Night_1km.tif",
        A.replace(".061.", ".006.") + ".hdf",
        A.replace("MOD", "MYD") + ".hdf",
        A.replace("h18v04", "h19v04") + ".hdf",
    )
    listing = find_granules(tmp_path)
    assert len(listing.layers) == 6
    by = {(layer.path.name[:23], layer.overpass): layer.path for layer in listing.layers}
    assert by["MOD11A1.A2020001.h18v04", "day"] == tmp_path / f"{A}.hdf"
    assert by["MOD11A1.A2020001.h18v04", "night"].name == f"{newer}_LST_Night_1km.tif"
    assert ("MYD11A1.A2020001.h18v04", "day") in by and ("MOD11A1.A2020001.h19v04", "night") in by
    tif = [skipped for skipped in listing.skipped if skipped.path.name == f"{A}_LST_Day_1km.tif"]
    assert len(tif) == 1 and f"{A}.hdf" in tif[0].reason and "day" in tif[0].reason
    assert sum(skipped.path.parent.name == "copy" for skipped in listing.skipped) == 2


def test_real_directory(shared_data):
    folders = [shared_data / name for name in ("mod11a1_h18v04_2020", "mod13a2_h18v04_2020", "granules")]
    lst, ndvi, granules = (find_granules(folder) for folder in folders)
    assert len(lst.layers) == 242 and not lst.skipped
    assert [layer.path.suffix for layer in granules.layers] == [".hdf"] * 2
    assert sum("MOD13A2" in skipped.reason for skipped in ndvi.skipped + granules.skipped) == 23


def test_empty_and_missing(tmp_path):
    assert find_granules(tmp_path) == ([], [])
    with pytest.raises(GranuleError, match="no such file or directory; check"):
        find_granules(tmp_path / "nowhere")
