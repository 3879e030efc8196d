"""Floor 3: granules in, georeferenced 250 m maps out; loaded lazily."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.product.fine import FineScene, super_resolve
    from lstsr_jax.product.methods import MapMethod, choose_method
    from lstsr_jax.product.report import Outcome, Report
    from lstsr_jax.product.run import predict
    from lstsr_jax.product.settings import Inference, Output, Selection, settings_of

_HOME = {
    "FineScene": ".fine",
    "Inference": ".settings",
    "MapMethod": ".methods",
    "Outcome": ".report",
    "Output": ".settings",
    "Report": ".report",
    "Selection": ".settings",
    "choose_method": ".methods",
    "predict": ".run",
    "settings_of": ".settings",
    "super_resolve": ".fine",
}

__all__ = [
    "FineScene",
    "Inference",
    "MapMethod",
    "Outcome",
    "Output",
    "Report",
    "Selection",
    "choose_method",
    "predict",
    "settings_of",
    "super_resolve",
]

__getattr__ = lazily(__name__, _HOME)
