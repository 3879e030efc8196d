"""What runs in the child process that reads HDF for ``lstsr_jax.geo.hdf_process``: its libraries crash on some damage.

Started as a script, so that it loads nothing but numpy and pyhdf, and h5py when an HDF5 file comes (``hdf5_child``).
Messages are a length, JSON, and the raw bytes of an array. What libhdf4 does not check is checked here: that every
element of the file lies within it, and that the numbers have the checksum (Adler-32) with which each compressed stream
ends.

Source of the format: HDF4 Specification and Developer's Guide 4.2, chapters "Basic structure", "Special elements".
"""

import contextlib
import ctypes
import importlib.util
import itertools
import json
import mmap
import os
import signal
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC: Final = b"\x0e\x03\x13\x01"
MAGIC_HDF5: Final = b"\x89HDF\r\n\x1a\n"
LARGEST_BYTES: Final = 2**30
"""Of a dataset; whatever says more is damaged: a tile of 250 m has 46 MB."""
TOLD: Final = ("ShortName", "LocalGranuleID", "CoreMetadata.0", "StructMetadata.0")
"""The texts that say what a granule is and where: told when it is opened."""
_DD: Final = [("tag", ">u2"), ("ref", ">u2"), ("offset", ">i4"), ("length", ">i4")]
_NULL, _COMPRESSED, _DATA, _GROUP, _SPECIAL = 1, 40, 702, 720, 0x4000
_DESCRIBING: Final = (106, 701, _GROUP, 1962, 1965)
"""Number types, dimensions, groups: never all zeros, unless a download stopped that had reserved the whole length."""
_CODE_ELSEWHERE, _CODE_COMPRESSED, _CODE_CHUNKED, _CODER_DEFLATE = 2, 3, 5, 4


class DamageError(Exception):
    """The file is not as HDF4 files are."""


