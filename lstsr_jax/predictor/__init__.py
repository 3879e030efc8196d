"""Floor 1: how a network answers: normalisation, the path from coarse to fine, checkpoints, shipped models."""

from lstsr_jax.predictor.path import (
    NDVI_CENTRE,
    NDVI_SCALE,
    Network,
    Normalization,
    coarse_to_fine,
    guide_channels,
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
