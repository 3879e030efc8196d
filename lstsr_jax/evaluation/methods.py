"""The methods of a table, all of one form: a batch of coarse fields in, a batch of fine fields out."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.predictor import Predictor
from lstsr_jax.resize import upsample


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: of the row.
        apply: coarse ``(B, h, w, 1)`` K without gaps -> fine ``(B, h*f, w*f, 1)`` K.
        learned: whether the protocol's rule for networks holds.
    """

    name: str
    apply: Callable[[jax.Array], jax.Array]
    learned: bool = False


def _interpolation(kind: str, factor: int) -> Method:
    return Method(kind, lambda coarse: upsample(coarse, factor, kind))


CLASSICAL = ("bilinear", "bicubic")
"""Methods that need no checkpoint."""


def network_method(name: str, predictor: Predictor, protocol: Protocol) -> Method:
    """A trained network as a method, with its input interpolated as the protocol says."""
    if protocol.network_upsampling is not None:
        config = dataclasses.replace(predictor.config, upsampling=protocol.network_upsampling)
        predictor = dataclasses.replace(predictor, config=config)
    return Method(name, predictor, learned=True)


def build_methods(
    classical: Sequence[str], predictors: Mapping[str, Predictor], protocol: Protocol, factor: int
) -> list[Method]:
    """The rows of a table: classical methods first, then the networks.

    Raises:
        InputError: if a classical method is unknown.
    """
    unknown = sorted(set(classical) - set(CLASSICAL))
    if unknown:
        raise InputError(f"--methods {','.join(unknown)}: unknown; choose among {', '.join(CLASSICAL)}")
    rows = [_interpolation(name, factor) for name in classical]
    return rows + [network_method(name, predictor, protocol) for name, predictor in predictors.items()]


def name_predictors(predictors: Sequence[Predictor]) -> dict[str, Predictor]:
    """Rows named after the models; a second of the same model is called ``mrunet-2``."""
    named: dict[str, Predictor] = {}
    for predictor in predictors:
        model = predictor.config.name
        number = sum(other.config.name == model for other in named.values()) + 1
        named[model if number == 1 else f"{model}-{number}"] = predictor
    return named
