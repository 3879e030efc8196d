"""What a file holds by its first bytes: what is left of a download that went wrong is told from what was asked for."""

import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.products import describe_product

_HEAD: Final = 512
_BINARY: Final = {
    b"\x0e\x03\x13\x01": "an HDF4 file",
    b"\x89HDF": "an HDF5 file",
    b"CDF": "a netCDF file",
    b"II*\x00": "a GeoTIFF",
    b"MM\x00*": "a GeoTIFF",
    b"II+\x00": "a GeoTIFF",
    b"MM\x00+": "a GeoTIFF",
}
_HDF5: Final = b"\x89HDF"
_GRANULE_ID: Final = re.compile(rb"(?P<product>(?:VNP|VJ[12]|M[OY]D)\d{2}[A-Z0-9_]{1,4})\.A\d{7}\.h\d\dv\d\d")
_NETCDF4: Final = (b"_NCProperties", b"_Netcdf4Dimid", b"_NCDimID")
_EXAMINED_BYTES: Final = 1 << 24
_PACKED: Final = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def require_file(path: Path, kind: str, starts: Collection[bytes]) -> None:
    """Refuse what is no readable file that starts as it should.

    Args:
        path: the file.
        kind: what it should be, such as "an HDF4 file".
        starts: how such files start.

    Raises:
        GranuleError: naming what it is instead, and the remedy.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise GranuleError(f"{path}: cannot be opened (it is no file); check the path")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise GranuleError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise GranuleError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    if not head.startswith(tuple(starts)):
        if (holds := hdf5_content(path)) is not None:
            raise GranuleError(f"{path}: not {kind} but {holds}; give it the right suffix, or download it again")
        raise GranuleError(f"{path}: not {kind} but {_found(head)}")


def kind_of(head: bytes) -> str | None:
    """What kind of file starts so, such as "an HDF5 file" or "packed by zip"; None if it is not known."""
    kinds = {**_BINARY, **{magic: f"packed by {packer}" for magic, packer in _PACKED.items()}}
    return next((kind for magic, kind in kinds.items() if head.startswith(magic)), None)


def hdf5_content(path: Path) -> str | None:
    """What an HDF5 file holds, by the text in it.

    Args:
        path: of a file that can be read.

    Returns:
        Such as "an HDF5 file of VNP21A1D (daily LST at 1 km)" or "a netCDF-4 file"; None if it is no HDF5 or says
        nothing.
    """
    with path.open("rb") as file:
        content = file.read(len(_HDF5))
        if content != _HDF5:
            return None
        content += file.read(_EXAMINED_BYTES)
    if (found := _GRANULE_ID.search(content)) is not None:
        return f"an HDF5 file of {describe_product(found['product'].decode())}"
    return "a netCDF-4 file" if any(mark in content for mark in _NETCDF4) else None


def _found(head: bytes) -> str:
    """What a file is that starts so, and the remedy."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return "empty; download it again"
    for magic, packer in _PACKED.items():
        if head.startswith(magic):
            return f"packed by {packer}; unpack it"
    if head.startswith(b"CDF"):
        return "a classic netCDF; convert it by nccopy -k nc4"
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            return f"{kind}; give it the right suffix, or download it again"
    if text.startswith(b"<"):
        return "a web page or XML; download it again, logged in"
    if text.startswith((b"{", b"[")):
        return "JSON, most likely an error message of the server; download it again, logged in"
    if not head.strip(b"\x00"):
        return "zeros; download it again"
    return f"something that starts with {head[:8]!r}; it is damaged: download it again"
