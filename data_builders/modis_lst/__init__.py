"""The MODIS LST dataset, in TFDS's folder form: importing it makes the name ``modis_lst`` known to TFDS."""

from data_builders.modis_lst.modis_lst_dataset_builder import Builder

__all__ = ["Builder"]
