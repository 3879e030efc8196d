"""The names of a table's networks, and what a report says of each."""

from collections.abc import Mapping, Sequence

from lstsr_jax.evaluation.methods import CLASSICAL
from lstsr_jax.predictor import Predictor
from lstsr_jax.predictor.checkpoint import checkpoint_name


def unique_name(name: str, taken: Mapping[str, object]) -> str:
    """``name``, or ``name-2`` and so on where it is taken or that of a classical method."""
    unique, number = name, 1
    while unique in taken or unique.removesuffix("-mean") in CLASSICAL:
        number += 1
        unique = f"{name}-{number}"
    return unique


def name_predictors(predictors: Sequence[Predictor]) -> dict[str, Predictor]:
    """Rows for networks: a single one is named after its model, several after where they were loaded from.

    Returns:
        Networks by name, such as ``mrunet`` alone, ``default`` and ``my-run`` of two; a second of a name is
        ``my-run-2``. One that was made in memory is named after its model.
    """
    named: dict[str, Predictor] = {}
    for predictor in predictors:
        loaded = predictor.provenance is not None and len(predictors) > 1
        name = checkpoint_name(predictor.provenance.path) if loaded else predictor.config.name  # type: ignore[union-attr]
        named[unique_name(name, named)] = predictor
    return named


def describe_predictors(rows: Mapping[str, Predictor]) -> dict[str, dict[str, str | None]]:
    """What ``metrics.json`` says of each network's row: the path it was loaded from, and its fingerprint."""
    return {
        name: {
            "path": None if predictor.provenance is None else predictor.provenance.path,
            "fingerprint": predictor.fingerprint,
        }
        for name, predictor in rows.items()
    }
