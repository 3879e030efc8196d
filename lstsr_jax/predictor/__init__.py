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
from lstsr_jax.predictor.predictor import Predictor, Variables, load_predictor, save_predictor
from lstsr_jax.predictor.provenance import Provenance
from lstsr_jax.predictor.resolver import SpreadCalibration

__all__ = [
    "NDVI_CENTRE",
    "NDVI_SCALE",
    "Network",
    "Normalization",
    "Predictor",
    "Provenance",
    "SpreadCalibration",
    "Variables",
    "coarse_to_fine",
    "guide_channels",
    "input_channels",
    "load_predictor",
    "normalization_for",
    "save_predictor",
]
