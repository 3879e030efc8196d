"""Floor 3: granules in, georeferenced 250 m maps out; loaded lazily."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.product.fine import FineScene, super_resolve
    from lstsr_jax.product.layers import Work, find_work
    from lstsr_jax.product.methods import MapMethod, choose_method
    from lstsr_jax.product.parts import merge_reports
    from lstsr_jax.product.report import Outcome, Report
    from lstsr_jax.product.run import predict
    from lstsr_jax.product.settings import Inference, Output, Selection, settings_of
    from lstsr_jax.product.shard import Shard
    from lstsr_jax.product.work import Item, Job, map_item

_HOME = {
    "FineScene": ".fine",
    "Inference": ".settings",
    "Item": ".work",
    "Job": ".work",
    "MapMethod": ".methods",
    "Outcome": ".report",
    "Output": ".settings",
    "Report": ".report",
    "Selection": ".settings",
    "Shard": ".shard",
    "Work": ".layers",
    "choose_method": ".methods",
    "find_work": ".layers",
    "map_item": ".work",
    "merge_reports": ".parts",
    "predict": ".run",
    "settings_of": ".settings",
    "super_resolve": ".fine",
}

__all__ = [
    "FineScene",
    "Inference",
    "Item",
    "Job",
    "MapMethod",
    "Outcome",
    "Output",
    "Report",
    "Selection",
    "Shard",
    "Work",
    "choose_method",
    "find_work",
    "map_item",
    "merge_reports",
    "predict",
    "settings_of",
    "super_resolve",
]

__getattr__ = lazily(__name__, _HOME)
