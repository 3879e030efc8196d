"""The index of a granule directory: every usable patch, found before anything is written."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lstsr_jax.data.ndvi import list_ndvi, ndvi_for
from lstsr_jax.data.patches import SPLITS, patch_windows, split_of
from lstsr_jax.data.summary import NAMED, Summary, skipped_files
from lstsr_jax.errors import InputError
from lstsr_jax.geo import (
    GranuleError,
    Listing,
    LstLayer,
    NdviLibrary,
    QualityPolicy,
    Scene,
    Skipped,
    find_granules,
    pixel_position,
)
from lstsr_jax.geo.manifest import check_with_manifest


@dataclasses.dataclass(frozen=True)
class CutRule:
    """How scenes are cut into patches and patches dealt into splits."""

    split_by: str = "date"
    patch_size: int = 64
    stride: int = 64
    min_valid_fraction: float = 1.0
    max_lst_error_k: int | None = 3
    mix_periods: bool = False

    @property
    def policy(self) -> QualityPolicy:
        """Which pixels of a scene count as observed."""
        return QualityPolicy(max_lst_error_k=self.max_lst_error_k)


@dataclasses.dataclass(frozen=True)
class Patch:
    """Where a patch lies.

    Attributes:
        row: first row in the scene.
        col: first column in the scene.
        tile: that holds its upper-left pixel.
        tile_row: first row in that tile, of 1200.
        tile_col: first column in that tile.
        split: it belongs to.
    """

    row: int
    col: int
    tile: str
    tile_row: int
    tile_col: int
    split: str


@dataclasses.dataclass(frozen=True)
class Layer:
    """One overpass and day of one file, and its patches."""

    source: LstLayer
    patches: tuple[Patch, ...]


@dataclasses.dataclass(frozen=True)
class PatchIndex:
    """All usable patches of a directory, and what was found on the way."""

    layers: tuple[Layer, ...]
    summary: dict[str, Any]


def list_granules(directory: Path) -> Listing:
    """The LST layers of a directory by their names, and the files left aside.

    A granule of another size than the manifest beside it says is left aside.

    Raises:
        InputError: if it is missing or holds no layer; the message says what it holds.
    """
    if not directory.is_dir():
        raise InputError(f"`data.granules` {directory}: no such directory")
    found = find_granules(directory)
    layers, skipped = [], found.skipped
    for layer in found.layers:
        try:
            check_with_manifest(layer.path)
            layers.append(layer)
        except GranuleError as error:
            skipped = [*skipped, Skipped(layer.path, str(error).removeprefix(f"{layer.path.name}: "))]
    listing = Listing(layers, sorted(set(skipped)))
    if not listing.layers:
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in listing.skipped[:NAMED])
        raise InputError(
            f"`data.granules` {directory}: no LST at 1 km among its {len(listing.skipped)} files"
            + (f" ({reasons})" if reasons else "")
            + "; give a directory of granules or <granule>_LST_Day_1km.tif files (docs/products.md)"
        )
    return listing


def index_granules(directory: Path, rule: CutRule, ndvi: Path | None = None) -> PatchIndex:
    """Read every granule once and list the patches to keep.

    A granule that cannot be read is reported by name, skipped and counted.

    Raises:
        InputError: if a directory is missing or holds no usable patch; the message says what was found.
    """
    listing = list_granules(directory)
    library = None if ndvi is None else list_ndvi(ndvi)
    summary, layers, periods = Summary(), [], dict[int, Scene]()
    for found in tqdm(listing.layers, desc="indexing granules", unit="layer", disable=None):
        try:
            scene = found.read(rule.policy)
        except GranuleError as error:
            summary.add_unreadable(found.path.name, error)
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            continue
        periods.setdefault(scene.period_days, scene)
        _require_one_period(periods, rule)
        valid = np.isfinite(scene.lst)
        summary.add_scene(scene, valid)
        if library is not None and not _has_ndvi(library, scene, summary):
            summary.without_ndvi.add(scene.date.isoformat())
        layers.append(Layer(found, _patches(scene, valid, rule, summary)))
    if not summary.max_k:
        raise InputError(f"`data.granules` {directory}: {_why_no_patch(listing.layers, rule, summary)}")
    counts = Counter(patch.split for layer in layers for patch in layer.patches)
    return PatchIndex(
        tuple(layers),
        {
            "source": str(directory),
            "ndvi": None if ndvi is None else str(ndvi),
            **dataclasses.asdict(rule),
            "layers": len(listing.layers),
            "skipped": skipped_files(listing.skipped, library),
            "patches": {split: counts[split] for split in SPLITS if counts[split]},
            **summary.values(),
        },
    )


def _has_ndvi(library: NdviLibrary, scene: Scene, summary: Summary) -> bool:
    """Whether any NDVI is known for a scene; an unreadable NDVI granule is reported."""
    try:
        return bool(np.isfinite(ndvi_for(library, scene)).any())  # a grid that does not fit is an error right here
    except GranuleError as error:
        path = library.path_for(scene.tile, scene.date)
        summary.add_unreadable(path.name if path else "NDVI", error)
        tqdm.write(f"skipped: {error}", file=sys.stderr)
        return False


def _require_one_period(periods: dict[int, Scene], rule: CutRule) -> None:
    """Refuse LST of a day beside means of eight days, unless that was asked for.

    Raises:
        InputError: naming a file of each, and the remedy.
    """
    if len(periods) < 2:
        return
    if not rule.mix_periods:
        named = " and ".join(
            f"{scene.product} ({'daily' if days == 1 else f'means of {days} days'}, {scene.path.name})"
            for days, scene in sorted(periods.items())
        )
        raise InputError(
            f"`data.granules`: holds {named}; give a folder of one kind, or train on both (train.py with "
            "`data.mix_periods`)"
        )
    if rule.split_by == "day":
        raise InputError("`data.split_by` day: a mean of eight days holds days of other splits; split by date or place")


def _patches(scene: Scene, valid: np.ndarray, rule: CutRule, summary: Summary) -> tuple[Patch, ...]:
    patches = []
    for row, col in patch_windows(valid, rule.patch_size, rule.stride, rule.min_valid_fraction):
        tile, tile_row, tile_col = pixel_position(scene.transform, row, col)
        split = split_of(
            rule.split_by,
            granule=f"{scene.granule}_{scene.overpass}",
            date=scene.date,
            tile=tile,
            row=tile_row,
            col=tile_col,
            size=rule.patch_size,
        )
        window = scene.lst[row : row + rule.patch_size, col : col + rule.patch_size]
        summary.add_patch(split, window)
        if split is not None:
            summary.add_acquisition(scene, tile)
            patches.append(Patch(row, col, tile, tile_row, tile_col, split))
    return tuple(patches)


def _why_no_patch(layers: Sequence[LstLayer], rule: CutRule, summary: Summary) -> str:
    """What was found instead of a patch, and the remedy."""
    if not summary.observed:
        reasons = "; ".join(list(summary.unreadable.values())[:NAMED])
        return f"none of its {len(layers)} layers can be used: {reasons}"
    share = 100 * float(np.mean(summary.observed))
    return (
        f"no usable patch in {len(layers)} layers ({len(summary.dates)} dates, {share:.1f} % of their pixels "
        f"observed): none has a {rule.patch_size}x{rule.patch_size} window with {100 * rule.min_valid_fraction:g} % of "
        f"its pixels observed{' that the split rule keeps' if summary.dropped else ''}; add granules, or train with a "
        "smaller share (train.py with `data.min_valid_fraction`)"
    )
