"""Directories of mixed files."""

import os
from pathlib import Path

import numpy as np
import pytest

from lstsr_jax.geo import GranuleError, describe_skipped, find_granules, read_lst, write_granule

A = "MOD11A1.A2020001.h18v04.061.2021003092415"
B = "MOD11A1.A2020002.h18v04.061.2021003094902"
C = "MOD11A1.A2020004.h18v04.061.2021003094902"


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
        "MOD11B1.A2020001.h18v04.061.2020326033640.hdf",
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
    assert "MOD11B1" in reasons["MOD11B1.A2020001.h18v04.061.2020326033640.hdf"]
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


def test_suffixes_and_names_in_capitals_are_listed(tmp_path):
    fill(tmp_path, f"{B}.HDF", f"{A}_LST_Day_1km.TIF", f"{A}_LST_Night_1km.Tif", f"{A}_QC_Day.TIFF")
    fill(tmp_path, A.replace("2020001", "2020003").upper() + ".HDF")
    listing = find_granules(tmp_path)
    assert len(listing.layers) == 6 and listing.skipped == []


def test_links_are_followed_once(tmp_path):
    """A linked year, a linked file, a link back to the top, two links to one folder, a link to nothing."""
    fill(tmp_path, f"disk/2019/{A}.hdf", f"disk/2020/{B}.hdf", "tree/README.md")
    tree = tmp_path / "tree"
    (tree / "2019").symlink_to(tmp_path / "disk" / "2019")
    (tree / "again").symlink_to(tmp_path / "disk" / "2019")
    (tree / f"{B}.hdf").symlink_to(tmp_path / "disk" / "2020" / f"{B}.hdf")
    (tree / "loop").symlink_to(tree)
    (tree / "itself").symlink_to(tree / "itself")
    (tree / f"{C}.hdf").symlink_to(tmp_path / "gone.hdf")
    listing = find_granules(tree)
    assert found(listing, tree) == [
        (f"2019/{A}.hdf", "day"),
        (f"2019/{A}.hdf", "night"),
        (f"{B}.hdf", "day"),
        (f"{B}.hdf", "night"),
    ]
    reasons = {skipped.path.name: skipped.reason for skipped in listing.skipped}
    assert set(reasons) == {"again", "loop", "itself", f"{C}.hdf", "README.md"}
    assert f"the same folder as {tree}," in reasons["loop"] and "2019" in reasons["again"]
    assert "a link to nothing" in reasons[f"{C}.hdf"] and "gone.hdf" in reasons[f"{C}.hdf"]
    with pytest.raises(GranuleError, match="a link to nothing; fetch"):
        find_granules(tree / f"{C}.hdf")


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    fill(tmp_path, f"open/{A}.hdf", f"closed/{B}.hdf")
    listed = Path.iterdir

    def iterdir(self):
        if self.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    listing = find_granules(tmp_path)
    assert [layer.path.parent.name for layer in listing.layers] == ["open", "open"]
    ((path, reason),) = listing.skipped
    assert path == tmp_path / "closed" and "Permission denied" in reason


