"""Which LST layers a folder or a file holds, and what was left aside."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said, said_by, silent
from lstsr_jax.geo.granule import held_scenes
from lstsr_jax.geo.grid import TILE_PIXELS
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.layer import LstLayer
from lstsr_jax.geo.manifest import BOOKKEEPING
from lstsr_jax.geo.names import (
    HDF_SUFFIXES,
    NETCDF_SUFFIXES,
    TIFF_SUFFIXES,
    UnknownNameError,
    lst_overpasses,
)
from lstsr_jax.geo.products import LST_EXPECTED, PRODUCTS, Overpass
from lstsr_jax.geo.walk import Skipped, walk

_Key = tuple[str, str, str, Overpass]
_Rank = tuple[str, str, bool, bool]

_UNFINISHED: Final = re.compile(
    r"\.(part(ial)?|te?mp|crdownload|download|filepart|aria2|incomplete|opdownload)$|~$", re.I
)
_PACKED: Final = re.compile(r"\.(gz|tgz|zip|bz2|tar|7z|xz|zst|rar)$", re.I)
_BESIDE: Final = (
    ".xml",
    ".msk",
    ".ovr",
    ".json",
    ".txt",
    ".csv",
    ".md5",
    ".tfw",
    ".met",
    ".jpg",
    ".jpeg",
    ".png",
    ".cmr",
)
_LST_LIKE: Final = re.compile(r"LST|M[OY]D(11|21)|V(NP|J1|J2)21|^ECO", re.I)
_EXAMPLES: Final = 4


class Listing(NamedTuple):
    """What ``find_granules`` found: layers by date, tile and overpass; other files by path."""

    layers: list[LstLayer]
    skipped: list[Skipped]


def find_granules(
    source: str | Path,
    recursive: bool = True,
    *,
    overpass: Overpass | None = None,
    date: datetime.date | None = None,
    product: str | None = None,
) -> Listing:
    """List the LST layers of a folder, or of a file, by their names; of a folder only netCDFs are opened.

    A MOD11 granule gives day and night. Each overpass of a product, date and tile is listed once: the newest
    collection and production wins, then a granule over GeoTIFF, as it always carries the quality layer, then a file
    that is not marked as a copy. Quality layers beside their LST are used by ``read_lst`` and appear in neither list.
    Links to files and folders are followed, each folder once.

    Args:
        source: a folder, or one file. A single granule may have any name: it knows its own.
        recursive: look in the folder's folders too.
        overpass: of GeoTIFFs whose names do not say it.
        date: likewise.
        product: of GeoTIFFs and netCDFs that do not say it.

    Returns:
        The layers, sorted, and the files left aside with the reason. Of a single file: its layers, or the file itself
        as left aside if it is another layer of an LST granule, such as quality.

    Raises:
        GranuleError: no such file or folder, or a single file that is no LST.
    """
    source = Path(source)
    told = Said("", product, date, overpass)
    if source.is_dir():
        return _of_folder(source, recursive, told)
    if not source.exists():
        kind = "a link to nothing; fetch what it links to" if source.is_symlink() else "no such file or directory"
        raise GranuleError(f"{source}: {kind}" + ("" if source.is_symlink() else "; check the path"))
    return _of_file(source, told)


def describe_skipped(skipped: Iterable[Skipped]) -> list[str]:
    """What was left aside, in lines: one for each file that looks like LST or cannot be reached, one for the rest.

    Args:
        skipped: from ``find_granules``.

    Returns:
        The lines, without line ends.
    """
    named: dict[Path, list[str]] = {}
    others: set[Path] = set()
    for path, reason in skipped:
        if _is_notable(path):
            named.setdefault(path, []).append(reason)
        else:
            others.add(path)
    lines = [f"skipped: {path}: {'; '.join(dict.fromkeys(reasons))}" for path, reasons in sorted(named.items())]
    if others:
        kinds = Counter(path.suffix.lower() or path.name for path in sorted(others)).most_common()
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds[:_EXAMPLES])
        more = ", ..." if len(kinds) > _EXAMPLES else ""
        lines.append(f"skipped: {len(others)} other file{'s' if len(others) > 1 else ''} ({listed}{more})")
    return lines


def _of_file(path: Path, told: Said) -> Listing:
    suffix = path.suffix.lower()
    if suffix in NETCDF_SUFFIXES:
        return Listing(_of_netcdf(path, told), [])
    try:
        name, overpasses = lst_overpasses(path)
    except UnknownNameError as error:
        if suffix in HDF_SUFFIXES:
            return Listing([LstLayer(path, overpass, date) for date, overpass in held_scenes(path) if overpass], [])
        if suffix not in TIFF_SUFFIXES:
            raise unknown_file(path, str(error), LST_EXPECTED) from None
        said = said_by(path).with_user(path, told.product, told.date, told.overpass)
        if said.layer is not None and said.pixels != TILE_PIXELS and said.product in PRODUCTS:
            return Listing([], [Skipped(path, _other_layer(said.layer))])
        if said.missing or said.product not in PRODUCTS:
            raise unknown_file(path, silent(path, said) if said.missing else str(error), LST_EXPECTED) from None
        return Listing([_free_layer(path, said, told)], [])
    except GranuleError as error:
        raise GranuleError(f"{path}: {str(error).removeprefix(f'{path.name}: ')}") from None
    if not overpasses:
        return Listing([], [Skipped(path, _other_layer(name.layer))])
    return Listing([LstLayer(path, overpass) for overpass in overpasses], [])


def _free_layer(path: Path, said: Said, told: Said) -> LstLayer:
    """The layer of a GeoTIFF with a free name: what the user said of it stays with it."""
    assert said.overpass is not None
    named = said_by(path)
    date, product = (None if getattr(named, key) is not None else getattr(told, key) for key in ("date", "product"))
    return LstLayer(path, said.overpass, date, product)


def _of_netcdf(path: Path, told: Said) -> list[LstLayer]:
    """The layers of a netCDF, day by day."""
    held = held_scenes(path, product=told.product, date=told.date)
    return [LstLayer(path, overpass, date, told.product) for date, overpass in held if overpass is not None]


def _of_folder(directory: Path, recursive: bool, told: Said) -> Listing:
    files, skipped = walk(directory, recursive)
    files = [path for path in files if path.name not in BOOKKEEPING]
    rivals: dict[_Key, list[tuple[_Rank, LstLayer]]] = {}
    quality: list[tuple[Path, Said]] = []
    for path in files:
        try:
            found, said = _in_folder(path, told), said_by(path)
        except GranuleError as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")))
            continue
        if not found and (said.layer or "").startswith("QC"):
            quality.append((path, said))
        elif not found:
            skipped.append(Skipped(path, _other_layer(said.layer)))
        for key, rank, layer in found:
            rivals.setdefault(key, []).append((rank, layer))
    layers: list[LstLayer] = []
    for _, group in sorted(rivals.items()):
        best = max(group, key=lambda rival: rival[0])
        layers.append(best[1])
        for _, loser in (rival for rival in group if rival is not best):
            reason = f"the {loser.overpass} of this date and tile is read from {best[1].path.name}"
            skipped.append(Skipped(loser.path, reason))
    used = {
        (layer.path.parent, said_by(layer.path).granule, layer.overpass)
        for group in rivals.values()
        for _, layer in group
    }
    for path, said in quality:
        if (path.parent, said.granule, said.overpass) not in used:
            skipped.append(Skipped(path, f"quality without its LST beside it ({said.granule}, {said.overpass})"))
    return Listing(layers, sorted(skipped))


def _in_folder(path: Path, told: Said) -> list[tuple[_Key, _Rank, LstLayer]]:
    """The layers of a file in a folder, where only its name counts, with key and rank; none of another layer.

    Raises:
        GranuleError: it is no LST.
    """
    if path.name.startswith("._"):
        raise GranuleError("a resource file of macOS")
    if _UNFINISHED.search(path.name):
        raise GranuleError("an unfinished download; fetch it again")
    if _PACKED.search(path.name):
        raise GranuleError("packed; unpack it")
    if path.suffix.lower() in NETCDF_SUFFIXES:
        layers = _of_netcdf(path, told)
        return [
            ((f"{layer.date:%Y%j}", path.stem, "", layer.overpass), ("", "", True, True), layer) for layer in layers
        ]
    try:
        name, overpasses = lst_overpasses(path)
    except UnknownNameError as error:
        if path.suffix.lower() in HDF_SUFFIXES:
            raise GranuleError(f"{error}; given by itself, it is read if it is such a granule inside") from None
        said = said_by(path)
        if path.suffix.lower() not in TIFF_SUFFIXES or (said.product is None and said.layer is None):
            raise
        said = said.with_user(
            path, said.product or told.product, said.date or told.date, said.overpass or told.overpass
        )
        if said.layer is not None and said.pixels != TILE_PIXELS:
            return []
        if said.missing:
            raise UnknownNameError(silent(path, said)) from None
        if said.product not in PRODUCTS:
            raise
        key: _Key = (f"{said.date:%Y%j}", said.granule, str(said.product), said.overpass or "day")
        return [(key, ("", "", False, True), _free_layer(path, said, told))]
    whole = path.suffix.lower() in HDF_SUFFIXES
    rank = (name.collection, name.production, whole, not name.copy)
    return [
        ((f"{name.date:%Y%j}", name.tile, name.product, overpass), rank, LstLayer(path, overpass))
        for overpass in overpasses
    ]


def _other_layer(layer: str | None) -> str:
    return f"layer {layer} is not LST at 1 km"


def _is_notable(path: Path) -> bool:
    """Whether a user may miss a file that was left aside: it looks like LST, or is no file that can be read."""
    if not path.is_file():
        return True
    if path.suffix.lower() in _BESIDE or path.name.startswith("._") or not _LST_LIKE.search(path.name):
        return False
    try:
        _, overpasses = lst_overpasses(path)
    except UnknownNameError:
        said = said_by(path)
        return said.layer is None or said.pixels == TILE_PIXELS
    except GranuleError:
        return True
    return bool(overpasses)
