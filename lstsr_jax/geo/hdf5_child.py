"""Reading HDF5 in the child process of ``lstsr_jax.geo.hdf_process``, beside ``hdf_child`` for HDF4.

HDF5-EOS5 grids are seen as HDF4-EOS ones are: their data fields by plain names, StructMetadata.0 among the texts.
netCDF-4 files are HDF5 too. Every compressed chunk ends with a checksum that is compared while it is unpacked, by zlib
here or by ``lstsr_jax.geo.chunks``. The index of the chunks has none: a chunk that it no longer finds would read as
fill, so what it lists and what it finds are compared.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_BYTES: Final = 2**30
_STRUCTURE: Final = "StructMetadata.0"
_FIELDS: Final = "/Data Fields/"
_INTERNAL: Final = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME")


class DamageError(Exception):
    """The file is not as HDF5 files are."""


class Hdf5File:
    """An open HDF5 file."""

    def __init__(self, path: str) -> None:
        """Open it and find the datasets.

        Raises:
            DamageError: it is damaged, in the words of the library.
        """
        with _told():
            self._open(path)

    def _open(self, path: str) -> None:
        self._file = h5py.File(path, "r")
        self._places: dict[str, str] = {}
        self._texts: dict[str, str | None] = dict.fromkeys(self._file.attrs)  # None: an attribute, else a dataset
        h5py.h5o.visit(self._file.id, self._note, info=True)
        self.names = list(self._places)
        self.texts = list(self._texts)

    def _note(self, name: bytes, found: Any) -> None:
        if found.type != h5py.h5o.TYPE_DATASET:
            return
        place = name.decode("utf-8", "surrogateescape")
        if place.rpartition("/")[2] == _STRUCTURE:
            self._texts[_STRUCTURE] = place
        else:
            self._places.setdefault(place.rpartition("/")[2] if _FIELDS in f"/{place}" else place, place)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def text(self, name: str) -> Any:
        """An attribute of the file, or the text on its grids."""
        place = self._texts[name]
        with _told():
            return _plain(self._file.attrs[name] if place is None else self._file[place][()])

    def describe(self, name: str) -> dict[str, Any]:
        """Attributes, shape and the names of the dimensions of a dataset, without its numbers."""
        with _told():
            found = self._file[self._places[name]]
            dims = [scales[0].name.lstrip("/") if len(scales) else "" for scales in found.dims]
            return {"attributes": _attributes(found), "sides": list(found.shape), "dims": dims}

    def read(self, name: str, index: int | None = None) -> tuple[dict[str, Any], "NDArray[Any] | None"]:
        """The attributes and the numbers of a dataset; with ``index`` of that entry along the first axis.

        Where all chunks are packed by deflate alone, ``layout`` says where they lie in place of the numbers: see
        ``lstsr_jax.geo.chunks.read_chunks``.
        """
        with _told():
            return self._read(name, index)

    def _read(self, name: str, index: int | None) -> tuple[dict[str, Any], "NDArray[Any] | None"]:
        found = self._file[self._places[name]]
        shape = found.shape if index is None else found.shape[1:]
        if np.prod(shape, dtype=float) * found.dtype.itemsize > LARGEST_BYTES:
            raise DamageError(f"{name} has shape {tuple(found.shape)}")
        if found.external or found.is_virtual:
            raise DamageError(f"{name} is in another file, which is not read")
        if found.chunks is not None and math.prod(found.chunks) * found.dtype.itemsize > LARGEST_BYTES:
            raise DamageError(f"{name} has chunks of {found.chunks}")
        if found.dtype.kind not in "iuf":
            raise DamageError(f"{name} holds no numbers but {found.dtype}")
        told = {"attributes": _attributes(found)}
        chunks = _chunks(found, name)
        if index is None and not self._file.userblock_size and (layout := _layout(found, name, chunks)) is not None:
            return {**told, "layout": layout}, None
        _require_found(found, name, chunks, index)
        return told, np.ascontiguousarray(found[()] if index is None else found[index])


def _chunks(found: h5py.Dataset, name: str) -> list[Any]:
    """The chunks that the index of a dataset lists; none of one that is stored in one piece.

    Raises:
        DamageError: one is listed twice, lies between the places of chunks, or has no bytes.
    """
    chunks: list[Any] = []
    if found.chunks is None:
        return chunks
    found.id.chunk_iter(chunks.append)
    steps = list(zip(found.shape, found.chunks, strict=True))
    odd = any(
        at % step or at >= side for chunk in chunks for at, (side, step) in zip(chunk.chunk_offset, steps, strict=True)
    )
    if odd or len({chunk.chunk_offset for chunk in chunks}) < len(chunks) or not all(chunk.size for chunk in chunks):
        raise DamageError(f"HDF5: the index of the chunks of {name} is none")
    return chunks


def _require_found(found: h5py.Dataset, name: str, chunks: list[Any], index: int | None) -> None:
    """Refuse a dataset whose index lists chunks, of the entry ``index`` along the first axis, that it does not find."""
    for chunk in chunks:
        if index is not None and not 0 <= index - chunk.chunk_offset[0] < found.chunks[0]:
            continue
        mask, content = found.id.read_direct_chunk(chunk.chunk_offset)
        if (mask, len(content)) != (chunk.filter_mask, chunk.size):
            raise DamageError(f"HDF5: the index of the chunks of {name} is none")


def _layout(found: h5py.Dataset, name: str, chunks: list[Any]) -> dict[str, Any] | None:
    """Where the chunks of a dataset lie, if all are there and packed by deflate alone."""
    filters, sides, step = found.id.get_create_plist(), found.shape, found.chunks
    if step is None or filters.get_nfilters() != 1 or filters.get_filter(0)[0] != h5py.h5z.FILTER_DEFLATE:
        return None
    size = math.prod(step) * found.dtype.itemsize
    if size > LARGEST_BYTES or not found.id.get_type().equal(h5py.h5t.py_create(found.dtype)):
        return None
    if len(chunks) != math.prod(-(-side // along) for side, along in zip(sides, step, strict=True)):
        return None
    if any(chunk.filter_mask for chunk in chunks):
        return None
    if max((chunk.size for chunk in chunks), default=0) > 2 * size + 64:
        raise DamageError(f"HDF5: a chunk of {name} is larger than what it holds")
    if max((chunk.byte_offset + chunk.size for chunk in chunks), default=0) > found.file.id.get_filesize():
        raise DamageError(f"HDF5: a chunk of {name} is beyond the end of the file")
    places = [(chunk.chunk_offset, chunk.byte_offset, chunk.size) for chunk in chunks]
    return {"shape": sides, "dtype": found.dtype.str, "step": step, "chunks": places}


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell damage, which h5py reports as an OSError without number, from a failing disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None or "errno = " in str(error):
            raise
        raise DamageError(f"HDF5: {error}") from None
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamageError(f"HDF5: {error}") from None


def _attributes(found: h5py.Dataset) -> dict[str, Any]:
    return {key: _plain(found.attrs[key]) for key in found.attrs if key not in _INTERNAL}


def _plain(value: Any) -> Any:
    """An attribute as Python numbers and text: arrays of one element as that element."""
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, np.ndarray):
        values = [_plain(entry) for entry in value.ravel().tolist()]
        return values[0] if len(values) == 1 else values
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\x00")
    return value.item() if isinstance(value, np.generic) else value if isinstance(value, str | int | float) else ""
