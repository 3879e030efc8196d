"""Floor 2: a Predictor as StableHLO, and its way back without Flax; loaded lazily. Needs the extra ``export``."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.export.load import ExportedModel, load_exported
    from lstsr_jax.export.write import PLATFORMS, export_predictor

_HOME = {
    "PLATFORMS": ".write",
    "ExportedModel": ".load",
    "export_predictor": ".write",
    "load_exported": ".load",
}

__all__ = [
    "PLATFORMS",
    "ExportedModel",
    "export_predictor",
    "load_exported",
]

__getattr__ = lazily(__name__, _HOME)
