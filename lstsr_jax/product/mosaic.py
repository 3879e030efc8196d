"""GDAL virtual rasters (VRT) over the maps of a date: one file to open, nothing is copied.

One for each product, date, overpass and coordinate system, of LST (and spread), and one of quality codes.
"""

import dataclasses
import datetime
import glob
import hashlib
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lstsr_jax.errors import InputError
from lstsr_jax.files import write_text
from lstsr_jax.geo import GranuleError, Scene, parse_name
from lstsr_jax.geo.place import is_sinusoidal
from lstsr_jax.product.contents import QUALITY, Contents, contents_of
from lstsr_jax.product.files import quality_path
from lstsr_jax.product.report import Mosaic, Report, failure
from lstsr_jax.product.warp import NOT_PRODUCED

_KEPT: Final = (
    *("product", "date", "period_days", "overpass", "units", "quality", "quality_scheme", "quality_legend"),
    *("method", "model", "checkpoint", "request", "spread", "warp", "energy_conserved", "software"),
)
"""Tags that a mosaic takes over where all its maps agree; times of coverage are the first and the last."""
_TYPES: Final = {"uint8": "Byte", "uint16": "UInt16", "float32": "Float32"}
_ALIGNED: Final = 0.05
"""Pixels by which maps may lie beside one another's grid."""


class _Map(NamedTuple):
    path: Path
    held: Contents


def write_mosaics(products: Iterable[Path]) -> tuple[list[Mosaic], list[tuple[Path, InputError]]]:
    """Join maps with those of the same product, date and overpass in their folders.

    Of the other files in a folder those count whose name says that they belong.

    Args:
        products: maps, cloud-optimised GeoTIFFs.

    Returns:
        What was written, and what could not be, with the reason.
    """
    written: list[Mosaic] = []
    failed: list[tuple[Path, InputError]] = []
    for name, paths in sorted(_groups(products, failed).items()):
        try:
            maps = [_Map(path, contents_of(path)) for path in paths]
            codes = [_Map(path, contents_of(path)) for path in map(quality_path, paths) if path.exists()]
            for wanted, group in ((name, maps), (quality_path(name), codes)):
                by_system: dict[str, list[_Map]] = {}
                for one in group:
                    by_system.setdefault(_system(one), []).append(one)
                for system, alike in sorted(by_system.items()):
                    path = wanted.with_name(f"{wanted.stem}{system}.vrt")
                    write_text(path, mosaic_of(alike))
                    written.append(Mosaic(path, len(alike)))
        except InputError as error:
            _drop(name)
            failed.append((name, error))
    return written, failed


def drop_mosaics(product: Path, source: Scene) -> None:
    """Remove the virtual rasters over a map that is about to be replaced: they say of what type and scale it is."""
    if product.exists():
        _drop(_name(product, source.product, source.date))


def with_mosaics(report: Report, directory: Path) -> Report:
    """The report of a run whose maps are joined by virtual rasters, or could not be.

    Args:
        report: of the whole run.
        directory: that holds the maps, wherever the workers had it.
    """
    done = [outcome.output for outcome in report.outcomes if outcome.status in ("written", "finished")]
    mosaics, failed = write_mosaics(directory / path.name for path in done if path is not None)
    failures = [failure(path, "day" if "_Day_" in path.name else "night", error) for path, error in failed]
    return dataclasses.replace(report, outcomes=[*report.outcomes, *failures], mosaics=mosaics)


