"""Table II: methods scored on a folder of MODIS and ASTER pairs."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lstsr_jax.config import parse_fold
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.leaks import trained_on_line
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.evaluation.pairs.registration import Registering, main_registration, pair_shifts
from lstsr_jax.evaluation.pairs.score import METRICS, PAIRS, PairScore, guides_of_pair, pair_methods, score_pair
from lstsr_jax.evaluation.rows import Row, Rows
from lstsr_jax.geo.aster.folds import held_out
from lstsr_jax.geo.aster.pair import Pair, read_pairs
from lstsr_jax.geo.aster.pair_index import overpass_groups
from lstsr_jax.geo.aster.registration import summarise
from lstsr_jax.geo.warp import Shift

_COLUMNS = {
    "psnr": ("PSNR (dB)", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "rmse": ("RMSE (K)", ".3f"),
    "psnr_ub": ("PSNR-ub", ".2f"),
    "ssim_ub": ("SSIM-ub", ".3f"),
    "rmse_ub": ("RMSE-ub", ".3f"),
    "bias": ("bias (K)", "+.2f"),
    "consistency": ("consistency (K)", ".3f"),
    "fine_power": ("fine power", ".2f"),
    "gradient": ("gradient (K/km)", ".2f"),
}
_LEGEND = (
    "`fine power`: spectral power at wavelengths below two coarse pixels over that of ASTER (1 is a texture as rich); "
    "`gradient`: RMSE of the gradient; `bias`: field less ASTER; `consistency`: RMSE of the field pooled to 1 km "
    "against the input."
)


@dataclasses.dataclass(frozen=True, eq=False)
class PairsEvaluation:
    """Scores of methods on pairs. :func:`write_pairs_report` makes files of it.

    Attributes:
        scores: of every pair under every registration.
        registration: of the main table.
        sources: where the shifts of each registration come from, one phrase.
        rows: the methods.
        pairs: that were scored.
        directory: they were read from.
        skipped: why others were left out.
        fold: of the folder, if others were left out for it.
    """

    scores: list[PairScore]
    registration: Registering
    sources: dict[Registering, str]
    rows: Rows
    pairs: list[Pair]
    directory: str
    skipped: list[str]
    fold: str | None = None

    def trained_on(self) -> dict[str, int]:
        """How many of the pairs each network was trained on, by its checkpoint's record; self-ensembles left out."""
        scored = [pair.fingerprint for pair in self.pairs]
        records = {name: network.provenance for name, network in self.rows.own_networks.items()}
        return {name: sum(f in found.pairs for f in scored) for name, found in records.items() if found is not None}

    def under(self, registration: Registering) -> list[PairScore]:
        """The scores under one registration, in the order of the pairs."""
        return [score for score in self.scores if score.registration == registration]

    def means(self, registration: Registering | None = None) -> dict[str, dict[str, float]]:
        """Unweighted means over pairs, by method; None: under the registration of the main table."""
        scores = self.under(registration or self.registration)
        return {
            method.name: {
                metric: float(np.mean([score.values[method.name][metric] for score in scores])) for metric in METRICS
            }
            for method in self.rows.methods
        }

    def table(self) -> str:
        """The means under every registration in Markdown, the main one first."""
        count = len(self.pairs)
        which = "" if self.fold is None else f" of fold {self.fold}"
        parts = [f"{count} pairs{which}, protocol `{PAIRS.name}`: {PAIRS.description}."]
        for kind in sorted(self.sources, key=lambda kind: kind != self.registration):
            parts += [f"Registration `{kind}` ({self._sentence(kind)}):", _table(self.means(kind))]
        parts.append(_LEGEND)
        parts += [trained_on_line(name, n, count, "pairs") for name, n in self.trained_on().items() if n]
        guides = {name for pair in self.pairs for name in guides_of_pair(pair)}
        own = [method for method in self.rows.methods if method.name in self.rows.own]
        parts += [line for method in own if (line := method.without(guides))]
        if self.skipped:
            reasons = "\n".join(f"- {reason}" for reason in self.skipped)
            parts.append(f"Left out, {len(self.skipped)} of {count + len(self.skipped)}:\n{reasons}")
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return {
            "protocol": PAIRS.name,
            "split": "all",
            "n_images": len(self.pairs),
            "n_pairs": len(self.pairs),
            "fold": self.fold,
            "trained_on": self.trained_on(),
            "data": self.directory,
            "checkpoint": self.rows.describe(),
            "skipped": self.skipped,
            "registration": self.registration,
            "shifts": {kind: self._describe_shifts(kind) for kind in self.sources},
            "methods": self.means(),
            "registrations": {kind: self.means(kind) for kind in self.sources},
        }

    def _sentence(self, kind: Registering) -> str:
        source, found = self.sources[kind], summarise([score.shift for score in self.under(kind)])
        if max(found.spread) < 1e-6:
            return source
        mean = f"{found.mean.rows:.2f} rows and {found.mean.columns:.2f} columns on average"
        return f"{source}; {mean}, spread {found.spread.rows:.2f} and {found.spread.columns:.2f}"

    def _describe_shifts(self, kind: Registering) -> dict[str, Any]:
        found = summarise([score.shift for score in self.under(kind)])
        mean, spread = ([round(value, 6) for value in pair] for pair in (found.mean, found.spread))
        return {"source": self.sources[kind], "mean": mean, "spread": spread, "n": found.n}


