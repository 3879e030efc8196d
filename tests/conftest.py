"""Strictness for every test: two CPU devices, no silent rank promotion, fixed places for the shared data."""

import datetime
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
# Tests compile much and compute little.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import jax
import pytest

if TYPE_CHECKING:
    from lstsr_jax.config import Config
    from lstsr_jax.data import PreparedDataset

# Programs compiled once serve both workers and the commands that the tests run. The controller of xdist reads this file
# first, so its workers find the folder in their environment, and only the controller removes it.
_OWN_CACHE = "JAX_COMPILATION_CACHE_DIR" not in os.environ
if _OWN_CACHE:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="lstsr-compiled-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What compiles much comes first, so that no worker is alone with it at the end."""
    long = ("test_commands.py", "test_processes.py", "test_devices.py", "training", "evaluation", "scene", "product")
    places = {name: place for place, name in enumerate(long)}

    def place(item: pytest.Item) -> int:
        return min((places[part] for part in item.path.parts if part in places), default=len(long))

    items.sort(key=place)


def pytest_unconfigure() -> None:
    """Remove the compiled programs of this session."""
    if _OWN_CACHE:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


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


@pytest.fixture(scope="session")
def granules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small simulated granules (HDF4-EOS, 128x128, few clouds) in six 16-day periods, with their NDVI."""
    from lstsr_jax.geo import simulate_granule, write_granule

    directory = tmp_path_factory.mktemp("granules")
    for period in range(6):
        date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * period)
        granule = simulate_granule(period, date=date, size=128, cloud_fraction=0.1)
        write_granule(granule, directory, format="hdf4", ndvi=True)
    return directory


@pytest.fixture(scope="session")
def small_config(granules: Path, tmp_path_factory: pytest.TempPathFactory) -> "Config":
    """A run of seconds: 32x32 patches of those granules, a Multi-residual U-Net of width 4, two epochs."""
    from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig

    data_dir = str(tmp_path_factory.mktemp("tfds"))
    return Config(
        "quickstart",
        DataConfig(granules=str(granules), patch_size=32, stride=32, data_dir=data_dir),
        ModelConfig(width=4),
        TrainConfig(epochs=2, batch_size=8, learning_rate=1e-3, augment="dihedral"),
    )


@pytest.fixture(scope="session")
def dataset(small_config: "Config") -> "PreparedDataset":
    """The prepared dataset of ``small_config``."""
    from data_builders import prepare

    return prepare(small_config.data)


@pytest.fixture(scope="session")
def trained(small_config: "Config", dataset: "PreparedDataset", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a finished run of ``small_config``."""
    from lstsr_jax.training import train

    return train(small_config, dataset, tmp_path_factory.mktemp("runs") / "trained")