class Elements:
    """Where the elements of a file lie: its data descriptors, all checked to lie within the file."""

    def __init__(self, path: str) -> None:
        """Read the chain of descriptor blocks.

        Raises:
            DamageError: if the chain is broken or an element ends beyond the end of the file.
        """
        import numpy as np

        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size, place, blocks, seen = len(self.bytes), len(MAGIC), [], set()
        while place:
            if place in seen or place + 6 > size:
                raise DamageError("its directory leads nowhere")
            seen.add(place)
            count, following = struct.unpack_from(">Hi", self.bytes, place)
            if count < 1 or place + 6 + 12 * count > size or following < 0:
                raise DamageError("its directory is cut")
            blocks.append(np.frombuffer(self.bytes[place + 6 : place + 6 + 12 * count], _DD))
            place = following
        found = np.concatenate(blocks)
        used = found[(found["tag"] != _NULL) & ~((found["offset"] == -1) & (found["length"] == -1))]
        ends = used["offset"].astype(np.int64) + used["length"]
        if (used["offset"] < 0).any() or (used["length"] < 0).any() or (ends > size).any():
            raise DamageError("parts of it are beyond its end")
        self._found = used
        for entry in used[np.isin(used["tag"], _DESCRIBING)]:
            if entry["length"] and not self._bytes_of(entry).strip(b"\x00"):
                raise DamageError("parts of it are zeros")

        for entry in used[(used["tag"] & _SPECIAL).astype(bool)]:
            if self._bytes_of(entry)[:2] == struct.pack(">H", _CODE_ELSEWHERE):
                raise DamageError("its numbers are in another file, which is not read")

    def close(self) -> None:
        """Let go of the file."""
        self.bytes.close()

    def content(self, tag: int, ref: int) -> bytes | None:
        """The bytes of one element, or None if there is none."""
        (places,) = ((self._found["tag"] == tag) & (self._found["ref"] == ref)).nonzero()
        return self._bytes_of(self._found[places[-1]]) if places.size else None

    def _bytes_of(self, entry: Any) -> bytes:
        return self.bytes[entry["offset"] : entry["offset"] + entry["length"]]

    def header(self, group: int) -> bytes:
        """How the data of the dataset with this reference are stored; empty where they are as they are."""
        members = self.content(_GROUP, group) or b""
        for tag, ref in struct.iter_unpack(">HH", members[: len(members) // 4 * 4]):
            if tag == _DATA:
                return self.content(_DATA | _SPECIAL, ref) or b""
        return b""

    def streams(self) -> Iterator[bytes]:
        """All compressed streams."""
        return map(self._bytes_of, self._found[self._found["tag"] == _COMPRESSED])

    def sums(self) -> set[bytes]:
        """The last four bytes of all compressed streams."""
        compressed = self._found[self._found["tag"] == _COMPRESSED]
        return {self.bytes[end - 4 : end] for end in (compressed["offset"] + compressed["length"]).tolist()}

    @property
    def in_pieces(self) -> bool:
        """Whether a compressed stream is itself stored in pieces, which are not followed here."""
        return bool((self._found["tag"] == (_COMPRESSED | _SPECIAL)).any())


def check_sums(elements: Elements, group: int, values: "NDArray[Any]") -> None:
    """Compare the numbers that libhdf4 gave with the checksums of the compressed streams they came from.

    Args:
        elements: of the file.
        group: reference of the dataset.
        values: as read. What is not compressed by deflate, or in another way than known here, has no checksum.

    Raises:
        DamageError: if they differ.
    """
    header = elements.header(group)
    code = struct.unpack_from(">H", header)[0] if len(header) >= 2 else 0
    if code == _CODE_COMPRESSED and len(header) >= 14:
        ref, _model, coder = struct.unpack_from(">HHH", header, 8)
        stream = elements.content(_COMPRESSED, ref)
        if coder == _CODER_DEFLATE and stream is not None and not _any_order(values, {stream[-4:]}):
            # A stream written over a longer one ends before its element does.
            if not _any_order(values, {_sum_of(stream)}):
                raise DamageError("its numbers do not have the checksum stored with them")
    elif code == _CODE_CHUNKED and not elements.in_pieces:
        chunk = _chunk_shape(header, values.ndim)
        if chunk is None or any(size % side for size, side in zip(values.shape, chunk, strict=True)):
            return  # a chunk that juts out is filled up with what is not known here
        known = elements.sums()
        for corner in itertools.product(*(range(0, *pair) for pair in zip(values.shape, chunk, strict=True))):
            block = values[tuple(slice(start, start + side) for start, side in zip(corner, chunk, strict=True))]
            if not _any_order(block, known) and (block != block.flat[0]).any():  # never written: all fill
                known |= {_sum_of(stream) for stream in elements.streams()}
                if not _any_order(block, known):
                    raise DamageError("its numbers do not have the checksums stored with them")


def _any_order(values: "NDArray[Any]", sums: set[bytes]) -> bool:
    """Whether the bytes of ``values``, big-endian (as a rule) or little-endian, have one of the checksums."""
    return any(
        zlib.adler32(values.astype(values.dtype.newbyteorder(order), order="C").data).to_bytes(4, "big") in sums
        for order in (">", "<")
    )


def _sum_of(stream: bytes) -> bytes:
    """The checksum of what is in a stream; empty if it is broken."""
    try:
        return zlib.adler32(zlib.decompressobj().decompress(stream, LARGEST_BYTES)).to_bytes(4, "big")
    except zlib.error:
        return b""


def _chunk_shape(header: bytes, ndim: int) -> tuple[int, ...] | None:
    """The shape of a chunk, from the header of a dataset stored in chunks."""
    start = 2 + 4 + 1 + 4 + 4 + 4 + 4 + 2 + 2 + 2 + 2  # up to the number of dimensions
    if len(header) < start + 4 + 12 * ndim or struct.unpack_from(">i", header, start)[0] != ndim:
        return None
    sides = tuple(struct.unpack_from(">iii", header, start + 4 + 12 * axis)[2] for axis in range(ndim))
    return sides if all(side > 0 for side in sides) else None


class HdfFile:
    """An open HDF4 file; whatever goes wrong in it is a ``DamageError``."""

    def __init__(self, path: str) -> None:
        """Open it; pyhdf takes names in UTF-8 only, so another name is reached through a link."""
        from pyhdf.SD import SD, SDC

        self.elements = Elements(path)
        with contextlib.ExitStack() as stack:
            try:
                path.encode()
            except UnicodeEncodeError:
                link = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="lstsr-")), "link.hdf")
                os.symlink(os.fsencode(path), link)
                path = link
            self._sd = SD(path, SDC.READ)
        self.names: list[str] = list(self._sd.datasets())
        self.texts = [self._sd.attr(index).info()[0] for index in range(self._sd.info()[1])]

    def close(self) -> None:
        """Close it."""
        self._sd.end()
        self.elements.close()

    def text(self, name: str) -> Any:
        """An attribute of the file; of a text without the zeros that fill it up.

        Texts have tens of thousands of characters, which pyhdf takes one by one: they are copied as a whole here.
        """
        from pyhdf import hdfext
        from pyhdf.SD import SDC

        index = self.texts.index(name)
        attribute = self._sd.attr(index)
        _, kind, length = attribute.info()
        if kind != SDC.CHAR8:
            return attribute.get()
        buffer = hdfext.array_byte(length)
        if hdfext.SDreadattr(self._sd._id, index, buffer) < 0:
            raise DamageError(f"{name} cannot be read")
        return ctypes.string_at(int(buffer.cast()), length).decode("latin-1").rstrip("\x00")

    def read(self, name: str) -> tuple[dict[str, Any], "NDArray[Any]"]:
        """The attributes and the numbers of a dataset."""
        import numpy as np

        sds = self._sd.select(name)
        try:
            _, _, sides, _, _ = sds.info()
            sides = sides if isinstance(sides, list) else [sides]
            if any(side < 0 for side in sides) or np.prod(sides, dtype=float) * 8 > LARGEST_BYTES:
                raise DamageError(f"{name} has shape {tuple(sides)}")
            attributes, values = dict(sds.attributes()), np.ascontiguousarray(sds[:])
            check_sums(self.elements, sds.ref(), values)
        finally:
            sds.endaccess()
        return {"attributes": attributes}, values


