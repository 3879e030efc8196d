"""Reading HDF-EOS grids, HDF4 and HDF5: datasets, their attributes, the grid, the granule's name.

The libraries run in a process of their own, see ``lstsr_jax.geo.hdf_process``.
rasterio's wheels have no HDF4 driver and do not place HDF5-EOS5, so the transform comes from StructMetadata.0, the text
on the grid.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.geo.chunks import ChunkError, read_chunks
from lstsr_jax.geo.content import require_file
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import EARTH_RADIUS_M, TILE_WIDTH_M, tile_bounds, tile_transform
from lstsr_jax.geo.hdf_child import MAGIC, MAGIC_HDF5
from lstsr_jax.geo.hdf_process import PROCESS
from lstsr_jax.geo.names import NAME_FORM, GranuleName, UnknownNameError, parse_name
from lstsr_jax.geo.place import PIXEL_TOLERANCE
from lstsr_jax.geo.products import LST_EXPECTED, NDVI_PRODUCTS, PRODUCTS, describe_product

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


class _Texts(Mapping[str, Any]):
    """The attributes of a file, such as StructMetadata.0, each read when it is asked for: they are long."""

    def __init__(self, path: Path, key: int, names: list[str], known: dict[str, Any]) -> None:
        """Know their names, and what some say."""
        self._path, self._key, self._names, self._known = path, key, names, known

    def __getitem__(self, name: str) -> Any:
        """Read one, once."""
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = PROCESS.ask(self._path, self._key, "text", name)[0]["text"]
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is one of that name."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many."""
        return len(self._names)


