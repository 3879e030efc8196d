"""Floor 1: how a network answers: normalisation, its path, checkpoints, shipped models, loaded lazily."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.predictor.guides import (
        CHANNELS,
        NDVI_CENTRE,
        NDVI_SCALE,
        Guides,
        call_guided,
        given,
        guide_channels,
        guides_of,
        taken,
    )
    from lstsr_jax.predictor.path import (
        Network,
        Normalization,
        coarse_to_fine,
        input_channels,
        normalization_for,
    )
    from lstsr_jax.predictor.predictor import Predictor, Variables, load_predictor, save_predictor, with_energy
    from lstsr_jax.predictor.provenance import Provenance
    from lstsr_jax.predictor.resolver import (
        DEFAULT_FACTOR,
        Calibrated,
        FunctionResolver,
        SpreadCalibration,
        SuperResolver,
        as_super_resolver,
    )

_HOME = {
    "CHANNELS": ".guides",
    "DEFAULT_FACTOR": ".resolver",
    "Guides": ".guides",
    "NDVI_CENTRE": ".guides",
    "NDVI_SCALE": ".guides",
    "Calibrated": ".resolver",
    "FunctionResolver": ".resolver",
    "Network": ".path",
    "Normalization": ".path",
    "Predictor": ".predictor",
    "Provenance": ".provenance",
    "SpreadCalibration": ".resolver",
    "SuperResolver": ".resolver",
    "Variables": ".predictor",
    "as_super_resolver": ".resolver",
    "call_guided": ".guides",
    "coarse_to_fine": ".path",
    "given": ".guides",
    "guide_channels": ".guides",
    "guides_of": ".guides",
    "input_channels": ".path",
    "load_predictor": ".predictor",
    "normalization_for": ".path",
    "save_predictor": ".predictor",
    "taken": ".guides",
    "with_energy": ".predictor",
}

__all__ = [
    "CHANNELS",
    "DEFAULT_FACTOR",
    "NDVI_CENTRE",
    "NDVI_SCALE",
    "Calibrated",
    "FunctionResolver",
    "Guides",
    "Network",
    "Normalization",
    "Predictor",
    "Provenance",
    "SpreadCalibration",
    "SuperResolver",
    "Variables",
    "as_super_resolver",
    "call_guided",
    "coarse_to_fine",
    "given",
    "guide_channels",
    "guides_of",
    "input_channels",
    "load_predictor",
    "normalization_for",
    "save_predictor",
    "taken",
    "with_energy",
]

__getattr__ = lazily(__name__, _HOME)