def open_file(path: str) -> Any:
    """Open an HDF4 or HDF5 file, whichever it is by its first bytes."""
    head = b""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        head = file.read(len(MAGIC_HDF5))
    if head != MAGIC_HDF5:
        return HdfFile(path)
    if "hdf5_child" not in sys.modules:  # beside this script, which is no package's
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hdf5_child.py")
        spec = importlib.util.spec_from_file_location("hdf5_child", place)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["hdf5_child"] = module
    return sys.modules["hdf5_child"].Hdf5File(path)


def receive(fd: int, count: int) -> bytes:
    """Exactly ``count`` bytes, or fewer at the end."""
    parts = []
    while count and (part := os.read(fd, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def send(fd: int, message: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """One message: a length, JSON, and the bytes that follow it."""
    text = json.dumps(message).encode()
    for part in (struct.pack(">I", len(text)) + text, body):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(fd, rest) :]


def message_of(fd: int) -> dict[str, Any] | None:
    """The next message without its bytes, or None at the end."""
    head = receive(fd, 4)
    if len(head) < 4:
        return None
    length = struct.unpack(">I", head)[0]
    text = receive(fd, length)
    return json.loads(text) if len(text) == length else None


def answer(files: dict[int, Any], request: dict[str, Any]) -> tuple[dict[str, Any], "NDArray[Any] | None"]:
    """Do what is asked of a file, opening it first if need be.

    Args:
        files: those open, by the parent's number.
        request: ``file``, ``path``, ``ask`` (open, text, describe, read, close), ``name`` and perhaps ``index``.

    Returns:
        The answer, and the array that belongs to it.
    """
    key, ask = request["file"], request["ask"]
    if ask == "close":
        if key in files:
            files.pop(key).close()
        return {}, None
    if key not in files:
        files[key] = open_file(request["path"])
    file = files[key]
    if ask == "open":
        told = {name: file.text(name) for name in TOLD if name in file.texts}
        return {"names": file.names, "texts": file.texts, "told": told}, None
    if ask == "text":
        return {"text": file.text(request["name"])}, None
    if ask == "describe":
        return file.describe(request["name"]), None
    index = request.get("index")
    told, values = file.read(request["name"]) if index is None else file.read(request["name"], index)
    return told if values is None else {**told, "dtype": values.dtype.str, "shape": values.shape}, values


def serve(requests: int, answers: int) -> None:
    """Answer until the parent closes its end, or until a file is damaged: what libhdf4 then holds is not trusted."""
    files: dict[int, Any] = {}
    while (request := message_of(requests)) is not None:
        if hasattr(signal, "setitimer"):  # should the parent be killed while libhdf4 is in an endless loop
            signal.setitimer(signal.ITIMER_REAL, request["seconds"] + 5)
        try:
            message, values = answer(files, request)
        except Exception as error:  # reported to the parent, which starts another process
            text = (str(error).splitlines() or [""])[0] or type(error).__name__
            kind = "fault" if isinstance(error, OSError | MemoryError) else "damage"
            kind = "missing" if isinstance(error, ImportError) else kind
            send(answers, {kind: text[:200]})
            return
        send(answers, message, values.data.cast("B") if values is not None and values.size else b"")
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Take the parent's module search path, load pyhdf, and serve."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # nothing that a library prints gets among the answers
        os.dup2(nothing, standard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if sys.platform != "win32":
        import fcntl
        import resource

        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # more than this user may have: arrays then go in smaller pieces
                fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, 2**20)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hello = message_of(requests)
    if hello is None:
        return
    sys.path[:] = hello["sys_path"]
    try:
        import numpy  # noqa: F401
        import pyhdf.SD  # noqa: F401
    except ImportError as error:
        send(answers, {"missing": str(error)})
        return
    send(answers, {"ready": os.getpid()})
    with contextlib.suppress(BrokenPipeError):  # the parent was killed
        serve(requests, answers)


if __name__ == "__main__":
    main()