class HdfGranule:
    """An open HDF-EOS file; get one from ``open_hdf``."""

    def __init__(self, path: Path, key: int) -> None:
        """Open the file and read the names of what is in it."""
        self.path = path
        self._key = key
        with path.open("rb") as file:
            self._is_hdf5 = file.read(len(MAGIC_HDF5)) == MAGIC_HDF5
        found, _ = PROCESS.ask(path, key, "open")
        self.names: tuple[str, ...] = tuple(found["names"])
        self.texts: Mapping[str, Any] = _Texts(path, key, found["texts"], found["told"])

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
        values, attributes = self.array(name)
        if values.ndim != 2:
            raise GranuleError(f"{self.path}: {name} has shape {values.shape}, not (H, W); download it again")
        return Dataset(values, attributes)

    def array(self, name: str, index: int | None = None) -> tuple[NDArray[Any], dict[str, Any]]:
        """Numbers of any shape with their attributes, such as a coordinate's.

        Args:
            name: of the dataset.
            index: of one entry along the first axis, HDF5 only.
        """
        found, values = PROCESS.ask(self.path, self._key, "read", name, index)
        if "layout" in found:
            try:
                values = read_chunks(self.path, found["layout"])
            except ChunkError as error:
                raise GranuleError(f"{self.path}: truncated or damaged ({name}: {error}); download it again") from None
            except OSError as error:
                raise GranuleError(f"{self.path}: cannot be read ({error.strerror}); check the disk") from None
        assert values is not None
        return values, found["attributes"]

    def describe(self, name: str) -> dict[str, Any]:
        """Attributes ("attributes"), shape ("sides") and names of the axes ("dims") of a dataset, HDF5 only."""
        return PROCESS.ask(self.path, self._key, "describe", name)[0]

    @property
    def is_grid(self) -> bool:
        """Whether it holds a grid of HDF-EOS, or is HDF4: other HDF5 files are netCDF."""
        return "StructMetadata.0" in self.texts or not self._is_hdf5

    def name(self) -> GranuleName:
        """The granule's name: the file's, or the one recorded inside a file that was renamed.

        Raises:
            GranuleError: neither is a granule's name, or the content is of another product, date or tile than the
                file's name says.
        """
        product, inside = self.recorded("ShortName"), self._recorded_name()
        try:
            name = parse_name(self.path)
        except UnknownNameError:
            if product is not None and product not in {*PRODUCTS, *NDVI_PRODUCTS}:
                what = describe_product(product)
                raise GranuleError(f"{self.path}: holds {what}, which is not read here; {LST_EXPECTED}") from None
            if inside is None:
                raise UnknownNameError(
                    f"{self.path}: neither its content (LocalGranuleID) nor its name ({NAME_FORM}) says which granule "
                    "it is; download it again"
                ) from None
            return inside
        if product is not None and product != name.product:
            what = describe_product(product)
            raise GranuleError(f"{self.path}: named {name.product} but holds {what}; give a granule of {name.product}")
        if inside is not None and (inside.date, inside.tile) != (name.date, name.tile):
            raise GranuleError(f"{self.path}: named {name.granule} but holds {inside.granule}; give it that name back")
        return name

    def recorded(self, key: str) -> str | None:
        """An entry of the granule's own metadata: an attribute of the file, or in HDF4 of the text CoreMetadata.0."""
        if key in self.texts:
            return str(self.texts[key])
        text = str(self.texts.get("CoreMetadata.0", ""))
        found = re.search(rf'OBJECT\s*=\s*{key.upper()}\b.*?VALUE\s*=\s*"([^"]+)"', text, re.DOTALL)
        return found[1] if found else None

    def _recorded_name(self) -> GranuleName | None:
        recorded = self.recorded("LocalGranuleID")
        if recorded is None:
            return None
        try:
            return parse_name(recorded)
        except GranuleError:  # near-real-time granules record another form
            return None

    def transform(self, shape: tuple[int, int], tile: str, pixels: int) -> Affine:
        """Transform of a grid of ``shape``, checked against the tile it claims to be.

        Without StructMetadata.0 the array is taken to be the whole tile.

        Args:
            shape: (H, W) of the dataset.
            tile: such as "h18v04".
            pixels: along the side of the whole tile: 1200 for "1 km".

        Returns:
            (column, row) to sinusoidal metres.

        Raises:
            GranuleError: the grid is not sinusoidal, of other pixels, or does not lie where the tile lies.
        """
        text = str(self.texts.get("StructMetadata.0", ""))
        upper = re.search(rf"UpperLeftPointMtrs=\({_NUMBER},{_NUMBER}\)", text)
        lower = re.search(rf"LowerRightMtrs=\({_NUMBER},{_NUMBER}\)", text)
        if upper is None or lower is None:
            if shape != (pixels, pixels):
                raise GranuleError(
                    f"{self.path}: {shape} pixels and no StructMetadata.0 that places them; fetch it again"
                )
            return tile_transform(tile, size=pixels)
        left, top, right, bottom = (float(number) for number in upper.groups() + lower.groups())
        radius = re.search(rf"ProjParams=\({_NUMBER},", text)
        projection = re.search(r"\bProjection=(\w+)", text)
        sinusoidal = projection is not None and projection[1] in ("GCTP_SNSOID", "HE5_GCTP_SNSOID")
        if not sinusoidal or radius is None or abs(float(radius[1]) - EARTH_RADIUS_M) > 0.01:
            raise GranuleError(f"{self.path}: its grid is not the MODIS sinusoidal one; give a tiled product")
        origin = re.search(r"GridOrigin=(\w+)", text)
        if origin is not None and origin[1].removeprefix("HE5_") != "HDFE_GD_UL":
            raise GranuleError(f"{self.path}: its grid starts at {origin[1]}, not the upper left; fetch it again")
        x0, y0, x1, y1 = tile_bounds(tile)
        if left < x0 - 1 or right > x1 + 1 or bottom < y0 - 1 or top > y1 + 1:
            raise GranuleError(f"{self.path}: its grid is not in tile {tile} of its name; give it its own name back")
        if abs(left - x0) < 1:  # StructMetadata rounds to a millimetre
            left = x0
        if abs(top - y1) < 1:
            top = y1
        exact = TILE_WIDTH_M / max(1, round(TILE_WIDTH_M * shape[1] / (right - left)))
        if abs(exact * shape[1] - (right - left)) > 1 or abs(exact * shape[0] - (top - bottom)) > 1:
            raise GranuleError(f"{self.path}: {shape} pixels do not fill its grid; download it again")
        if abs(exact * pixels / TILE_WIDTH_M - 1) > PIXEL_TOLERANCE:
            wanted = TILE_WIDTH_M / pixels
            raise GranuleError(f"{self.path}: its pixels are {exact:.2f} m, not {wanted:.2f} m; {LST_EXPECTED}")
        return Affine(exact, 0.0, left, 0.0, -exact, top)


@contextlib.contextmanager
def open_hdf(path: Path) -> Iterator[HdfGranule]:
    """Open an HDF file for reading and close it afterwards.

    Args:
        path: the file.

    Yields:
        The open granule.

    Raises:
        GranuleError: missing, neither HDF4 nor HDF5 by its first bytes, or cut short.
    """
    kind = "an HDF4 file" if path.suffix.lower() == ".hdf" else "an HDF5 file"
    require_file(path, kind, (MAGIC, MAGIC_HDF5))
    key = PROCESS.new_key()
    try:
        yield HdfGranule(path, key)
    finally:
        PROCESS.ask(path, key, "close")
