"""Names of the tiles of the MODIS sinusoidal grid, 36 x 18; text only, for those who need no coordinates."""

import re

_TILE = re.compile(r"h(?P<h>\d{2})v(?P<v>\d{2})", re.ASCII)


def parse_tile(tile: str) -> tuple[int, int]:
    """Column and row of a tile name.

    Args:
        tile: such as "h18v04".

    Returns:
        (h, v): h counts 0..35 from the west, v 0..17 from the north.

    Raises:
        ValueError: not a name of this form, or outside the grid.
    """
    match = _TILE.fullmatch(tile)
    if match is None:
        raise ValueError(f"{tile!r} is not a MODIS tile; write it like 'h18v04'")
    h, v = int(match["h"]), int(match["v"])
    if h > 35 or v > 17:
        raise ValueError(f"tile {tile!r} is outside the MODIS grid; h runs from 00 to 35 and v from 00 to 17")
    return h, v


def tile_name(h: int, v: int) -> str:
    """Name of the tile in column ``h`` and row ``v``; the inverse of ``parse_tile``, with the same error."""
    name = f"h{h:02d}v{v:02d}"
    parse_tile(name)
    return name
