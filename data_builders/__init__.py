"""TFDS builders, the one call that prepares a dataset, and the download of granules; loaded lazily.

The download needs neither TFDS nor JAX, and starts without them.
"""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from data_builders.modis_lst.modis_lst_dataset_builder import Builder, ModisLstConfig
    from data_builders.preparation import prepare

_HOME = {
    "Builder": ".modis_lst.modis_lst_dataset_builder",
    "ModisLstConfig": ".modis_lst.modis_lst_dataset_builder",
    "prepare": ".preparation",
}

__all__ = ["Builder", "ModisLstConfig", "prepare"]


__getattr__ = lazily(__name__, _HOME)
