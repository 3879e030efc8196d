"""The index of a granule directory: every usable patch, found before anything is written."""

import dataclasses
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lstsr_jax.data.ndvi import ndvi_for
from lstsr_jax.data.patches import SPLITS, patch_windows, split_of
from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, NdviLibrary, Overpass, QualityPolicy, Scene, find_granules, read_lst


@dataclasses.dataclass(frozen=True)
class CutRule:
    """How scenes are cut into patches and patches dealt into splits."""

    split_by: str = "date"
    patch_size: int = 64
    stride: int = 64
    min_valid_fraction: float = 1.0
    max_lst_error_k: int | None = 3

    @property
    def policy(self) -> QualityPolicy:
        """Which pixels of a scene count as observed."""
        return QualityPolicy(max_lst_error_k=self.max_lst_error_k)


@dataclasses.dataclass(frozen=True)
class Layer:
    """One overpass of one granule and its patches: ``(row, col, split)`` of each."""

    path: Path
    overpass: Overpass
    patches: tuple[tuple[int, int, str], ...]


@dataclasses.dataclass(frozen=True)
class PatchIndex:
    """All usable patches of a directory, and what was found on the way."""

    layers: tuple[Layer, ...]
    summary: dict[str, Any]


def index_granules(directory: Path, rule: CutRule, ndvi: Path | None = None) -> PatchIndex:
    """Read every granule once and list the patches to keep.

    A granule that cannot be read is reported by name, skipped and counted.

    Raises:
        InputError: if a directory is missing or holds no usable patch; the message says what was found.
    """
    if not directory.is_dir():
        raise InputError(f"--granules {directory}: no such directory")
    found, skipped = find_granules(directory)
    if not found:
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in skipped[:3])
        raise InputError(
            f"--granules {directory}: no MOD11A1 or MYD11A1 LST among its {len(skipped)} files"
            + (f" ({reasons})" if reasons else "")
            + "; give a directory of .hdf granules or <granule>_LST_Day_1km.tif files"
        )
    library = None if ndvi is None else NdviLibrary(ndvi)
    layers, unreadable, dates, without_ndvi = [], [], set(), set()
    highest, observed, dropped, assumed_clear = dict.fromkeys(SPLITS, 0.0), [], 0, 0
    for path, overpass in tqdm(found, desc="indexing granules", unit="layer", disable=None):
        try:
            scene = read_lst(path, overpass, rule.policy)
        except GranuleError as error:
            unreadable.append(path.name)
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            continue
        dates.add(scene.date.isoformat())
        if library is not None:
            try:
                known = np.isfinite(ndvi_for(library, scene)).any()  # a grid that does not fit is an error right here
            except GranuleError as error:
                known = False
                path_of_ndvi = library.path_for(scene.tile, scene.date)
                unreadable.append(path_of_ndvi.name if path_of_ndvi else "NDVI")
                tqdm.write(f"skipped: {error}", file=sys.stderr)
            if not known:
                without_ndvi.add(scene.date.isoformat())
        valid = np.isfinite(scene.lst)
        observed.append(float(valid.mean()))
        assumed_clear += scene.quality is None
        patches = []
        for row, col in patch_windows(valid, rule.patch_size, rule.stride, rule.min_valid_fraction):
            split = _split(scene, rule, row, col)
            if split is None:
                dropped += 1
                continue
            patches.append((row, col, split))
            window = scene.lst[row : row + rule.patch_size, col : col + rule.patch_size]
            highest[split] = max(highest[split], float(np.nanmax(window)))
        layers.append(Layer(path, overpass, tuple(patches)))
    counts = Counter(split for layer in layers for *_, split in layer.patches)
    summary = {
        "source": str(directory),
        "ndvi": None if ndvi is None else str(ndvi),
        "dates_without_ndvi": sorted(without_ndvi),
        **dataclasses.asdict(rule),
        "layers": len(found),
        "dates": len(dates),
        "unreadable": sorted(set(unreadable)),
        "layers_without_quality": assumed_clear,
        "patches": {split: counts[split] for split in SPLITS if counts[split]},
        "dropped_by_split_rule": dropped,
        "max_k": {split: highest[split] for split in SPLITS if counts[split]},
    }
    if not counts:
        share = f"{100 * np.mean(observed):.1f} % of their pixels observed" if observed else "none readable"
        raise InputError(
            f"--granules {directory}: no usable patch in {len(found)} layers ({len(dates)} dates, {share}): none has a "
            f"{rule.patch_size}x{rule.patch_size} window with {100 * rule.min_valid_fraction:g} % of its pixels "
            f"observed{' that the split rule keeps' if dropped else ''}; lower --data.min-valid-fraction "
            "or add granules"
        )
    return PatchIndex(tuple(layers), summary)


def _split(scene: Scene, rule: CutRule, row: int, col: int) -> str | None:
    return split_of(
        rule.split_by,
        granule=f"{scene.granule}_{scene.overpass}",
        date=scene.date,
        tile=scene.tile,
        row=row,
        col=col,
        size=rule.patch_size,
    )


def describe(summary: dict[str, Any]) -> str:
    """The summary of a build in one line."""
    patches, size = summary["patches"], summary["patch_size"]
    line = (
        f"{sum(patches.values())} patches of {size} x {size} from {summary['source']}: "
        f"{summary['layers']} layers of {summary['dates']} dates "
        f"({', '.join(f'{split} {count}' for split, count in patches.items())}; split by {summary['split_by']})"
    )
    if summary["dropped_by_split_rule"]:
        line += f"; {summary['dropped_by_split_rule']} left out by the split rule"
    if summary["layers_without_quality"]:
        line += f"; {summary['layers_without_quality']} layers without QC, taken as all clear"
    if summary["dates_without_ndvi"]:
        line += f"; {len(summary['dates_without_ndvi'])} dates without NDVI"
    if summary["unreadable"]:
        line += f"; {len(summary['unreadable'])} unreadable: {', '.join(summary['unreadable'])}"
    return line
