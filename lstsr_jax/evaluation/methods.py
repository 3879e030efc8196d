"""The methods of a table, all of one form: a batch of coarse LST (and fine NDVI) in, a batch of fine LST out."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.protocols import MethodSettings
from lstsr_jax.ops.energy import conserve_energy
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import Predictor
from lstsr_jax.predictor.self_ensemble import KNOWN
from lstsr_jax.sharpening import PYDMS_PENALTY, atprk, dms, require_sklearn, tsharp


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: of the row.
        apply: coarse ``(B, h, w, 1)`` K without gaps and fine NDVI ``(B, h*f, w*f, 1)`` with NaN gaps, or None ->
            fine ``(B, h*f, w*f, 1)`` K.
        crop_as_learned: whether the protocol's border for networks and ATPRK holds.
        needs_ndvi: whether images without NDVI must be left out.
    """

    name: str
    apply: Callable[[jax.Array, Any], jax.Array]
    crop_as_learned: bool = False
    needs_ndvi: bool = False


INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
DMS, DMS_CONSERVED = "dms", "dms-conserved"
SHARPENINGS = ("tsharp", "atprk", DMS, DMS_CONSERVED)
CONSERVED = "bicubic-conserved"
CLASSICAL = (*INTERPOLATIONS, CONSERVED, *SHARPENINGS)
"""Methods that need no checkpoint."""


def classical_method(name: str, protocol: MethodSettings, factor: int) -> Method:
    """A method that needs no checkpoint, set up as the protocol says.

    Raises:
        InputError: if there is none of that name.
    """
    if name in INTERPOLATIONS:
        return Method(name, lambda coarse, ndvi: upsample(coarse, factor, name))
    if name == CONSERVED:
        return Method(name, lambda coarse, ndvi: conserve_energy(upsample(coarse, factor), coarse))
    if name == "tsharp":
        return Method(name, lambda coarse, ndvi: tsharp(coarse, ndvi, factor, **protocol.tsharp), needs_ndvi=True)
    if name == "atprk":
        return Method(
            name,
            lambda coarse, ndvi: atprk(coarse, ndvi, factor, **protocol.atprk),
            crop_as_learned=True,
            needs_ndvi=True,
        )
    if name in (DMS, DMS_CONSERVED):
        require_sklearn()  # before any work
        options: dict[str, Any] = {"penalty": PYDMS_PENALTY, "conserve": name == DMS_CONSERVED}
        return Method(name, lambda coarse, ndvi: dms(coarse, ndvi, factor, **options), needs_ndvi=True)
    raise InputError(f"`methods` {name}: unknown; choose among {', '.join(CLASSICAL)}")


def network_method(name: str, predictor: Predictor, protocol: MethodSettings) -> Method:
    """A trained network as a method, with its input interpolated as the protocol says."""
    if protocol.network_upsampling is not None:
        config = dataclasses.replace(predictor.config, upsampling=protocol.network_upsampling)
        predictor = dataclasses.replace(predictor, config=config)
    if predictor.guided:
        return Method(name, predictor, crop_as_learned=True, needs_ndvi=True)
    return Method(name, lambda coarse, ndvi: predictor(coarse), crop_as_learned=True)


def network_rows(predictors: Mapping[str, Predictor], protocol: MethodSettings) -> list[Method]:
    """The rows of networks, by name."""
    return [network_method(name, predictor, protocol) for name, predictor in predictors.items()]


def with_self_ensembles(predictors: Mapping[str, Predictor]) -> dict[str, Predictor]:
    """Each network followed by the one that answers with its self-ensemble's mean, as ``<name>-x8``.

    Not those that answer so anyway, or know a single orientation.
    """
    rows: dict[str, Predictor] = {}
    for name, predictor in predictors.items():
        rows[name] = predictor
        count = KNOWN[predictor.orientations]
        if not predictor.ensembles and count > 1:
            row = f"{name}-x{count}"
            rows[row if row not in predictors else f"{name}-self-ensemble"] = dataclasses.replace(
                predictor, ensembles=True
            )
    return rows


def build_methods(
    classical: Sequence[str],
    predictors: Mapping[str, Predictor],
    protocol: MethodSettings,
    factor: int,
) -> list[Method]:
    """The rows of a table: classical methods first, then the networks.

    Raises:
        InputError: if a classical method is unknown.
    """
    rows = [classical_method(name, protocol, factor) for name in classical]
    return rows + network_rows(predictors, protocol)
