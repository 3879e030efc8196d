"""A small simulated granule, shared, and a maker of odd HDF4 files."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from pyhdf.SD import SD, SDC

from lstsr_jax.geo import simulate_granule

_TYPES = {"uint8": SDC.UINT8, "int8": SDC.INT8, "uint16": SDC.UINT16, "int16": SDC.INT16}


@pytest.fixture(scope="session")
def simulated():
    """A granule of 80 x 80 pixels of a tile west of Greenwich."""
    return simulate_granule(5, tile="h17v05", date=datetime.date(2021, 5, 4), size=80)


@pytest.fixture(scope="session")
def make_hdf4():
    """Write an HDF4 file of datasets {name: (array, attributes)} and global texts."""

    def make(path: Path, datasets: dict, texts: dict | None = None) -> Path:
        sd = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
        for name, (values, attributes) in datasets.items():
            values = np.asarray(values)
            sds = sd.create(name, _TYPES[values.dtype.name], values.shape)
            for key, value in attributes.items():
                kind = SDC.FLOAT64 if isinstance(value, float) else SDC.INT32
                sds.attr(key).set(kind, value)
            sds[:] = values
            sds.endaccess()
        for key, text in (texts or {}).items():
            sd.attr(key).set(SDC.CHAR8, text)
        sd.end()
        return path

    return make
