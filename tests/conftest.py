"""Strictness for every test: two CPU devices, no silent rank promotion, fixed places for the shared data."""

import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real MODIS and ASTER files, beside the project in CI; a user's clone has none."""
    if not (_SHARED / "data").is_dir():
        pytest.skip("../shared/data is not here: it comes with the development machines, not with the clone")
    return _SHARED / "data"


@pytest.fixture(scope="session")
def reference() -> Path:
    """Arrays computed by the peers' own code, beside the project in CI; a user's clone has none."""
    if not (_SHARED / "reference").is_dir():
        pytest.skip("../shared/reference is not here: it comes with the development machines, not with the clone")
    return _SHARED / "reference"