def mosaic_of(maps: Sequence[tuple[Path, Contents]]) -> str:
    """The text of a virtual raster over maps of one system; where several have a value, the last by name shows.

    Args:
        maps: paths in one folder, which is that of the virtual raster, and what they hold.

    Raises:
        InputError: if they differ in more than their place.
    """
    maps = sorted(maps)
    (first, held), *others = maps
    for path, other in others:
        difference = _difference(held, other)
        if difference:
            raise InputError(f"`vrt`: {first.name} and {path.name} have other {difference}; redo one with `overwrite`")
    a, _, _, _, e, _ = held.grid.transform[:6]
    left = min(one.grid.bounds[0] for _, one in maps)
    top = max(one.grid.bounds[3] for _, one in maps)
    places = []
    for path, one in maps:
        column, row = (one.grid.transform.c - left) / a, (one.grid.transform.f - top) / e
        if max(abs(column - round(column)), abs(row - round(row))) > _ALIGNED:
            raise InputError(f"`vrt`: the pixels of {path.name} lie between those of {first.name}; give both one `crs`")
        places.append((round(column), round(row), *one.grid.shape))
    width = max(column + columns for column, _, _, columns in places)
    height = max(row + rows for _, row, rows, _ in places)
    root = ElementTree.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    _text(root, "SRS", held.grid.crs.to_wkt(version="WKT2_2018"))
    _text(root, "GeoTransform", ", ".join(map(repr, (left, a, 0.0, top, 0.0, e))))
    metadata = ElementTree.SubElement(root, "Metadata")
    for key, value in _common([one.tags for _, one in maps]).items():
        _text(metadata, "MDI", value, key=key)
    for number, band in enumerate(held.bands, start=1):
        nodata = _number(NOT_PRODUCED if band.name == QUALITY else band.nodata)
        element = ElementTree.SubElement(root, "VRTRasterBand", dataType=_TYPES[band.dtype], band=str(number))
        _text(element, "Description", band.description)
        _text(element, "NoDataValue", nodata)
        if band.unit:
            _text(element, "UnitType", band.unit)
        if (band.scale, band.offset) != (1.0, 0.0):
            _text(element, "Offset", repr(band.offset))
            _text(element, "Scale", repr(band.scale))
        for (path, one), (column, row, rows, columns) in zip(maps, places, strict=True):
            source = ElementTree.SubElement(element, "ComplexSource")
            _text(source, "SourceFilename", path.name, relativeToVRT="1")
            _text(source, "SourceBand", str(number))
            block = one.bands[number - 1].block
            ElementTree.SubElement(
                source,
                "SourceProperties",
                RasterXSize=str(columns),
                RasterYSize=str(rows),
                DataType=_TYPES[band.dtype],
                BlockXSize=str(block[1]),
                BlockYSize=str(block[0]),
            )
            size = {"xSize": str(columns), "ySize": str(rows)}
            ElementTree.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
            ElementTree.SubElement(source, "DstRect", {"xOff": str(column), "yOff": str(row), **size})
            _text(source, "NODATA", nodata)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _groups(products: Iterable[Path], failed: list[tuple[Path, InputError]]) -> dict[Path, list[Path]]:
    """Maps that belong together, by the name of their mosaic without suffix of system; those unreadable are failed."""
    groups: dict[Path, set[Path]] = {}
    for path in products:
        try:
            held = contents_of(path)
        except InputError as error:
            failed.append((path, error))
            continue
        date = datetime.date.fromisoformat(held.tags["date"])
        groups.setdefault(_name(path, held.tags["product"], date), set()).add(path)
    for folder in {name.parent for name in groups}:
        for path in folder.glob("*_LST_*.tif"):
            try:
                said = parse_name(path)
            except GranuleError:
                continue
            name = _name(path, said.product, said.date)
            if name in groups:
                groups[name].add(path)
    return {name: sorted(paths) for name, paths in groups.items()}


def _name(path: Path, product: str, date: datetime.date) -> Path:
    """Such as ``MOD11A1.A2020183_LST_Day_250m.vrt``."""
    layer = path.stem[path.stem.rindex("_LST_") :]
    return path.with_name(f"{product}.A{date:%Y%j}{layer}.vrt")


def _drop(name: Path) -> None:
    """Remove the virtual rasters of a group, of every system."""
    for kind in (name, quality_path(name)):
        for path in name.parent.glob(f"{glob.escape(kind.stem)}*.vrt"):
            path.unlink(missing_ok=True)


def _system(one: _Map) -> str:
    """What the name of a mosaic says of its coordinate system: nothing of the sinusoidal grid."""
    crs = one.held.grid.crs
    if is_sinusoidal(crs):
        return ""
    authority = crs.to_authority()
    if authority is not None:
        return f"_{'-'.join(authority)}"
    return f"_CRS-{hashlib.sha256(crs.to_wkt().encode()).hexdigest()[:8]}"


def _difference(one: Contents, other: Contents) -> str:
    """In what maps of one system cannot be joined."""
    (a, b, _, d, e, _), (c, g, _, h, k, _) = one.grid.transform[:6], other.grid.transform[:6]
    width = max(one.grid.shape[1], other.grid.shape[1], one.grid.shape[0], other.grid.shape[0])
    if any((b, d, g, h)) or max(abs(c / a - 1), abs(k / e - 1)) * width > _ALIGNED:
        return "pixels"
    bands = [
        [(band.name, band.description, band.dtype, band.scale, band.offset) for band in held.bands]
        for held in (one, other)
    ]
    return "bands" if bands[0] != bands[1] else ""


def _common(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    kept = {key: tags[0][key] for key in _KEPT if key in tags[0] and all(one.get(key) == tags[0][key] for one in tags)}
    for key, choose in (("time_coverage_start", min), ("time_coverage_end", max)):
        if all(key in one for one in tags):
            kept[key] = choose(one[key] for one in tags)  # ISO 8601 in UTC sorts by time
    return kept


def _number(value: float | None) -> str:
    if value is None:
        raise ValueError("a map without a number for no data")
    return "nan" if math.isnan(value) else f"{value:g}"


def _text(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, tag, attributes).text = text
