"""Folds of pairs for cross-validation: no overpass and no place lies on both sides.

Two pairs belong together if they are of one overpass or if their boxes of longitude and latitude overlap, and so do
those that are linked by others. Such components are dealt out whole, the largest first, each to the smallest fold.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from lstsr_jax.errors import InputError
from lstsr_jax.geo.aster.pair import Pair

Box = tuple[float, float, float, float]
"""West, south, east and north in degrees."""
_LONLAT = CRS.from_epsg(4326)


def lonlat_box(pair: Pair) -> Box:
    """West, south, east and north of a pair's MODIS patch in degrees; east below west across the 180th meridian."""
    west, south, east, north = transform_bounds(pair.grid.crs, _LONLAT, *pair.grid.bounds)
    return west, south, east, north


def components(boxes: Mapping[str, Box], overpasses: Mapping[str, str]) -> list[list[str]]:
    """Names of pairs that belong together, the largest groups first, then by their first name.

    Args:
        boxes: west, south, east and north of every pair, by name.
        overpasses: by name; pairs without are linked by place alone.
    """
    groups: list[set[str]] = []
    for name in sorted(boxes):
        linked = [g for g in groups if any(_together(boxes, overpasses, name, other) for other in g)]
        groups = [g for g in groups if g not in linked] + [{name}.union(*linked)]
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group[0]))


def deal(groups: Sequence[Sequence[str]], count: int) -> list[list[str]]:
    """Groups dealt out to ``count`` folds in turn, each to the first of the smallest; the names of each fold, in order.

    Raises:
        InputError: if there are fewer groups than folds.
    """
    if len(groups) < count:
        raise InputError(
            f"{count} folds of {sum(map(len, groups))} pairs: they are of {len(groups)} overpasses and places apart; "
            "take fewer folds"
        )
    folds: list[list[str]] = [[] for _ in range(count)]
    for group in groups:
        min(folds, key=len).extend(group)
    return [sorted(fold) for fold in folds]


def held_out(pairs: Sequence[Pair], overpasses: Mapping[str, str], fold: int, folds: int) -> list[str]:
    """Names of the pairs of fold ``fold``, from 0, of ``folds``: the same for the same pairs, in whatever order.

    Raises:
        InputError: if the pairs cannot be dealt out.
    """
    return deal(components({pair.name: lonlat_box(pair) for pair in pairs}, overpasses), folds)[fold]


def _together(boxes: Mapping[str, Box], overpasses: Mapping[str, str], a: str, b: str) -> bool:
    if a in overpasses and overpasses[a] == overpasses.get(b):
        return True
    (west, south, east, north), (left, bottom, right, top) = boxes[a], boxes[b]
    return min(north, top) > max(south, bottom) and _overlap(west, east, left, right)


def _overlap(west: float, east: float, left: float, right: float) -> bool:
    """Whether two intervals of longitude share more than an edge; either may cross the 180th meridian."""
    width, other = (east - west) % 360, (right - left) % 360
    start = np.mod(left - west, 360)  # of the other, seen from the west end of the first
    return bool(start < width or start + other > 360)
