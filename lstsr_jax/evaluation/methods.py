"""How a protocol sets up the methods of a table, and how much of each one's answer it scores."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import jax

from lstsr_jax.evaluation.protocols import MethodSettings
from lstsr_jax.methods import METHODS, method
from lstsr_jax.ops.dihedral import SUBGROUPS
from lstsr_jax.predictor import Predictor, SuperResolver
from lstsr_jax.predictor.guides import CHANNELS, Guides, call_guided, guides_of, taken


@dataclasses.dataclass(frozen=True)
class ScoredMethod:
    """A row of a table.

    Attributes:
        name: of the row.
        resolver: the method.
        crop_as_learned: whether the protocol's border for networks and ATPRK holds.
    """

    name: str
    resolver: SuperResolver
    crop_as_learned: bool = False

    @property
    def needs_ndvi(self) -> bool:
        """Whether it takes NDVI: images without are left out where others have it."""
        return self.resolver.needs_ndvi

    @property
    def requires_ndvi(self) -> bool:
        """Whether it can do nothing without NDVI; a network can."""
        return self.needs_ndvi and not isinstance(self.resolver, Predictor)

    def apply(self, coarse: jax.Array, guides: Guides | None) -> Any:
        """The fine field ``(B, h*f, w*f, 1)`` K of ``(B, h, w, 1)`` K, with those of the guides that it takes."""
        return call_guided(self.resolver, coarse, taken(self.resolver, guides or {}))

    def without(self, guides: Collection[str]) -> str:
        """One line if it takes guides that are not among those there are; else nothing."""
        missing, left = (
            [CHANNELS[name].text for name in guides_of(self.resolver) if (name in guides) == held]
            for held in (False, True)
        )
        if not missing:
            return ""
        alone = " and ".join(["LST", *left])
        return f"`{self.name}` is guided by {' and '.join(missing)}, not given here: it answers from {alone} alone."


def classical_method(name: str, settings: MethodSettings, factor: int) -> ScoredMethod:
    """A method that needs no checkpoint, set up as the protocol says.

    Raises:
        InputError: if there is none of that name.
    """
    resolver = method(name, factor, setting="methods", **settings.options.get(name, {}))
    return ScoredMethod(name, resolver, METHODS[name].crop_as_learned)


def network_method(name: str, predictor: Predictor, settings: MethodSettings) -> ScoredMethod:
    """A trained network as a method, with its input interpolated as the protocol says."""
    if settings.network_upsampling is not None:
        config = dataclasses.replace(predictor.config, upsampling=settings.network_upsampling)
        predictor = dataclasses.replace(predictor, config=config)
    return ScoredMethod(name, predictor, crop_as_learned=True)


def with_self_ensembles(predictors: Mapping[str, Predictor]) -> dict[str, Predictor]:
    """Each network followed by the one that answers with its self-ensemble's mean, as ``<name>-x8``.

    Not those that answer so anyway, or know a single orientation.
    """
    rows: dict[str, Predictor] = {}
    for name, predictor in predictors.items():
        rows[name] = predictor
        count = len(SUBGROUPS[predictor.orientations])
        if not predictor.ensembles and count > 1:
            row = f"{name}-x{count}"
            rows[row if row not in predictors else f"{name}-self-ensemble"] = dataclasses.replace(
                predictor, ensembles=True
            )
    return rows
