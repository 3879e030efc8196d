"""Table I: methods scored on a split of a prepared dataset."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from lstsr_jax.config import GUIDES
from lstsr_jax.data import PreparedDataset
from lstsr_jax.evaluation.cases import BATCH, cases
from lstsr_jax.evaluation.dynamic_range import beaten_line
from lstsr_jax.evaluation.leaks import trained_on_line, trained_on_patches
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.evaluation.protocols import STRICT, Protocol, protocol_of
from lstsr_jax.evaluation.reliability import Reliability, Spreads, calibrate, describe, require_other_split
from lstsr_jax.evaluation.rows import Row, Rows, build_rows, common_factor
from lstsr_jax.evaluation.scores import Scores, Scoring

_COLUMNS = {"psnr": ("PSNR (dB)", ".2f"), "ssim": ("SSIM", ".3f"), "rmse": ("RMSE (K)", ".3f")}


@dataclasses.dataclass(frozen=True, eq=False)
class Fields:
    """One image and what every method that was scored on it makes of it.

    Attributes:
        coarse: ``(h, w)`` K without gaps: the input.
        truth: ``(H, W)`` K, NaN where it is not scored.
        estimates: ``(H, W)`` K, by method.
    """

    coarse: np.ndarray
    truth: np.ndarray
    estimates: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of methods on the images of a split. :func:`write_report` makes files of it.

    Attributes:
        scores: of every method on every image.
        protocol: by which they were scored.
        rows: the methods.
        dataset: the prepared patches.
        split: of them.
        factor: fine = coarse x factor.
        coarsened_by: the factor the patches were pooled by first.
        trained_on: per network, how many of the patches it was trained on.
        reliability: of the networks' spreads, if it was asked for.
    """

    scores: Scores
    protocol: Protocol
    rows: Rows
    dataset: PreparedDataset
    split: str
    factor: int
    coarsened_by: int
    trained_on: dict[str, int]
    reliability: Reliability | None = None

    @property
    def compared(self) -> list[str]:
        """The rows that are compared with the protocol's baseline image by image."""
        return self.rows.own if self.protocol.baseline in self.scores.values else []

    @property
    def guides(self) -> list[str]:
        """The guides that the dataset holds."""
        return [name for name in GUIDES if name in self.dataset.source(self.split)[0]]

    @property
    def products(self) -> list[str]:
        """The LST products that the images are of."""
        return sorted({origin["product"] for origin in self.scores.provenance})

    def means(self, *, common: bool = False) -> dict[str, dict[str, Any]]:
        """Means by method: ``psnr`` dB, ``ssim``, ``rmse`` K, and ``n_images`` they are over.

        Args:
            common: over the images that every method was scored on.
        """
        return self.scores.means(self.scores.common if common else None)

    def table(self) -> str:
        """The means in Markdown, with what was scored above and remarks below."""
        scores, count = self.scores, len(self.scores.provenance)
        pooled = f" pooled {self.coarsened_by} x {self.coarsened_by}" if self.coarsened_by > 1 else ""
        parts = [
            f"{count} images{pooled} of {self.dataset.metadata['source']}, split `{self.split}`, protocol "
            f"`{self.protocol.name}`: {self.protocol.description}.",
            _table(self.means()),
        ]
        if not scores.common.all():
            parts += [f"Over the {scores.common.sum()} images common to all methods:", _table(self.means(common=True))]
        parts += [beaten_line(scores, name, self.protocol.baseline) for name in self.compared]
        parts += [trained_on_line(name, seen, count) for name, seen in self.trained_on.items() if seen]
        parts += [method.without(self.guides) for method in self.rows.methods if method.name in self.rows.own]
        networks = self.rows.own_networks.values()
        parts += [network.provenance.foreign_products(self.products) for network in networks if network.provenance]
        return "\n\n".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        summary = {
            "protocol": self.protocol.name,
            "split": self.split,
            "coarsened_by": self.coarsened_by,
            "split_by": self.dataset.metadata["split_by"],
            "data": self.dataset.metadata["source"],
            "dataset": str(self.dataset.directory),
            "checkpoint": self.rows.describe(),
            **({"trained_on": self.trained_on, "products": self.products} if self.trained_on else {}),
            "n_images": len(self.scores.provenance),
            "methods": self.means(),
        }
        common = self.scores.common
        if not common.all():
            summary["common"] = {"n_images": int(common.sum()), "methods": self.means(common=True)}
        return summary

    def fields(self, image: int) -> Fields:
        """What the methods make of an image of the split, by its number; computed anew."""
        factors = {"factor": self.factor, "coarsen_by": self.coarsened_by}
        (case,) = cases(self.dataset, self.split, images=[image], **factors)
        estimates = {
            method.name: np.asarray(method.apply(case.coarse, case.guides))[0, ..., 0]
            for method in self.rows.methods
            if self.scores.counted[method.name][image]
        }
        truth = np.where(np.asarray(case.mask)[0, ..., 0], case.truth[0, ..., 0], np.nan)
        return Fields(np.asarray(case.coarse)[0, ..., 0], truth, estimates)


