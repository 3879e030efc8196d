"""Granules in, georeferenced 250 m maps out."""

from lstsr_jax.product.fine import FineScene, super_resolve
from lstsr_jax.product.methods import MapMethod, choose_method
from lstsr_jax.product.request import Request
from lstsr_jax.product.run import Outcome, Report, predict

__all__ = ["FineScene", "MapMethod", "Outcome", "Report", "Request", "choose_method", "predict", "super_resolve"]
