"""The reference networks: weights by the recipe in the reference's README, and what the authors' code returned."""

import dataclasses
import json
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@dataclasses.dataclass(frozen=True)
class ReferenceModels:
    """The authors' arrays, and their networks' tensors by a recipe."""

    arrays: Mapping[str, np.ndarray]
    description: dict

    def tensors(self, model: str, gain: float = 0.5) -> dict[str, np.ndarray]:
        """State dict of ``model`` ("MRUNet", "VDSR", "DMCN_prelu"), float32."""
        entries = self.description[model]["state_dict"]
        keys = {entry["key"] for entry in entries}
        return {
            entry["key"]: np.zeros((), np.int64)
            if entry["key"].endswith("num_batches_tracked")
            else _fill(entry["key"], entry["index"], tuple(entry["shape"]), keys, gain).astype(np.float32)
            for entry in entries
        }

    def image(self, key: str) -> np.ndarray:
        """An image array, channels last."""
        return np.moveaxis(self.arrays[key], 1, -1)


def _fill(key: str, index: int, shape: tuple[int, ...], keys: set[str], gain: float) -> np.ndarray:
    g = np.random.default_rng(1000 + index).standard_normal(shape)
    module, _, leaf = key.rpartition(".")
    if len(shape) == 4:
        return g * np.sqrt(2 / np.prod(shape[1:])) * gain
    if f"{module}.running_mean" in keys:
        return 1 + 0.1 * {"weight": g, "running_var": np.abs(g)}[leaf] if leaf in ("weight", "running_var") else 0.1 * g
    return np.full(shape, 0.25) if leaf == "weight" else 0.01 * g


@pytest.fixture(scope="session")
def reference_models(reference) -> ReferenceModels:
    with np.load(reference / "models.npz") as archive:
        arrays = dict(archive)
    return ReferenceModels(arrays, json.loads((reference / "models_state_dict.json").read_text()))


@pytest.fixture
def randomize() -> Callable:
    """Replaces every leaf of a tree by random numbers, variances and scales by positive ones."""

    def run(tree, seed=0, dtype=jnp.float32):
        rng = np.random.default_rng(seed)

        def leaf(path, shape):
            values = 0.1 * rng.standard_normal(shape.shape)
            positive = path[-1].key in ("var", "scale")
            return jnp.asarray(1 + np.abs(values) if positive else values, dtype)

        return jax.tree_util.tree_map_with_path(leaf, tree)

    return run