def evaluate(
    methods: Sequence[Row] | Mapping[str, Row],
    dataset: PreparedDataset,
    *,
    protocol: Protocol | str = STRICT,
    split: str = "test",
    coarsen_by: int = 1,
    factor: int | None = None,
    self_ensemble: bool = False,
    reliability: bool = False,
) -> Evaluation:
    """Score methods on the images of a split: degraded, super-resolved, and compared with themselves.

    Args:
        methods: the rows, in order: names of classical methods (``bicubic``, ``atprk``...), networks
            (:func:`lstsr_jax.load_predictor`), and any function ``(B, h, w, 1)`` K -> ``(B, h*f, w*f, 1)`` K, such as
            ``functools.partial(upsample, factor=2)``; a mapping names them.
        dataset: prepared patches.
        protocol: what is scored: ``strict`` or ``paper``.
        split: ``train``, ``validation``, ``test`` or ``all``.
        coarsen_by: pool the patches by this factor first: 2 scores 8 km to 2 km.
        factor: of all rows; None: that of the networks, 4 without any.
        self_ensemble: add each network's self-ensemble.
        reliability: fit the spread of each network's self-ensemble on validation and check it on the split.

    Raises:
        InputError: if the split is empty, a method unknown, needs NDVI that the dataset lacks, or answers in another
            shape or with what is not finite; if the factors differ, or the patches are too small for them.
    """
    protocol = protocol_of(protocol)
    rows = list(methods.values()) if isinstance(methods, Mapping) else list(methods)
    factor = common_factor(rows, factor)
    built = build_rows(methods, protocol, factor, self_ensemble=self_ensemble)
    source = dataset.source(split)
    images = cases(dataset, split, factor=factor, coarsen_by=coarsen_by)
    networks = built.own_networks if reliability else {}
    border = max(protocol.crop, protocol.crop_learned)
    if reliability:
        require_other_split(split)
    calibrations = calibrate(networks, dataset, border, coarsen_by)
    spreads = {name: Spreads(network, border) for name, network in networks.items()}
    scoring = Scoring(built.methods, protocol)
    total = math.ceil(len(source) / BATCH)
    for case in tqdm(images, total=total, desc="evaluating", unit="batch", disable=None):
        scoring.add(case)
        for gathered in spreads.values():
            gathered.add(case)
    scores = scoring.scores()
    found = {name: gathered.result() for name, gathered in spreads.items()}
    side = source[0]["lst"].shape[0]
    return Evaluation(
        scores,
        protocol,
        built,
        dataset,
        split,
        factor,
        coarsen_by,
        {
            name: int(trained_on_patches(network, dataset.granules, scores.provenance, side).sum())
            for name, network in built.own_networks.items()
        },
        describe(networks, calibrations, found, split, coarsen_by) if reliability else None,
    )


def _table(means: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [name, *("-" if row[key] is None else f"{row[key]:{form}}" for key, (_, form) in _COLUMNS.items()), count]
        for name, row in means.items()
        for count in [str(row["n_images"])]
    ]
    return markdown_table(["method", *(heading for heading, _ in _COLUMNS.values()), "images"], rows)
