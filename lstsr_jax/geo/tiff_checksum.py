"""What GDAL does not verify in a GeoTIFF: the checksums of its blocks, and that a block it takes for absent is.

Each DEFLATE block ends with an Adler-32 (RFC 1950). A block is absent, and reads as nodata, where its offset and its
size are both 0; GDAL takes it for absent where its size is.
"""

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from rasterio.windows import Window, intersect

_PLACES = {324: "offsets", 273: "offsets", 325: "sizes", 279: "sizes"}
"""Tags of tiles and of strips (TIFF 6.0, sections 15 and 3)."""
_NUMBERS = {3: "H", 4: "L", 16: "Q"}
_MOST_BLOCKS = 1 << 24


def check_blocks(file: Any, path: Path, window: Window) -> None:
    """Verify the blocks of the first band: decompress them once more where they have checksums.

    Args:
        file: the open rasterio dataset. Blocks compressed in another way than by DEFLATE have no checksum.
        path: where it can be read as bytes.
        window: only the blocks that it touches.

    Raises:
        ValueError: a block is damaged.
    """
    if file.driver != "GTiff":
        return
    with path.open("rb") as raw:
        _check_absence(raw, int(file.get_tag_item("IFD_OFFSET", "TIFF", bidx=1) or 0))
        if str(file.profile.get("compress")).lower() != "deflate":
            return
        for (row, column), block in file.block_windows(1):
            if not intersect(block, window):
                continue
            place, size = (
                int(file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1) or 0)
                for what in ("OFFSET", "SIZE")
            )
            if not size:
                continue
            raw.seek(place)
            stream = zlib.decompressobj()
            try:
                stream.decompress(raw.read(size))
            except zlib.error as error:
                raise ValueError(f"block {row}, {column} is damaged: {error}") from None
            if not stream.eof:
                raise ValueError(f"block {row}, {column} is cut short")


def _check_absence(raw: BinaryIO, directory: int) -> None:
    """Every block of an image has both an offset and a size, or neither.

    Args:
        raw: the file.
        directory: where that of the image begins; 0 if that is not known.
    """
    head = raw.read(4)
    order, big = "<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+")
    count_form, entry_form = ("Q", "HHQ8s") if big else ("H", "HHL4s")
    if not directory:
        return
    raw.seek(directory)
    try:
        (count,) = struct.unpack(order + count_form, raw.read(struct.calcsize(order + count_form)))
        entries = raw.read(struct.calcsize(order + entry_form) * min(count, 1 << 12))
        found: dict[str, tuple[int, ...]] = {}
        for tag, kind, number, value in struct.iter_unpack(order + entry_form, entries):
            if tag in _PLACES and kind in _NUMBERS and number <= _MOST_BLOCKS:
                form = f"{order}{number}{_NUMBERS[kind]}"
                size = struct.calcsize(form)
                if size > len(value):
                    raw.seek(struct.unpack(order + ("Q" if big else "L"), value)[0])
                    value = raw.read(size)
                found[_PLACES[tag]] = struct.unpack(form, value[:size])
    except (struct.error, OverflowError):
        raise ValueError("its directory is cut short") from None
    offsets, sizes = found.get("offsets"), found.get("sizes")
    if offsets is None or sizes is None or len(offsets) != len(sizes):
        raise ValueError("its directory does not say where its blocks are")
    if any(bool(offset) != bool(size) for offset, size in zip(offsets, sizes, strict=True)):
        raise ValueError("a block has a size but no place, or a place but no size")
