"""What a folder's manifest says of its granules is held against them."""

import hashlib

import pytest

from lstsr_jax.geo import GranuleError
from lstsr_jax.geo.manifest import ManifestRow, check_with_manifest, read_manifest, write_manifest

NAME = "MOD11A1.A2020183.h18v04.061.2020185120000"


@pytest.fixture
def granule(tmp_path):
    path = tmp_path / f"{NAME}.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(100))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    row = ManifestRow(NAME, 104, checksum, "https://example.org/x,y", "2026-11-25T00:00:00Z")
    write_manifest(tmp_path, {NAME: row})
    return path


def test_what_is_written_is_read(granule):
    (row,) = read_manifest(granule.parent).values()
    assert (row.granule, row.bytes, row.url) == (NAME, 104, "https://example.org/x,y")
    assert (granule.parent / "manifest.csv").read_text().splitlines()[0] == "granule,bytes,checksum,url,time"


def test_a_whole_granule_passes(granule):
    check_with_manifest(granule)
    check_with_manifest(granule, verify=True)


def test_another_size_is_refused(granule):
    granule.write_bytes(granule.read_bytes()[:-1])
    with pytest.raises(GranuleError, match=rf"{NAME}.hdf: 103 bytes, manifest.csv says 104: damaged; fetch it again"):
        check_with_manifest(granule)


def test_another_content_of_the_same_size_is_refused_when_verified(granule):
    granule.write_bytes(granule.read_bytes()[:-1] + b"\1")
    check_with_manifest(granule)
    with pytest.raises(GranuleError, match=r"checksum is not that of manifest.csv"):
        check_with_manifest(granule, verify=True)


def test_a_manifest_that_changed_is_read_again(granule):
    check_with_manifest(granule)
    write_manifest(granule.parent, {NAME: ManifestRow(NAME, 7, "0" * 64, "", "")})
    with pytest.raises(GranuleError, match="says 7"):
        check_with_manifest(granule)


def test_files_without_a_row_or_a_manifest_pass(granule, tmp_path):
    other = tmp_path / "MOD11A1.A2020184.h18v04.061.2020185120000.hdf"
    other.write_bytes(b"x")
    check_with_manifest(other)
    (tmp_path / "manifest.csv").write_text("name;of;others\n")
    granule.write_bytes(b"x")
    check_with_manifest(granule)
    (tmp_path / "manifest.csv").unlink()
    check_with_manifest(granule)


def test_what_cannot_be_verified_is_told_when_that_is_asked_for(granule, tmp_path):
    (tmp_path / "manifest.csv").unlink()
    with pytest.raises(GranuleError, match=r"in no manifest.csv beside it; .*leave `verify` out"):
        check_with_manifest(granule, verify=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name;size\n", "no column granule"),
        ("granule,bytes,checksum,url,time\nx,many,0,,\n", "line 2"),
        ("granule,bytes,checksum,url,time\nx,1\n", "line 2"),
    ],
)
def test_a_manifest_of_another_kind_is_named(tmp_path, text, says):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(GranuleError, match=rf"manifest.csv: .*{says}"):
        read_manifest(tmp_path)


def test_a_spreadsheet_may_have_put_a_mark_in_front(granule):
    manifest = granule.parent / "manifest.csv"
    manifest.write_text(manifest.read_text(), encoding="utf-8-sig")
    assert list(read_manifest(granule.parent)) == [NAME]
