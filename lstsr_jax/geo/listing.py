"""Which LST layers a directory holds."""

from pathlib import Path
from typing import NamedTuple

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.names import LST_PRODUCTS, GranuleName, Overpass, parse_name

_Key = tuple[str, str, str, Overpass]


class LstLayer(NamedTuple):
    """One overpass in one file: what `read_lst` takes."""

    path: Path
    overpass: Overpass


class Skipped(NamedTuple):
    """A file left aside, and why."""

    path: Path
    reason: str


class Listing(NamedTuple):
    """What `find_granules` found: layers by date, tile and overpass; other files by path."""

    layers: list[LstLayer]
    skipped: list[Skipped]


def find_granules(directory: str | Path, recursive: bool = True) -> Listing:
    """List the LST layers of a directory by their names; nothing is opened.

    An HDF4 granule gives day and night. Each overpass of a product, date and tile is listed once: the newest
    collection and production wins, then HDF4 over GeoTIFF, as it always carries the quality layer. Quality
    layers beside their LST are used by `read_lst` and appear in neither list.

    Args:
        directory: where to look.
        recursive: look in its subdirectories too.

    Returns:
        The layers, sorted, and the files left aside with the reason.

    Raises:
        GranuleError: no such directory.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise GranuleError(f"{directory}: no such directory; check the path")
    found = directory.rglob("*") if recursive else directory.glob("*")
    files = sorted(path for path in found if path.is_file())
    skipped: list[Skipped] = []
    rivals: dict[_Key, list[tuple[tuple[str, str, bool], LstLayer]]] = {}
    for path in files:
        try:
            name = _lst_name(path)
        except GranuleError as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path.name}: ")))
            continue
        if name.layer in ("QC_Day", "QC_Night"):
            continue
        overpasses: tuple[Overpass, ...] = ("day", "night") if name.overpass is None else (name.overpass,)
        for overpass in overpasses:
            key: _Key = (f"{name.date:%Y%j}", name.tile, name.product, overpass)
            rank = (name.collection, name.production, path.suffix.lower() == ".hdf")
            rivals.setdefault(key, []).append((rank, LstLayer(path, overpass)))
    layers: list[LstLayer] = []
    for _, group in sorted(rivals.items()):
        best = max(group, key=lambda rival: rival[0])
        layers.append(best[1])
        for _, loser in (rival for rival in group if rival is not best):
            reason = f"the {loser.overpass} of this date and tile is read from {best[1].path.name}"
            skipped.append(Skipped(loser.path, reason))
    return Listing(layers, sorted(skipped))


def _lst_name(path: Path) -> GranuleName:
    """Name of a file that `read_lst` could read, or of a quality layer; the error says why it is neither."""
    if path.suffix.lower() not in (".hdf", ".tif", ".tiff"):
        raise GranuleError("neither .hdf nor .tif")
    name = parse_name(path)
    if name.product not in LST_PRODUCTS:
        raise GranuleError(f"product {name.product} is not daily 1 km LST")
    if path.suffix.lower() == ".hdf":
        if name.layer is not None:
            raise GranuleError(f"layer {name.layer} in an .hdf name; granules are expected")
        return name
    if name.layer not in ("LST_Day_1km", "LST_Night_1km", "QC_Day", "QC_Night"):
        raise GranuleError(f"layer {name.layer} is not LST at 1 km")
    return name
