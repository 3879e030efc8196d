"""Checkpoint directories on disk, through orbax.

A checkpoint directory holds ``variables`` (parameters and batch statistics) and ``config`` (JSON: model, normalisation,
and for training runs the whole configuration); a training run adds ``training`` (optimiser state). A training workdir
keeps them under ``checkpoints/<step>``.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from lstsr_jax.config import DataConfig
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import shipped as weights

CHECKPOINTS = "checkpoints"
"""Folder of a training workdir that holds one checkpoint directory per step."""


def _checkpointer() -> ocp.Checkpointer:
    return ocp.Checkpointer(ocp.CompositeCheckpointHandler())


def write_checkpoint(directory: Path, variables: Any, config: dict[str, Any]) -> None:
    """Write a checkpoint directory; it appears whole or not at all.

    Raises:
        InputError: if the directory exists already.
    """
    if directory.exists():
        raise InputError(f"{directory}: exists already; choose another name or remove it")
    directory.parent.mkdir(parents=True, exist_ok=True)
    args = ocp.args.Composite(variables=ocp.args.StandardSave(variables), config=ocp.args.JsonSave(config))
    with _checkpointer() as checkpointer:
        checkpointer.save(directory.resolve(), args=args)


def _is_checkpoint(directory: Path) -> bool:
    return (directory / "variables").is_dir() and (directory / "config").is_dir()


def step_directories(workdir: Path) -> list[Path]:
    """The finished checkpoint directories of a training workdir, oldest first."""
    steps = [d for d in (workdir / CHECKPOINTS).glob("*") if d.name.isdigit() and _is_checkpoint(d)]
    return sorted(steps, key=lambda d: int(d.name))


def find_checkpoint(path: Path) -> Path:
    """The checkpoint directory meant by ``path``: itself, the best one of a training workdir, or a shipped model.

    Raises:
        InputError: if there is none.
    """
    if _is_checkpoint(path):
        return path
    if not path.is_dir():
        model = weights.shipped(str(path))
        if model is not None:
            return model
        names = sorted({*weights.index(), *(entry["alias"] for entry in weights.index().values())})
        raise InputError(
            f"{path}: no such checkpoint; give a checkpoint directory, a training workdir"
            + (f" or one of {', '.join(names)}" if names else "")
        )
    steps = step_directories(path.parent if path.name == CHECKPOINTS else path)
    if not steps:
        raise InputError(f"{path}: holds no finished checkpoint; give a training workdir or a checkpoint directory")
    return min(reversed(steps), key=lambda d: read_metadata(d).get("validation_rmse", np.inf))


def checkpoint_name(checkpoint: str) -> str:
    """What to call a model by the name or path it is loaded from: of ``runs/a/checkpoints/40`` it is ``a-40``."""
    *lead, last = Path(checkpoint).resolve().parts if Path(checkpoint).exists() else Path(checkpoint).parts
    if last == CHECKPOINTS and lead:
        return lead[-1]
    if last.isdigit() and len(lead) > 1 and lead[-1] == CHECKPOINTS:
        return f"{lead[-2]}-{last}"
    return last


def read_metadata(directory: Path) -> dict[str, Any]:
    """The JSON configuration of a checkpoint directory.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with _checkpointer() as checkpointer:
            args = ocp.args.Composite(config=ocp.args.JsonRestore())
            config = checkpointer.restore(directory.resolve(), args=args)["config"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{directory}: unreadable checkpoint configuration: {_first_line(error)}") from error
    if not isinstance(config, dict) or not {"model", "normalization"} <= set(config):
        raise InputError(f"{directory}: not an lstsr_jax checkpoint (its configuration names no model)")
    return config


def read_variables(directory: Path, abstract: Any, item: str = "variables") -> Any:
    """Arrays of a checkpoint directory, in the structure, shapes and placement of ``abstract``.

    Raises:
        InputError: if the arrays are unreadable or of another model.
    """
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            path = directory.resolve() / item
            if item == "variables":
                _compare_shapes(directory, abstract, checkpointer.metadata(path).item_metadata.tree)
            return checkpointer.restore(path, args=ocp.args.StandardRestore(abstract))
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{directory}: damaged or unreadable arrays: {_first_line(error)}") from error


def _compare_shapes(directory: Path, wanted: Any, stored: Any) -> None:
    """Refuse a checkpoint whose arrays are not those of the model it names, before anything is read."""
    shapes = [
        {jax.tree_util.keystr(path): tuple(leaf.shape) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        for tree in (wanted, stored)
    ]
    if shapes[0] != shapes[1]:
        name, shape = min(shapes[0].items() ^ shapes[1].items())
        raise InputError(f"{directory}: holds another model than its configuration says: array {name} {shape}")


def fingerprint(variables: Any) -> str:
    """Twelve hexadecimal digits that identify arrays, in whatever format stored, for the index of shipped models.

    What a network answers is identified by :attr:`lstsr_jax.predictor.Predictor.fingerprint`.
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:12]


def trained_on(checkpoints: Sequence[str]) -> DataConfig:
    """The data of the first of ``checkpoints`` that records any; the defaults if none does."""
    recorded = (recorded_data(path) for path in checkpoints)
    return next((data for data in recorded if data is not None), DataConfig())


def recorded_data(checkpoint: str) -> DataConfig | None:
    """The patches a checkpoint was trained on, or None if it does not say.

    Raises:
        InputError: if what it says does not fit this version.
    """
    directory = find_checkpoint(Path(checkpoint))
    data = read_metadata(directory).get("data")
    try:
        return None if data is None else DataConfig(**data)
    except TypeError as error:
        raise InputError(f"{directory}: written by another version of lstsr_jax: {_first_line(error)}") from error


def recorded_acquisitions(checkpoint: str) -> dict[str, dict[str, str]] | None:
    """The acquisitions of the dataset a checkpoint was trained on (``Acquisitions.to_json``); None if it has none."""
    build = read_metadata(find_checkpoint(Path(checkpoint))).get("dataset", {}).get("build", {})
    found: dict[str, dict[str, str]] | None = build.get("acquisitions")
    return found


def trained_on_validation(checkpoint: str) -> bool:
    """Whether a checkpoint says that it was trained on the validation split too."""
    metadata = read_metadata(find_checkpoint(Path(checkpoint)))
    return bool(metadata.get("train", {}).get("use_validation", False))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
