"""Which LST layers a folder or a file holds, and what was left aside."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.manifest import BOOKKEEPING
from lstsr_jax.geo.names import HDF4_SUFFIX, GranuleName, Overpass, UnknownNameError, lst_overpasses, parse_name
from lstsr_jax.geo.products import LST_EXPECTED
from lstsr_jax.geo.walk import Skipped, walk

_Key = tuple[str, str, str, Overpass]

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


class LstLayer(NamedTuple):
    """One overpass in one file: what `read_lst` takes."""

    path: Path
    overpass: Overpass


class Listing(NamedTuple):
    """What `find_granules` found: layers by date, tile and overpass; other files by path."""

    layers: list[LstLayer]
    skipped: list[Skipped]


def find_granules(source: str | Path, recursive: bool = True) -> Listing:
    """List the LST layers of a folder, or of a file, by their names; no granule of a folder is opened.

    An HDF4 granule gives day and night. Each overpass of a product, date and tile is listed once: the newest
    collection and production wins, then HDF4 over GeoTIFF, as it always carries the quality layer, then a file that
    is not marked as a copy. Quality layers beside their LST are used by `read_lst` and appear in neither list.
    Links to files and folders are followed, each folder once.

    Args:
        source: a folder, or one file. A single .hdf may have any name: it knows its own.
        recursive: look in the folder's folders too.

    Returns:
        The layers, sorted, and the files left aside with the reason. Of a single file: its layers, or the file itself
        as left aside if it is another layer of an LST granule, such as quality.

    Raises:
        GranuleError: no such file or folder, or a single file that is no LST.
    """
    source = Path(source)
    if source.is_dir():
        return _of_folder(source, recursive)
    if not source.exists():
        kind = "a link to nothing; fetch what it links to" if source.is_symlink() else "no such file or directory"
        raise GranuleError(f"{source}: {kind}" + ("" if source.is_symlink() else "; check the path"))
    return _of_file(source)


def describe_skipped(skipped: Iterable[Skipped]) -> list[str]:
    """What was left aside, in lines: one for each file that looks like LST or cannot be reached, one for the rest.

    Args:
        skipped: from `find_granules`.

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


def _of_file(path: Path) -> Listing:
    try:
        name, overpasses = lst_overpasses(path)
    except UnknownNameError as error:
        if path.suffix.lower() == HDF4_SUFFIX:
            return Listing([LstLayer(path, "day"), LstLayer(path, "night")], [])
        raise unknown_file(path, str(error), LST_EXPECTED) from None
    except GranuleError as error:
        raise GranuleError(f"{path}: {str(error).removeprefix(f'{path.name}: ')}") from None
    if not overpasses:
        return Listing([], [Skipped(path, _other_layer(name))])
    return Listing([LstLayer(path, overpass) for overpass in overpasses], [])


def _of_folder(directory: Path, recursive: bool) -> Listing:
    files, skipped = walk(directory, recursive)
    files = [path for path in files if path.name not in BOOKKEEPING]
    rivals: dict[_Key, list[tuple[tuple[str, str, bool, bool], LstLayer]]] = {}
    quality: list[tuple[Path, GranuleName]] = []
    for path in files:
        try:
            name, overpasses = _lst_in_folder(path)
        except GranuleError as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path.name}: ")))
            continue
        if name.layer in ("QC_Day", "QC_Night"):
            quality.append((path, name))
        elif not overpasses:
            skipped.append(Skipped(path, _other_layer(name)))
        for overpass in overpasses:
            key: _Key = (f"{name.date:%Y%j}", name.tile, name.product, overpass)
            rank = (name.collection, name.production, path.suffix.lower() == HDF4_SUFFIX, not name.copy)
            rivals.setdefault(key, []).append((rank, LstLayer(path, overpass)))
    layers: list[LstLayer] = []
    for _, group in sorted(rivals.items()):
        best = max(group, key=lambda rival: rival[0])
        layers.append(best[1])
        for _, loser in (rival for rival in group if rival is not best):
            reason = f"the {loser.overpass} of this date and tile is read from {best[1].path.name}"
            skipped.append(Skipped(loser.path, reason))
    used = {
        (layer.path.parent, parse_name(layer.path).granule, layer.overpass)
        for group in rivals.values()
        for _, layer in group
    }
    for path, name in quality:
        if (path.parent, name.granule, name.overpass) not in used:
            skipped.append(Skipped(path, f"quality without its LST beside it ({name.granule}, {name.overpass})"))
    return Listing(layers, sorted(skipped))


def _lst_in_folder(path: Path) -> tuple[GranuleName, tuple[Overpass, ...]]:
    """`lst_overpasses` of a file in a folder, where a name is all there is to go by."""
    if path.name.startswith("._"):
        raise GranuleError("a resource file of macOS")
    if _UNFINISHED.search(path.name):
        raise GranuleError("an unfinished download; fetch it again")
    if _PACKED.search(path.name):
        raise GranuleError("packed; unpack it")
    try:
        return lst_overpasses(path)
    except UnknownNameError as error:
        if path.suffix.lower() != HDF4_SUFFIX:
            raise
        raise GranuleError(f"{error}; given by itself, it is read if it is such a granule inside") from None


def _other_layer(name: GranuleName) -> str:
    return f"layer {name.layer} is not LST at 1 km"


def _is_notable(path: Path) -> bool:
    """Whether a user may miss a file that was left aside: it looks like LST, or is no file that can be read."""
    if not path.is_file():
        return True
    if path.suffix.lower() in _BESIDE or path.name.startswith("._") or not _LST_LIKE.search(path.name):
        return False
    try:
        _, overpasses = lst_overpasses(path)
    except GranuleError:
        return True
    return bool(overpasses)