def evaluate_pairs(
    methods: Sequence[Row] | Mapping[str, Row],
    directory: str | Path,
    *,
    registration: Registering | None = None,
    shift: Shift | None = None,
    fold: str | None = None,
    self_ensemble: bool = False,
    elevation: str | Path | None = None,
) -> PairsEvaluation:
    """Score methods against ASTER.

    Args:
        methods: the rows, as for :func:`lstsr_jax.evaluate`, all of factor 4.
        directory: of the pairs, see :mod:`lstsr_jax.geo.aster.pair`.
        registration: of the main table; the one without registration is always given as well. None: per pair, or
            constant if ``shift`` is given.
        shift: the constant one, in fine pixels; None: the mean of what the folder's ``index.csv`` records.
        fold: ``"K/N"``: those pairs alone that a training with ``data.pairs_fold`` K/N leaves out; the constant shift
            stays that of all.
        self_ensemble: add each network's self-ensemble.
        elevation: a DEM, for networks guided by it.

    Raises:
        InputError: if there is no usable pair, a file is unreadable, or a method unknown.
    """
    main = main_registration(registration, shift)
    rows = pair_methods(methods, self_ensemble=self_ensemble)
    pairs, skipped = read_pairs(directory, elevation)
    if elevation is not None and all(pair.elevation is None for pair in pairs):
        raise InputError(f"`elevation` {elevation}: holds nothing over the pairs of {directory}; give a DEM of them")
    if main == "constant" and shift is None:  # of the whole folder, whatever is scored of it
        (shift, *_), source = pair_shifts(pairs, main, directory)
    else:
        source = None
    if fold is not None:
        names = held_out(pairs, overpass_groups(directory, [pair.name for pair in pairs]), *parse_fold(fold, "fold"))
        pairs = [pair for pair in pairs if pair.name in names]
    reasons = [found.reason for found in skipped]
    needing = ", ".join(method.name for method in rows.methods if method.needs_ndvi)
    required = ", ".join(method.name for method in rows.methods if method.requires_ndvi)
    if required or (needing and any(pair.ndvi is not None for pair in pairs)):
        reasons += [f"pair {pair.name}: no NDVI, which {needing} need" for pair in pairs if pair.ndvi is None]
        pairs = [pair for pair in pairs if pair.ndvi is not None]
    if not pairs:
        raise InputError(f"{directory}: no pair has the NDVI that {required} need; leave them out")
    kinds: dict[Registering, tuple[list[Shift], str]] = {"none": pair_shifts(pairs, "none", directory)}
    if main != "none":
        shifts, said = pair_shifts(pairs, main, directory, shift)
        kinds[main] = shifts, source or said
    scores: list[PairScore] = []
    for i, pair in enumerate(tqdm(pairs, desc="evaluating", unit="pair", disable=None)):
        scores += score_pair(rows.methods, pair, {kind: shifts[i] for kind, (shifts, _) in kinds.items()})
    sources = {kind: source for kind, (_, source) in kinds.items()}
    return PairsEvaluation(scores, main, sources, rows, pairs, str(directory), reasons, fold)


def _table(means: Mapping[str, Mapping[str, float]]) -> str:
    rows = [[name, *(f"{row[key]:{form}}" for key, (_, form) in _COLUMNS.items())] for name, row in means.items()]
    return markdown_table(["method", *(heading for heading, _ in _COLUMNS.values())], rows)
