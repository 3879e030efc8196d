"""The checksums in a GeoTIFF: GDAL does not verify the Adler-32 with which each DEFLATE block ends (RFC 1950)."""

import zlib
from pathlib import Path
from typing import Any

from rasterio.windows import Window, intersect


def check_blocks(file: Any, path: Path, window: Window) -> None:
    """Decompress the blocks of the first band once more, and verify their checksums.

    Args:
        file: the open rasterio dataset. Blocks that are absent (all nodata) or compressed in another way have none.
        path: where it can be read as bytes.
        window: only the blocks that it touches.

    Raises:
        ValueError: a block is damaged.
    """
    if file.driver != "GTiff" or str(file.profile.get("compress")).lower() != "deflate":
        return
    with path.open("rb") as raw:
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
