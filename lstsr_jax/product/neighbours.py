"""What lies around a granule: the outermost pixels of the granules of neighbouring tiles that are mapped in one run.

With them a method sees across the border of a tile, and the maps of both sides join without a seam. Neighbours are of
the same product, date and overpass; their names must say so, as those of the archive do.
"""

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import LstLayer, Overpass, QualityPolicy, Scene, parse_tile, said_by
from lstsr_jax.ops.observed import PLAUSIBLE_K
from lstsr_jax.product.identity import SourceFile, sources_of
from lstsr_jax.product.region import Region, corner, crop

_REMEMBERED: Final = 32
"""Granules whose rims are kept: in the order of names most neighbours of a tile are among the last."""
_ALIGNED: Final = 0.2
"""Pixels by which a neighbour may lie beside the grid: products round the size of a pixel."""


_Place = tuple[str | None, datetime.date | None, Overpass, int, int]


class Patch(NamedTuple):
    """A part of a scene.

    Attributes:
        row: of its first pixel, counted southwards from the equator in 1 km pixels.
        column: likewise eastwards from the central meridian.
        lst: (H, W) in K, NaN where nothing is.
    """

    row: int
    column: int
    lst: NDArray[np.float32]


class Neighbour(NamedTuple):
    """A granule beside another, as it is now.

    Attributes:
        layer: its LST.
        sources: its files.
    """

    layer: LstLayer
    sources: tuple[SourceFile, ...]


class Around(NamedTuple):
    """What has been read of the neighbours of a granule.

    Attributes:
        margin: pixels of them that are seen.
        patches: their rims.
        used: the neighbours that were read.
        warnings: a line for each that could not be.
    """

    margin: int = 0
    patches: tuple[Patch, ...] = ()
    used: tuple[Neighbour, ...] = ()
    warnings: tuple[str, ...] = ()


ALONE: Final = Around()
"""Of a granule without neighbours."""


def find_neighbours(layers: Iterable[LstLayer]) -> dict[LstLayer, tuple[LstLayer, ...]]:
    """The neighbours of each of the layers among them, in the order of their tiles.

    Of several granules of one tile the one with the last name counts: the newest collection and production.
    """
    by_place: dict[_Place, LstLayer] = {}
    places: dict[LstLayer, _Place] = {}
    for layer in layers:
        said = said_by(layer.path)
        if said.tile is None:
            continue
        h, v = parse_tile(said.tile)
        places[layer] = place = (said.product, said.date, layer.overpass, h, v)
        rival = by_place.get(place)
        if rival is None or (said.granule, layer.path.name) > (said_by(rival.path).granule, rival.path.name):
            by_place[place] = layer
    found = {}
    for layer, (product, date, overpass, h, v) in places.items():
        beside = [(product, date, overpass, h + dh, v + dv) for dh in (-1, 0, 1) for dv in (-1, 0, 1) if dh or dv]
        found[layer] = tuple(by_place[place] for place in beside if place in by_place)
    return found


def as_they_are(layers: Sequence[LstLayer]) -> tuple[Neighbour, ...]:
    """Neighbours with the state of their files; one that has gone is none."""
    found = []
    for layer in layers:
        try:
            found.append(Neighbour(layer, sources_of(layer, {}, role="neighbour")))
        except InputError:
            continue
    return tuple(found)


def files_of(neighbours: Iterable[Neighbour]) -> tuple[SourceFile, ...]:
    """All files of neighbours."""
    return tuple(source for neighbour in neighbours for source in neighbour.sources)


def read_around(neighbours: Sequence[Neighbour], policy: QualityPolicy, margin: int) -> Around:
    """Read the rims of neighbours.

    Args:
        neighbours: from :func:`as_they_are`.
        policy: which observations are used.
        margin: pixels of a rim.

    Returns:
        Their rims. One that cannot be read is a warning: the granule itself is mapped without it.
    """
    patches: list[Patch] = []
    used, warnings = [], []
    for neighbour in neighbours:
        try:
            patches += _rim(neighbour, policy, margin)
            used.append(neighbour)
        except InputError as error:
            reason = str(error).splitlines()[0].removeprefix(f"{neighbour.layer.path}: ")
            warnings.append(f"{neighbour.layer.path.name}: not seen by its neighbours ({reason})")
    return Around(margin, tuple(patches), tuple(used), tuple(warnings))


