"""The pairs of a folder as training examples: arrays of common shapes, and the record that goes into checkpoints."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lstsr_jax.config import Config, parse_fold
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.pairs.registration import pair_shifts
from lstsr_jax.evaluation.pairs.score import scored_mask
from lstsr_jax.geo.aster.folds import held_out
from lstsr_jax.geo.aster.pair import FACTOR, Pair, read_pairs
from lstsr_jax.geo.aster.pair_index import overpass_groups
from lstsr_jax.geo.warp import Shift, coordinates
from lstsr_jax.ops.gaps import fill_gaps

PairExample = dict[str, Any]
"""``name``; ``coarse`` ``(s, s, 1)`` K without gaps, the guides ``(4s, 4s, 1)``, ``aster`` and ``mask`` ``(P, P, 1)``,
``rows`` and ``columns`` ``(P, P)``: see :mod:`lstsr_jax.training.pairs.objective`."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairExamples:
    """What a folder of pairs gives a run.

    Attributes:
        training: pairs to train on.
        held_out: those of the fold that is left out; empty without a fold.
        record: folder, fold, shift, and the pairs trained on and left out: names by fingerprint.
        remarks: one line each, for the user.
    """

    training: list[PairExample] = dataclasses.field(default_factory=list)
    held_out: list[PairExample] = dataclasses.field(default_factory=list)
    record: dict[str, Any] = dataclasses.field(default_factory=dict)
    remarks: list[str] = dataclasses.field(default_factory=list)

    def require_unseen(self, record: Mapping[str, Any] | None) -> None:
        """Refuse to score pairs that the model a run starts from was trained on.

        Args:
            record: of that model, see :mod:`lstsr_jax.training.start`.

        Raises:
            InputError: naming how many.
        """
        seen = set(self.record.get("held_out", {})) & set((record or {}).get("pairs") or {})
        if record and seen:
            raise InputError(
                f"`train.init` {record['path']}: was trained on {len(seen)} of the {len(self.held_out)} pairs of "
                "`data.pairs_fold`; start from a model that has not seen them"
            )


def read_examples(config: Config) -> PairExamples:
    """Read the pairs of ``config.data.pairs``; none if it names no folder.

    Raises:
        InputError: if there is no usable pair, no shift, too few pairs for the folds, or none has a guide of the
            network.
        GranuleError: a file that cannot be used.
    """
    data = config.data
    if data.pairs is None:
        return PairExamples()
    pairs, skipped = read_pairs(data.pairs, data.elevation)
    remarks = [found.reason for found in skipped]
    names = [pair.name for pair in pairs]
    left_out: list[str] = []
    if data.pairs_fold is not None:
        overpasses = overpass_groups(data.pairs, names)
        left_out = held_out(pairs, overpasses, *parse_fold(data.pairs_fold))
        if unnamed := len(set(names) - set(overpasses)):
            remarks.append(
                f"{data.pairs}: index.csv names no overpass_group of {unnamed} of {len(names)} pairs: folds keep "
                "places apart, but not their overpasses"
            )
    shift = _constant_shift(pairs, data.pairs, data.pairs_shift)
    _require_guides(config, pairs)
    examples = _stacked(pairs, shift)
    training = [example for example in examples if example["name"] not in left_out]
    fingerprints = {pair.name: pair.fingerprint for pair in pairs}
    record = {
        "directory": data.pairs,
        "fold": data.pairs_fold,
        "shift": list(shift),
        "trained_on": {value: name for name, value in fingerprints.items() if name not in left_out},
        "held_out": {fingerprints[name]: name for name in left_out},
    }
    held = [example for example in examples if example["name"] in left_out]
    return PairExamples(training, held, record, remarks)


def _require_guides(config: Config, pairs: Sequence[Pair]) -> None:
    guides, data = config.model.guides, config.data
    if "ndvi" in guides and all(pair.ndvi is None for pair in pairs):
        raise InputError(
            f"`model.guide` ndvi: {data.pairs} holds no <name>_modis_ndvi_250m.tif; add them, or train without a guide"
        )
    if "elevation" in guides and all(pair.elevation is None for pair in pairs):
        why = "give `data.elevation`" if data.elevation is None else f"{data.elevation} holds nothing over the pairs"
        raise InputError(f"`model.guide` elevation: {data.pairs} brings no elevation; {why}")


def _constant_shift(pairs: Sequence[Pair], directory: str, given: tuple[float, float] | None) -> Shift:
    """The one shift of all pairs of a folder: a property of the two instruments, so of its folds too."""
    try:
        return pair_shifts(pairs, "constant", directory, None if given is None else Shift(*given))[0][0]
    except InputError as error:
        if given is None and "`registration`" in str(error):
            raise InputError(
                f"{directory}: has no index.csv that records shifts of its pairs; give `data.pairs_shift` ROWS COLUMNS"
            ) from error
        raise


def _stacked(pairs: Sequence[Pair], shift: Shift) -> list[PairExample]:
    """Examples of one shape: fields filled up to a square, truth cut to what is scored and filled up with nothing.

    Elevation is among the guides if any pair has it.
    """
    elevated = any(pair.elevation is not None for pair in pairs)
    side = max(max(pair.lst.shape) for pair in pairs)
    drawn = [(pair, _scored(pair, shift)) for pair in pairs]
    scored = max(max(values["aster"].shape) for _, values in drawn)
    scored = -(-scored // 8) * 8
    examples = []
    for pair, values in drawn:
        coarse = fill_gaps(jnp.asarray(_filled(pair.lst, side, np.nan))[None, ..., None])[0]
        guides = {"ndvi": pair.ndvi, **({"elevation": pair.elevation} if elevated else {})}
        fields = {name: _fine(field, side * FACTOR) for name, field in guides.items()}
        padded = {name: _filled(field, scored, 0) for name, field in values.items()}
        padded |= {name: padded[name][..., None] for name in ("aster", "mask")}
        examples.append({"name": pair.name, "coarse": np.asarray(coarse), **fields, **padded})
    return examples


def _scored(pair: Pair, shift: Shift) -> dict[str, np.ndarray]:
    """ASTER, where it is scored, and where its pixels lie in the fine field, cut to the box of what is scored."""
    rows, columns = coordinates(pair.fine_grid.shift(shift), pair.aster_grid)
    mask = scored_mask(pair, shift) & np.isfinite(rows) & np.isfinite(columns)
    if not mask.any():
        raise InputError(f"pair {pair.name}: nothing of it is scored; remove the pair")
    down, across = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.s_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    fields = {"aster": pair.aster, "rows": rows, "columns": columns}
    return {"mask": mask[box], **{name: np.where(mask, field, 0)[box] for name, field in fields.items()}}


def _fine(field: np.ndarray | None, side: int) -> np.ndarray:
    """A guide as ``(side, side, 1)``, NaN beyond it; all NaN if there is none."""
    nothing = np.full((side, side), np.nan, np.float32)
    return (nothing if field is None else _filled(field, side, np.nan))[..., None]


def _filled(field: np.ndarray, side: int, value: float) -> np.ndarray:
    """A field in the upper left corner of a square one."""
    whole = np.full((side, side), value, field.dtype)
    whole[: field.shape[0], : field.shape[1]] = field
    return whole
