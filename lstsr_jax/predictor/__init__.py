"""Floor 1: how a network answers: normalisation, its path, checkpoints, shipped models, loaded lazily."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.predictor.guides import (
        NDVI_CENTRE,
        NDVI_SCALE,
        guide_channels,
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
    "DEFAULT_FACTOR": ".resolver",
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
    "coarse_to_fine": ".path",
    "guide_channels": ".guides",
    "input_channels": ".path",
    "load_predictor": ".predictor",
    "normalization_for": ".path",
    "save_predictor": ".predictor",
    "with_energy": ".predictor",
}

__all__ = [
    "DEFAULT_FACTOR",
    "NDVI_CENTRE",
    "NDVI_SCALE",
    "Calibrated",
    "FunctionResolver",
    "Network",
    "Normalization",
    "Predictor",
    "Provenance",
    "SpreadCalibration",
    "SuperResolver",
    "Variables",
    "as_super_resolver",
    "coarse_to_fine",
    "guide_channels",
    "input_channels",
    "load_predictor",
    "normalization_for",
    "save_predictor",
    "with_energy",
]

__getattr__ = lazily(__name__, _HOME)
