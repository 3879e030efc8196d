"""Which layers of files and folders a run is asked to map."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Listing, LstLayer
from lstsr_jax.product.files import output_path
from lstsr_jax.product.identity import SourceFile
from lstsr_jax.product.settings import Output, Selection


def layers_of(path: Path, listing: Listing, selection: Selection) -> list[LstLayer]:
    """The layers that were asked for, of those that a file or a folder holds.

    Raises:
        InputError: if there is none, unless a single file is but another layer of an LST granule.
    """
    if not listing.layers and path.is_dir():
        raise InputError(f"{path}: holds no LST at 1 km (docs/products.md); check the path")
    layers = [
        layer for layer in (*listing.layers, *namesakes(listing)) if selection.overpass in (layer.overpass, "both")
    ]
    if not layers and listing.layers:
        raise InputError(f"{path}: holds no LST of the overpass asked for ({selection.overpass}); see `overpass`")
    asked: tuple[tuple[Literal["date", "product"], Any], ...] = (
        ("date", selection.day()),
        ("product", selection.product),
    )
    for key, wanted in asked:
        layers = [layer for layer in layers if wanted is None or layer.says(key) in (wanted, None)]
        if not layers and listing.layers:
            raise InputError(f"{path}: holds no LST of the {key} asked for ({wanted}); see `{key}`")
    return layers


def namesakes(listing: Listing) -> list[LstLayer]:
    """Files of the same name as a layer's, in other folders: copies of it, or another area."""
    skipped: dict[str, list[Path]] = {}
    for found in listing.skipped:
        if found.path.is_file():
            skipped.setdefault(found.path.name.lower(), []).append(found.path)
    return [
        LstLayer(path, layer.overpass, layer.date, layer.product)
        for layer in listing.layers
        for path in skipped.get(layer.path.name.lower(), [])
    ]


def find_rivals(layers: Iterable[LstLayer], factor: int, output: Output) -> dict[LstLayer, str]:
    """Layers that would share an output though they are not the same file's content, and what to say of each."""
    claims: dict[Path, list[LstLayer]] = {}
    for layer in layers:
        granule = layer.granule
        if granule is not None:  # a renamed one is known only when it is read
            name = output_path(output.output_dir, granule, layer.overpass, factor, output.format)
            claims.setdefault(name, []).append(layer)
    found = {}
    for path, group in claims.items():
        if len({layer.path.resolve() for layer in group}) < 2:
            continue
        with contextlib.suppress(OSError):  # a missing file is named when its turn comes
            if len({SourceFile.of("lst", layer.path).sha256 for layer in group}) > 1:
                named = " and ".join(str(layer.path) for layer in group)
                line = f"{named} would be one output, {path.name}; give each its own `output_dir`"
                found.update(dict.fromkeys(group, line))
    return found
