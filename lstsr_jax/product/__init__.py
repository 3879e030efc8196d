"""Floor 3: granules in, georeferenced 250 m maps out."""

from lstsr_jax.product.fine import FineScene, super_resolve
from lstsr_jax.product.methods import MapMethod, choose_method
from lstsr_jax.product.run import Outcome, Report, predict
from lstsr_jax.product.settings import Inference, Output, Selection, settings_of

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
