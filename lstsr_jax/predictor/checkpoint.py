"""Checkpoint directories on disk, through orbax.

A checkpoint directory holds ``variables`` (parameters and batch statistics) and ``config`` (JSON: model, normalisation,
and for training runs the whole configuration, with a checksum of every part); a training run adds ``training``
(optimiser state). A training workdir keeps them under ``checkpoints/<step>``.
"""

import functools
import hashlib
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore

from lstsr_jax.errors import InputError
from lstsr_jax.predictor import shipped as weights

CHECKPOINTS = "checkpoints"
"""Folder of a training workdir that holds one checkpoint directory per step."""
_CHECKSUMS = "checksums"
_COPY_AGAIN = "it is damaged or incomplete: copy it again"


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
    config = with_checksums(config, variables=variables)
    args = ocp.args.Composite(variables=ocp.args.StandardSave(variables), config=ocp.args.JsonSave(config))
    with _checkpointer() as checkpointer:
        checkpointer.save(directory.resolve(), args=args)


def with_checksums(config: dict[str, Any], **items: Any) -> dict[str, Any]:
    """A configuration with checksums of itself and of the arrays that are stored beside it, for the reading to verify.

    Args:
        config: what is stored as JSON; checksums of an earlier checkpoint in it are dropped.
        items: trees of arrays by the name of their item, such as ``variables``.
    """
    config = {name: value for name, value in config.items() if name != _CHECKSUMS}
    sums = {"config": _sum_of_json(config), **{name: fingerprint(tree) for name, tree in items.items()}}
    return {**config, _CHECKSUMS: sums}


def _sum_of_json(config: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


def _is_checkpoint(directory: Path) -> bool:
    return (directory / "variables").is_dir() and (directory / "config").is_dir()


def step_directories(workdir: Path) -> list[Path]:
    """The finished checkpoint directories of a training workdir, oldest first."""
    steps = [d for d in (workdir / CHECKPOINTS).glob("*") if d.name.isdigit() and _is_checkpoint(d)]
    return sorted(steps, key=lambda d: int(d.name))


def training_step(directory: Path) -> int | None:
    """The step of a checkpoint directory in a training workdir; None of any other."""
    inside = directory.name.isdigit() and directory.parent.name == CHECKPOINTS
    return int(directory.name) if inside else None


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint directory meant by ``path``: itself, the best one of a training workdir, or a shipped model.

    The name of a shipped model means that model even where a folder has the same name, which is told once: the folder
    is meant by ``./name``.

    Raises:
        InputError: if there is none.
    """
    model = weights.shipped(path) if isinstance(path, str) else None
    if model is not None:
        if Path(str(path)).exists():
            _tell_clash(str(path))
        return model
    path = Path(path)
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


@functools.cache
def _tell_clash(name: str) -> None:
    print(f"note: {name} is the shipped model; for the folder of that name give .{os.sep}{name}", file=sys.stderr)


def read_metadata(directory: Path) -> dict[str, Any]:
    """The JSON configuration of a checkpoint directory.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with _checkpointer() as checkpointer:
            args = ocp.args.Composite(config=ocp.args.JsonRestore())
            config = checkpointer.restore(directory.resolve(), args=args)["config"]
    except PermissionError as error:
        raise InputError(f"{directory}: may not be read ({error.strerror}); check its permissions") from error
    except Exception as error:  # orbax has no error of its own
        raise InputError(f"{directory}: unreadable checkpoint configuration; {_COPY_AGAIN}") from error
    if not isinstance(config, dict) or not {"model", "normalization"} <= set(config):
        raise InputError(f"{directory}: not an lstsr_jax checkpoint (its configuration names no model)")
    sums = config.get(_CHECKSUMS)
    if sums is not None:
        plain = {name: value for name, value in config.items() if name != _CHECKSUMS}
        if not isinstance(sums, dict) or sums.get("config") != _sum_of_json(plain):
            raise InputError(f"{directory}: its configuration is not the one that was saved; {_COPY_AGAIN}")
    return config


def read_variables(directory: Path, abstract: Any, item: str = "variables") -> Any:
    """Arrays of a checkpoint directory, in the structure, shapes and placement of ``abstract``.

    They are compared with the checksum that the configuration holds; checkpoints of older versions have none.

    Raises:
        InputError: if the arrays are unreadable, damaged or of another model.
    """
    path = directory.resolve() / item
    expected = read_metadata(directory).get(_CHECKSUMS, {}).get(item)
    try:
        str(path).encode()
        if item == "variables":
            _compare_shapes(directory, abstract, ocp.StandardCheckpointHandler().metadata(path).tree)
        _read_once(path, {(tuple(leaf.shape), np.dtype(leaf.dtype).name) for leaf in jax.tree.leaves(abstract)})
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            tree = checkpointer.restore(path, args=ocp.args.StandardRestore(abstract))
    except (InputError, MemoryError, jax.errors.JaxRuntimeError):  # the last: no room on the device
        raise
    except UnicodeEncodeError as error:
        raise InputError(f"{directory}: orbax reads from paths in UTF-8 only; move or rename the folder") from error
    except Exception as error:  # orbax has no error of its own, and tensorstore's are of many kinds
        if "PERMISSION_DENIED" in str(error) or isinstance(error, PermissionError):
            raise InputError(f"{directory}: its arrays may not be read; check the permissions") from error
        raise InputError(f"{directory}: its arrays cannot be read; {_COPY_AGAIN}") from error
    if expected is not None and fingerprint(tree) != expected:
        raise InputError(f"{directory}: its arrays are not those that were saved; {_COPY_AGAIN}")
    return tree


def _read_once(path: Path, wanted: set[tuple[tuple[int, ...], str]]) -> None:
    """Read every array, one after the other: when one fails, the others that orbax reads meanwhile write tracebacks.

    Args:
        path: of the arrays.
        wanted: shapes and dtypes of the model's arrays: nothing else is read.

    Raises:
        ValueError: tensorstore's, if a file is absent, short or cannot be decompressed; the manifest is absent; or an
            array is not one of the model's, whatever the descriptions beside it say.
    """
    if not (path / "manifest.ocdbt").is_file():
        if any(path.glob("ocdbt.process_*")):  # orbax would leave threads behind that write tracebacks
            raise ValueError("manifest.ocdbt is missing")
        return  # not in the one-file form; orbax reports what is missing itself
    store = {"driver": "ocdbt", "base": f"file://{path}/"}
    for key in tensorstore.KvStore.open(store).result().list().result():
        if key.endswith(b"/.zarray"):
            place = {**store, "path": key.decode().removesuffix(".zarray")}
            array = tensorstore.open({"driver": "zarr", "kvstore": place}).result()
            chunk = math.prod(side or 1 for side in array.chunk_layout.read_chunk.shape or ())
            if (array.shape, array.dtype.name) not in wanted or chunk > 2 * array.size + 1024:
                raise ValueError(f"{key.decode()} is of {array.shape} {array.dtype.name}")
            array.read().result()


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
