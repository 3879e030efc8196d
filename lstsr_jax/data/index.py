"""Which layers of a granule directory are cut into patches, by what rule, and what makes no dataset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstsr_jax.data.summary import NAMED, Summary
from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, Listing, LstLayer, QualityPolicy, Skipped, find_granules
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


def require_one_period(summary: Summary, rule: CutRule) -> None:
    """Refuse LST of a day beside means of eight days, unless that was asked for.

    Raises:
        InputError: naming a file of each, and the remedy.
    """
    if len(summary.periods) < 2:
        return
    if not rule.mix_periods:
        named = " and ".join(words for _, words in sorted(summary.periods.items()))
        raise InputError(
            f"`data.granules`: holds {named}; give a folder of one kind, or train on both (train.py with "
            "`data.mix_periods`)"
        )
    if rule.split_by == "day":
        raise InputError("`data.split_by` day: a mean of eight days holds days of other splits; split by date or place")


def require_patches(directory: Path, layers: Sequence[LstLayer], rule: CutRule, summary: Summary) -> None:
    """Refuse to make a dataset of nothing.

    Raises:
        InputError: saying what was found, and the remedy.
    """
    if not summary.patches:
        raise InputError(f"`data.granules` {directory}: {_why_no_patch(layers, rule, summary)}")


def require_elevation(directory: Path, elevation: Path | None, summary: Summary) -> None:
    """Refuse a DEM of another place.

    Raises:
        InputError: naming the tiles that it should hold.
    """
    if summary.without_elevation and not summary.with_elevation:
        raise InputError(
            f"`data.elevation` {elevation}: holds nothing over the LST of {directory}; give a DEM of "
            f"{', '.join(sorted(summary.without_elevation)[:NAMED])}"
        )


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