class Surroundings(NamedTuple):
    """A part of a scene with what lies around it.

    Attributes:
        scene: without layers beside LST.
        inner: where the part lies in it.
        origin: row and column of its first pixel in the field that begins with the neighbour in the north and west.
    """

    scene: Scene
    inner: Region
    origin: tuple[int, int]


def surround(scene: Scene, context: Region, around: Around) -> Surroundings:
    """A part of a scene with what neighbours hold beside it.

    On a side where the part reaches the scene's edge, and a neighbour touches that, ``margin`` pixels are added. Where
    they are the neighbour's, or of one at the corner, they hold its values, elsewhere nothing.

    Args:
        scene: as read.
        context: the part.
        around: of its neighbours.

    Returns:
        The larger part.
    """
    part = crop(scene, context)
    height, width = part.lst.shape
    top, left = _origin(part)
    margin, shape = around.margin, scene.lst.shape
    north, south, west, east = (
        margin if reached and any(_overlap(patch, *rim) for patch in around.patches) else 0
        for reached, rim in (
            (context.top == 0, (top - 1, left, 1, width)),
            (context.bottom == shape[0], (top + height, left, 1, width)),
            (context.left == 0, (top, left - 1, height, 1)),
            (context.right == shape[1], (top, left + width, height, 1)),
        )
    )
    inner = Region(north, west, north + height, west + width)
    if not (north or south or west or east) or not np.isfinite(part.lst).any():
        return Surroundings(part, Region(0, 0, height, width), (0, 0))
    lst = np.full((height + north + south, width + west + east), np.nan, np.float32)
    for patch in around.patches:
        overlap = _overlap(patch, top - north, left - west, *lst.shape)
        if overlap is not None:
            there, here = overlap
            lst[there] = patch.lst[here]
    lst[inner.slices()] = part.lst
    a, b, _, d, e, _ = part.transform[:6]
    x, y = corner(part.transform, -west, -north)
    first_row, first_column = (min(place) for place in zip(*((p.row, p.column) for p in around.patches), strict=True))
    origin = top - north - first_row if north else 0, left - west - first_column if west else 0
    return Surroundings(_bare(part, lst, Affine(a, b, x, d, e, y)), inner, origin)


@functools.lru_cache(maxsize=_REMEMBERED)
def _rim(neighbour: Neighbour, policy: QualityPolicy, margin: int) -> tuple[Patch, ...]:
    scene = neighbour.layer.read(policy)
    low, high = PLAUSIBLE_K
    if ((scene.lst < low) | (scene.lst > high)).any():
        raise InputError(f"{neighbour.layer.path}: holds LST outside {low:g}..{high:g} K")
    row, column = _origin(scene)
    height, width = scene.lst.shape
    rows, columns = min(margin, height), min(margin, width)
    strips = (
        *((0, 0, rows, width), (height - rows, 0, rows, width)),
        *((0, 0, height, columns), (0, width - columns, height, columns)),
    )
    return tuple(
        Patch(row + first, column + start, scene.lst[first : first + h, start : start + w].copy())
        for first, start, h, w in strips
    )


def _origin(scene: Scene) -> tuple[int, int]:
    """Row and column of a scene's first pixel, counted from the middle of the grid."""
    row, column = scene.transform.f / scene.transform.e, scene.transform.c / scene.transform.a
    if max(abs(row - round(row)), abs(column - round(column))) > _ALIGNED:
        raise InputError(f"{scene.path}: its pixels lie between those of the grid")
    return round(row), round(column)


def _overlap(
    patch: Patch, row: int, column: int, height: int, width: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where a patch lies in a window, as indices of the window and of the patch; None if it does not."""
    top, bottom = max(row, patch.row), min(row + height, patch.row + patch.lst.shape[0])
    left, right = max(column, patch.column), min(column + width, patch.column + patch.lst.shape[1])
    if top >= bottom or left >= right:
        return None
    there, here = (
        (slice(top - first, bottom - first), slice(left - start, right - start))
        for first, start in ((row, column), (patch.row, patch.column))
    )
    return there, here


def _bare(part: Scene, lst: NDArray[np.float32], transform: Affine) -> Scene:
    """A scene of another extent, with LST alone."""
    return dataclasses.replace(part, lst=lst, transform=transform, quality=None, view_time=None, view_angle=None)
