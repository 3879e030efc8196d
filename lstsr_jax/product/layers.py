"""Which layers of files and folders a run is asked to map, and how workers share them."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Listing, LstLayer, Skipped, find_granules
from lstsr_jax.product.files import output_path
from lstsr_jax.product.identity import SourceFile
from lstsr_jax.product.neighbours import find_neighbours
from lstsr_jax.product.report import Outcome, failure
from lstsr_jax.product.settings import Output, Selection
from lstsr_jax.product.shard import Shard
from lstsr_jax.product.work import Item, Job


@dataclasses.dataclass(frozen=True)
class Work:
    """All that a run, or one worker of it, has to do.

    Attributes:
        items: the layers, in the order of the report.
        failures: of files and folders that gave no layer; their lines come before those of the items.
        skipped: what was left aside in folders.
    """

    items: list[Item]
    failures: list[Outcome]
    skipped: list[Skipped]

    def shard(self, shard: Shard) -> "Work":
        """One worker's share: every N-th granule, in the order of their names, from the I-th on.

        Names without folders decide, so that workers share alike wherever they have mounted the files. The layers of a
        granule stay together, and so do those that would be one output; of a netCDF each day is a granule. Every
        worker tells of files and folders that gave no layer, the first of what was left aside.
        """
        names = sorted({item.granule for item in self.items})
        own = set(names[shard.index :: shard.count])
        items = [item for item in self.items if item.granule in own]
        return Work(items, self.failures, [] if shard.index else self.skipped)

    def fingerprint(self) -> str:
        """Equal for two workers if they have found the same."""
        seen = [[item.place, *_said(item.layer), bool(item.refusal)] for item in self.items]
        failed = [outcome.source.name for outcome in self.failures]
        return hashlib.sha256(json.dumps([seen, failed]).encode()).hexdigest()[:16]

    def places(self, outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """With the failures: what became of everything, by its place in the report."""
        return {**dict(enumerate(self.failures)), **outcomes}


def find_work(files: Sequence[Path], job: Job) -> Work:
    """List the layers that a run is asked to map.

    Args:
        files: granules, GeoTIFF layers of them, or directories.
        job: of the run.

    Returns:
        The same on every worker that sees the same files.

    Raises:
        InputError: if there is nothing but what is left aside.
    """
    failures: list[Outcome] = []
    layers: dict[LstLayer, None] = {}
    selection = job.selection
    told = None if selection.overpass == "both" else selection.overpass
    skipped: list[Skipped] = []
    for path in files:
        try:
            listing = find_granules(path, overpass=told, date=selection.day(), product=selection.product)
            again = {layer.path for layer in _namesakes(listing)}
            skipped += (left for left in listing.skipped if left.path not in again)
            layers.update(dict.fromkeys(_layers_of(path, listing, selection)))
        except InputError as error:
            failures.append(failure(path, "", error))
    if skipped and not layers and not failures:
        raise InputError(f"{skipped[0].path}: {skipped[0].reason}; give granules or <granule>_LST_Day_1km.tif")
    rivals = _find_rivals(layers, job.method.factor, job.output)
    neighbours = find_neighbours(layer for layer in layers if layer not in rivals)
    items = [
        Item(place, layer, rivals.get(layer, ""), neighbours.get(layer, ()))
        for place, layer in enumerate(layers, len(failures))
    ]
    return Work(items, failures, skipped)


def _said(layer: LstLayer) -> tuple[str, ...]:
    return layer.path.name, layer.overpass, str(layer.date), str(layer.product)


def _layers_of(path: Path, listing: Listing, selection: Selection) -> list[LstLayer]:
    """The layers that were asked for, of those that a file or a folder holds.

    Raises:
        InputError: if there is none, unless a single file is but another layer of an LST granule.
    """
    if not listing.layers and path.is_dir():
        raise InputError(f"{path}: holds no LST at 1 km (docs/products.md); check the path")
    layers = [
        layer for layer in (*listing.layers, *_namesakes(listing)) if selection.overpass in (layer.overpass, "both")
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


def _namesakes(listing: Listing) -> list[LstLayer]:
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


def _find_rivals(layers: Iterable[LstLayer], factor: int, output: Output) -> dict[LstLayer, str]:
    """Layers that would share an output though they are not the same file's content, and what to say of each."""
    claims: dict[Path, list[LstLayer]] = {}
    for layer in layers:
        granule = layer.granule
        if granule is not None:  # a renamed one is known only when it is read
            name = output_path(output.output_dir, granule, layer.overpass, factor, output.format)
            claims.setdefault(name, []).append(layer)
    found = {}
    for path, group in claims.items():
        if len(group) < 2 or len({layer.path.resolve() for layer in group}) < 2:
            continue
        with contextlib.suppress(OSError):  # a missing file is named when its turn comes
            if len({SourceFile.of("lst", layer.path).sha256 for layer in group}) > 1:
                named = " and ".join(str(layer.path) for layer in group)
                line = f"{named} would be one output, {path.name}; give each its own `output_dir`"
                found.update(dict.fromkeys(group, line))
    return found
