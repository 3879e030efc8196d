"""A STAC 1.1 item beside each product: where and when it is, what its files hold, how it was made.

It is made of the product's own files alone, so it is the same whenever it is written, and holds no time of writing.
Extensions: projection 2.0, file 2.1, processing 1.2, and, of packed maps, raster 2.0.
"""

import datetime
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rasterio.crs import CRS

from lstsr_jax.errors import InputError
from lstsr_jax.files import write_text
from lstsr_jax.geo import PRODUCTS
from lstsr_jax.geo.footprint import footprint
from lstsr_jax.geo.scene import period_end
from lstsr_jax.product.contents import Contents, StoredBand, contents_of
from lstsr_jax.product.files import picture_path, quality_path

_EXTENSION: Final = "https://stac-extensions.github.io/{}/schema.json"
_MEDIA: Final = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".nc": "application/netcdf",
    ".zarr": "application/vnd+zarr",
    ".png": "image/png",
}
_SHA256: Final = "1220"
"""Multihash: code of SHA-256, length of 32 bytes."""
_MODIS: Final = ("Terra", "Aqua")


def item_path(product: Path) -> Path:
    """Where the item of a product is: its name with the suffix ``.json``."""
    return product.with_suffix(".json")


def write_item(product: Path) -> Path:
    """Write the item of a product that is on disk; one that says the same already is left as it is.

    Args:
        product: as written.

    Returns:
        The item's path.

    Raises:
        InputError: if a file of the product cannot be read.
    """
    path, text = item_path(product), json.dumps(item_of(product), indent=2, allow_nan=False) + "\n"
    if not path.exists() or path.read_text() != text:
        write_text(path, text)
    return path


def drop_item(product: Path) -> bool:
    """Remove the item of a product that is about to be replaced, so that none is left that is not true.

    Returns:
        Whether there was one.
    """
    path = item_path(product)
    known = path.exists()
    path.unlink(missing_ok=True)
    return known


def item_of(product: Path) -> dict[str, Any]:
    """Describe a product as a STAC item.

    ``start_datetime`` and ``end_datetime`` are the first and the last observation in UTC where the granule says them,
    or else the day, or the days of a mean; ``datetime`` is the middle between them.

    Args:
        product: the map; quality layer and picture beside it are assets if they are there.

    Returns:
        The item, with file names as relative links. Two calls for the same files give the same.

    Raises:
        InputError: if a file of the product cannot be read, or says too little.
    """
    held = contents_of(product)
    try:
        about = {**_when(held.tags), **_sensor(held.tags), **_projection(held), **_processing(held.tags)}
    except (KeyError, ValueError) as error:
        raise InputError(f"{product}: does not say what it was made of ({error}); redo it with `overwrite`") from error
    place = footprint(held.grid)
    assets = {"map": _asset(product, held, "super-resolved land surface temperature", ["data"])}
    quality, picture = quality_path(product), picture_path(product)
    if product.suffix == ".tif" and quality.exists():
        assets["quality"] = _asset(quality, contents_of(quality), "quality codes of the 1 km pixels", ["metadata"])
    if picture.exists():
        title = "picture of the map beside its source"
        assets["picture"] = {**_file(picture), "title": title, "roles": ["overview"]}
    raster = any("raster:scale" in band for asset in assets.values() for band in asset.get("bands", ()))
    extensions = ["projection/v2.0.0", "file/v2.1.0", "processing/v1.2.0", *(["raster/v2.0.0"] if raster else [])]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [_EXTENSION.format(name) for name in extensions],
        "id": product.stem,
        "geometry": None if place is None else place.geometry,
        **({} if place is None else {"bbox": place.bbox}),
        "properties": {"title": _title(held.tags), **about},
        "links": [],
        "assets": assets,
    }


def _title(tags: Mapping[str, str]) -> str:
    days = "" if tags["period_days"] == "1" else f", mean of {tags['period_days']} days"
    where = f"{tags['tile']}, {tags['date']}{days}, {tags['overpass']}"
    return f"{tags['product']} land surface temperature, {where}, super-resolved"


