"""Reading HDF4-EOS grids through pyhdf: datasets, their attributes, the grid, the granule's name.

rasterio's wheels have no HDF4 driver, so the transform comes from StructMetadata.0, the text on the grid.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyhdf.error import HDF4Error
from pyhdf.SD import SD, SDC
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import EARTH_RADIUS_M, TILE_WIDTH_M, tile_bounds, tile_transform
from lstsr_jax.geo.names import GranuleName, parse_name

MAGIC: Final = b"\x0e\x03\x13\x01"
_NUMBER = r"([-+\d.eE]+)"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One scientific dataset: the stored numbers and what the file says of them.

    Attributes:
        values: (H, W), as stored.
        attributes: such as scale_factor, valid_range, _FillValue.
    """

    values: NDArray[Any]
    attributes: dict[str, Any]


class Hdf4Granule:
    """An open HDF4-EOS file; get one from `open_hdf4`."""

    def __init__(self, path: Path, sd: SD) -> None:
        """Keep the handle and read the names and the text attributes."""
        self.path = path
        self._sd = sd
        self.names: tuple[str, ...] = tuple(sd.datasets())
        self.texts: dict[str, Any] = sd.attributes()

    def read(self, name: str) -> Dataset:
        """Read one dataset.

        Args:
            name: such as "LST_Day_1km".

        Returns:
            Its values and attributes.

        Raises:
            GranuleError: no such dataset, not two-dimensional, or its data cannot be read.
        """
        if name not in self.names:
            known = ", ".join(self.names[:12]) or "none"
            raise GranuleError(f"{self.path}: no dataset {name}, only {known}; give the right product")
        try:
            sds = self._sd.select(name)
            try:
                attributes, values = dict(sds.attributes()), np.asarray(sds[:])
            finally:
                sds.endaccess()
        except (HDF4Error, ValueError, TypeError) as error:
            raise _broken(self.path, error) from None
        if values.ndim != 2:
            raise GranuleError(f"{self.path}: {name} has shape {values.shape}, not (H, W); download it again")
        return Dataset(values, attributes)

    def name(self) -> GranuleName:
        """The granule's name: the file's, or the one recorded inside a file that was renamed.

        Raises:
            GranuleError: neither is a granule's name.
        """
        try:
            return parse_name(self.path)
        except GranuleError:
            text = str(self.texts.get("CoreMetadata.0", ""))
            found = re.search(r'OBJECT\s*=\s*LOCALGRANULEID\b.*?VALUE\s*=\s*"([^"]+)"', text, re.DOTALL)
            if found is None:
                raise
            return parse_name(self.path.with_name(found[1]))

    def transform(self, shape: tuple[int, int], tile: str) -> Affine:
        """Transform of a grid of `shape`, checked against the tile it claims to be.

        Without StructMetadata.0 the array is taken to be the whole tile.

        Args:
            shape: (H, W) of the dataset.
            tile: such as "h18v04".

        Returns:
            (column, row) to sinusoidal metres.

        Raises:
            GranuleError: the grid is not sinusoidal, or does not lie where the tile lies.
        """
        text = str(self.texts.get("StructMetadata.0", ""))
        upper = re.search(rf"UpperLeftPointMtrs=\({_NUMBER},{_NUMBER}\)", text)
        lower = re.search(rf"LowerRightMtrs=\({_NUMBER},{_NUMBER}\)", text)
        if upper is None or lower is None:
            return tile_transform(tile, size=shape[1])
        left, top, right, bottom = (float(number) for number in upper.groups() + lower.groups())
        radius = re.search(rf"ProjParams=\({_NUMBER},", text)
        if "GCTP_SNSOID" not in text or radius is None or abs(float(radius[1]) - EARTH_RADIUS_M) > 0.01:
            raise GranuleError(f"{self.path}: its grid is not the MODIS sinusoidal one; give a tiled product")
        x0, y0, x1, y1 = tile_bounds(tile)
        if left < x0 - 1 or right > x1 + 1 or bottom < y0 - 1 or top > y1 + 1:
            raise GranuleError(f"{self.path}: its grid is not in tile {tile} of its name; rename it back")
        if abs(left - x0) < 1:  # StructMetadata rounds to a millimetre
            left = x0
        if abs(top - y1) < 1:
            top = y1
        exact = TILE_WIDTH_M / max(1, round(TILE_WIDTH_M * shape[1] / (right - left)))
        if abs(exact * shape[1] - (right - left)) > 1 or abs(exact * shape[0] - (top - bottom)) > 1:
            raise GranuleError(f"{self.path}: {shape} pixels do not fill its grid; download it again")
        return Affine(exact, 0.0, left, 0.0, -exact, top)


@contextlib.contextmanager
def open_hdf4(path: Path) -> Iterator[Hdf4Granule]:
    """Open an HDF4 file for reading and close it afterwards.

    Args:
        path: the file.

    Yields:
        The open granule.

    Raises:
        GranuleError: missing, not HDF4 by its first bytes, or cut short.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise GranuleError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise GranuleError(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    if not head.startswith(MAGIC):
        found = "HDF5" if head.startswith(b"\x89HDF") else "a web page" if head[:1] == b"<" else repr(head)
        raise GranuleError(f"{path}: not an HDF4 file but {found}; download it again, logged in")
    try:
        sd = SD(str(path), SDC.READ)
    except HDF4Error as error:
        raise _broken(path, error) from None
    try:
        yield Hdf4Granule(path, sd)
    except HDF4Error as error:
        raise _broken(path, error) from None
    finally:
        sd.end()


def _broken(path: Path, error: Exception) -> GranuleError:
    return GranuleError(f"{path}: the HDF4 file is truncated or damaged ({error}); download it again")
