"""The MODIS LST dataset, in TFDS's folder form."""