def test_second_copies_give_way_to_the_first_and_are_read_alone(tmp_path):
    fill(tmp_path, f"{A}.hdf", f"{A} (1).hdf", f"{A} - Copy.hdf", f"{B} (2).hdf", f"{C}_LST_Day_1km(1).tif")
    listing = find_granules(tmp_path)
    assert [layer.path.name for layer in listing.layers[:2]] == [f"{A}.hdf"] * 2
    assert {layer.path.name for layer in listing.layers[2:]} == {f"{B} (2).hdf", f"{C}_LST_Day_1km(1).tif"}
    assert {skipped.path.name for skipped in listing.skipped} == {f"{A} (1).hdf", f"{A} - Copy.hdf"}
    assert all(f"read from {A}.hdf" in skipped.reason for skipped in listing.skipped)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("MOD11A1.A2020001.h18v04.061.hdf", "no production time"),
        (f"{A}.hdf.part", "unfinished download"),
        (f"{A}.hdf.crdownload", "unfinished download"),
        (f"{A}.tmp", "unfinished download"),
        (f"{A}.hdf.gz", "unpack"),
        (f"{A}_cloudfree.hdf", "whole granules are expected"),
        ("MOD11A1.061_LST_Day_1km_aid0001.tif", "its date is not known"),
        ("MOD11_L2.A2017096.1445.006.2017097093512.hdf", "LST of a swath"),
        ("MOD21C3.A2020001.061.2020326033640.hdf", "monthly means of LST at 0.05 degrees"),
        ("MOD11B2.A2020001.h18v04.061.2020326033640.hdf", "8-day means"),
        ("my_LST_july.tif", "not named"),
    ],
)
def test_what_looks_like_lst_is_named_with_the_reason(tmp_path, file, reason):
    fill(tmp_path, file)
    listing = find_granules(tmp_path)
    assert listing.layers == []
    ((path, told),) = listing.skipped
    assert path.name == file and reason in told
    (line,) = describe_skipped(listing.skipped)
    assert line == f"skipped: {path}: {told}" and "rename" not in line


def test_other_files_are_counted_in_one_line(tmp_path):
    fill(tmp_path, f"{A}.hdf", f"{A}.hdf.xml", f"{B}.hdf.xml", "README", f"{A}_Day_view_time.tif", f"{B}_QC_Day.tif")
    listing = find_granules(tmp_path)
    assert len(listing.layers) == 2
    assert describe_skipped(listing.skipped) == ["skipped: 5 other files (2 .xml, 2 .tif, 1 README)"]
    (orphan,) = [skipped for skipped in listing.skipped if "QC_Day" in skipped.path.name]
    assert "without its LST" in orphan.reason
    assert describe_skipped([]) == []


def test_single_files(simulated, tmp_path):
    """A file gives its layers; a granule of any name may; another layer is left aside; another product is an error."""
    fill(tmp_path, f"{A}.HDF", "empty.hdf", f"{A}_LST_Night_1km.TIF", f"{A}_QC_Day.tif", "MOD13A2.x.tif")
    write_granule(simulated, tmp_path / "source")[0].rename(tmp_path / "mine.hdf")
    assert [layer.overpass for layer in find_granules(tmp_path / f"{A}.HDF").layers] == ["day", "night"]
    assert [layer.overpass for layer in find_granules(tmp_path / "mine.hdf").layers] == ["day", "night"]
    assert [layer.overpass for layer in find_granules(tmp_path / f"{A}_LST_Night_1km.TIF").layers] == ["night"]
    quality = find_granules(tmp_path / f"{A}_QC_Day.tif")
    assert quality.layers == [] and "QC_Day" in quality.skipped[0].reason
    for name, text in (
        ("MOD13A2.x.tif", "not named"),
        ("nowhere.tif", "no such file or directory; check"),
        ("empty.hdf", "not an HDF4 file but empty"),
    ):
        with pytest.raises(GranuleError, match=text) as caught:
            find_granules(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))


def test_names_that_are_not_utf8_are_read(simulated, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/donn\xe9es"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / "tif").mkdir()
    for path in write_granule(simulated, tmp_path) + write_granule(simulated, tmp_path, "cog"):
        if path.suffix == ".hdf" or "LST_Day" in path.name or "QC_Day" in path.name:
            path.rename((folder if path.suffix == ".hdf" else folder / "tif") / path.name)
    from_hdf4, from_tiff = (read_lst(*find_granules(where).layers[0]) for where in (folder, folder / "tif"))
    np.testing.assert_array_equal(from_hdf4.lst, from_tiff.lst)
    assert from_tiff.quality_known
    odd = folder / os.fsdecode(b"sc\xe8ne.tif")
    (folder / "tif" / f"{simulated.granule}_LST_Day_1km.tif").rename(odd)
    with pytest.raises(GranuleError, match="not named"):
        read_lst(odd)
