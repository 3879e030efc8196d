"""No network is scored on the patches it was trained on without saying so."""

import datetime
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.config import DataConfig
from lstsr_jax.data.acquisitions import Acquisitions
from lstsr_jax.data.patches import split_of
from lstsr_jax.errors import InputError
from lstsr_jax.geo import parse_name
from lstsr_jax.predictor import Predictor

_DEPENDS_ON = {
    "date": ("split_by",),
    "day": ("split_by",),
    "year": ("split_by",),
    "place": ("split_by", "patch_size"),
    "random": ("split_by", "patch_size", "stride"),
}
"""What a split rule is a function of beside the granules: only if these agree is a split the one held out."""


def check_unseen(predictors: Iterable[Predictor], data: DataConfig, split: str) -> None:
    """Refuse a held-out split that is not the one a network was trained without.

    Args:
        predictors: to be scored; one that does not say what it was trained on passes.
        data: the patches to score.
        split: of them; ``train`` and ``all`` claim nothing and pass.

    Raises:
        InputError: if a network was trained on the same granules split by another rule, or on the split itself.
    """
    if split in ("train", "all"):
        return
    for provenance in (predictor.provenance for predictor in predictors):
        trained = None if provenance is None else provenance.data
        if provenance is None or trained is None or not trained.uses_granules:
            continue
        if _resolved(trained.granules) != _resolved(data.granules):
            continue
        if split == "validation" and provenance.used_validation:
            raise InputError(
                f"`checkpoint` {provenance.path}: was trained with `train.use_validation`; evaluate the test split"
            )
        for name in {*_DEPENDS_ON[trained.split_by], *_DEPENDS_ON[data.split_by]}:
            if getattr(trained, name) != getattr(data, name):
                raise InputError(
                    f"`checkpoint` {provenance.path}: trained on these granules with {name.replace('_', '-')} "
                    f"{getattr(trained, name)}, so the {split} split with {getattr(data, name)} holds patches it has "
                    "seen; evaluate it with its own rule, or on granules it was not trained on"
                )


def trained_on_patches(
    predictor: Predictor, granules: str | None, origins: Sequence[Mapping[str, Any]], size: int
) -> np.ndarray:
    """Which patches share pixels with one that a network was trained on, by the split rule and cut it records.

    A checkpoint that records its acquisitions (product, tile, date) knows them in any folder; an older one only in its
    own. Clouds are left aside: a patch counts even if the one it shares pixels with was too cloudy to be trained on.

    Args:
        predictor: the network.
        granules: the folder that the patches come from; None: simulated.
        origins: granule, date, tile, overpass, row, col and product of each patch; without a product the granule's name
            says it.
        size: side of a patch.

    Returns:
        ``(N,)`` bool; all False if the network does not say what it was trained on.
    """
    provenance = predictor.provenance
    trained = None if provenance is None else provenance.data
    if provenance is None or trained is None or not trained.uses_granules:
        return np.zeros(len(origins), bool)
    own_folder = _resolved(trained.granules) == _resolved(granules)
    used = {"train", "validation"} if provenance.used_validation else {"train"}
    known = None if provenance.acquisitions is None else Acquisitions(provenance.acquisitions)

    def is_seen(origin: Mapping[str, Any]) -> bool:
        date = datetime.date.fromisoformat(origin["date"])
        product = origin.get("product") or parse_name(origin["granule"]).product
        if not (own_folder if known is None else known.hold(product, origin["tile"], date)):
            return False
        rows, cols = (_windows(origin[key], size, trained.patch_size, trained.stride) for key in ("row", "col"))
        options = {"date": date, "tile": origin["tile"], "size": trained.patch_size}
        name = f"{origin['granule']}_{origin['overpass']}"
        corners = itertools.product(rows, cols)
        return any(split_of(trained.split_by, granule=name, row=r, col=c, **options) in used for r, c in corners)

    return np.array([is_seen(origin) for origin in origins], bool)


def trained_on_line(name: str, count: int, total: int, unit: str = "patches") -> str:
    """How many of the patches, or pairs, a network was trained on, in one line."""
    return f"`{name}`: {count} of {total} {unit} were trained on; its scores say nothing of unseen ones."


def _windows(first: int, size: int, trained_size: int, stride: int) -> range:
    """Where the windows of the training begin that share a pixel with ``first .. first + size - 1``, along one axis."""
    begin = max(0, math.ceil((first - trained_size + 1) / stride) * stride)
    return range(begin, first + size, stride)


def _resolved(directory: str | None) -> Path | None:
    return None if directory is None else Path(directory).expanduser().resolve()