def _when(tags: Mapping[str, str]) -> dict[str, Any]:
    if "time_coverage_start" in tags and tags["period_days"] == "1":  # a mean of several days has no time of its own
        start, end = (datetime.datetime.fromisoformat(tags[f"time_coverage_{name}"]) for name in ("start", "end"))
        middle = start + (end - start) / 2
    else:
        day = datetime.date.fromisoformat(tags["date"])
        midnight = datetime.time(tzinfo=datetime.UTC)
        start, end = (
            datetime.datetime.combine(at, midnight) for at in (day, period_end(day, int(tags["period_days"])))
        )
        middle = start + (end - start) / 2
        end -= datetime.timedelta(seconds=1)  # ends are part of it
    times = {"datetime": middle, "start_datetime": start, "end_datetime": end}
    return {name: f"{time.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}" for name, time in times.items()}


def _sensor(tags: Mapping[str, str]) -> dict[str, Any]:
    platform = PRODUCTS[tags["product"]].platform
    return {
        "platform": platform.lower().replace(" ", "-"),
        "instruments": ["modis" if platform in _MODIS else "viirs"],
        "overpass": tags["overpass"],
    }


def _projection(held: Contents) -> dict[str, Any]:
    crs = held.grid.crs
    authority = crs.to_authority()
    return {
        "proj:code": None if authority is None else ":".join(authority),
        "proj:wkt2": _wkt2(crs),
    }


def _wkt2(crs: CRS) -> str:
    text: str = crs.to_wkt(version="WKT2_2018")
    return text


def _processing(tags: Mapping[str, str]) -> dict[str, Any]:
    """The method, its fingerprint and its request as an expression, the source in words and with checksums."""
    software, _, version = tags["software"].partition(" ")
    method = {"name": tags["method"], "model": tags.get("model"), "fingerprint": tags["checkpoint"]}
    sources = [
        {name: record[name] for name in ("role", "name", "size", "sha256")}
        for record in json.loads(tags["source_files"])
    ]
    expression = {"method": method, "request": json.loads(tags["request"]), "sources": sources}
    made_by = tags.get("model") or tags["method"]
    kept = {"yes": "conserved", "no": "not conserved"}[tags["energy_conserved"]]
    lineage = (
        f"{tags['overpass']} LST of {tags['source_granule']} ({tags['quality']}), super-resolved by {made_by} "
        f"(fingerprint {tags['checkpoint']}), energy {kept}"
    )
    warped = f", then warped ({tags['warp']})" if "warp" in tags else ""
    return {
        "processing:level": "L4",
        "processing:lineage": lineage + warped,
        "processing:software": {software: version},
        "processing:version": version,
        "processing:expression": {"format": software, "expression": expression},
    }


def _asset(path: Path, held: Contents, title: str, roles: list[str]) -> dict[str, Any]:
    left, bottom, right, top = held.grid.bounds
    return {
        **_file(path),
        "title": title,
        "roles": roles,
        "proj:shape": list(held.grid.shape),
        "proj:transform": list(held.grid.transform[:6]),
        "proj:bbox": [left, bottom, right, top],
        "bands": [_band(band) for band in held.bands],
    }


def _band(band: StoredBand) -> dict[str, Any]:
    said: dict[str, Any] = {"name": band.name, "description": band.description, "data_type": band.dtype}
    if band.nodata is not None:
        said["nodata"] = "nan" if math.isnan(band.nodata) else band.nodata
    if band.unit:
        said["unit"] = band.unit
    if (band.scale, band.offset) != (1.0, 0.0):
        said["raster:scale"], said["raster:offset"] = band.scale, band.offset
    return said


def _file(path: Path) -> dict[str, Any]:
    """Link, media type, size and checksum; a Zarr is a folder, which has neither of these."""
    said: dict[str, Any] = {"href": f"./{path.name}", "type": _MEDIA[path.suffix]}
    if path.is_file():
        with path.open("rb") as file:
            said["file:checksum"] = _SHA256 + hashlib.file_digest(file, "sha256").hexdigest()
        said["file:size"] = path.stat().st_size
    return said
