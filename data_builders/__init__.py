"""TFDS builders, the one call that prepares a dataset, and the download of granules; loaded lazily.

The download needs neither TFDS nor JAX, and starts without them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_builders.modis_lst.modis_lst_dataset_builder import Builder, ModisLstConfig
    from data_builders.preparation import prepare

_HOME = {
    "Builder": "modis_lst.modis_lst_dataset_builder",
    "ModisLstConfig": "modis_lst.modis_lst_dataset_builder",
    "prepare": "preparation",
}

__all__ = ["Builder", "ModisLstConfig", "prepare"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"data_builders.{_HOME[name]}"), name)
    raise AttributeError(f"module 'data_builders' has no attribute {name!r}")
