"""The workdir of a run: which run it holds, and how its files come to be there whole."""

import contextlib
import errno
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lstsr_jax import config as configs
from lstsr_jax.config import Config
from lstsr_jax.errors import InputError
from lstsr_jax.files import alone, remove_left_overs, write_text
from lstsr_jax.predictor.checkpoint import read_metadata
from lstsr_jax.system import system_error
from lstsr_jax.training.checkpoints import latest

_CONFIG = "config.json"
_WRITTEN = (_CONFIG, "log.csv", "not_finite.csv")
_LOCK = ".lock"
_BESIDE = (
    ("pairs", "trained_on", "pairs"),
    ("pairs", "held_out", "pairs"),
    ("pairs", "shift", "pairs"),
    ("fine", "fields", "finer rasters"),
)
"""What of the records of a checkpoint must stay: part, name, and what to call it."""
_MAY_CHANGE = ("epochs", "data_dir", "in_memory", "checkpoint_every", "checkpoint_minutes", "remat")


def check(
    workdir: Path,
    config: Config,
    patches: dict[str, Any],
    beside: dict[str, Any],
    last: Path | None,
    resume: bool | str,
) -> None:
    """Refuse to mix two runs in one workdir.

    Args:
        workdir: of the run.
        config: of the run that is asked for.
        patches: its dataset's metadata.
        beside: the records of its pairs and of its finer rasters, by name.
        last: last checkpoint of the workdir.
        resume: whether to go on; ``"auto"``: if there is a run.

    Raises:
        InputError: if there is a run and ``resume`` is not set, or none and it is, or another one.
    """
    if resume is True and last is None and not (workdir / _CONFIG).is_file():
        raise InputError(f"`resume`: {workdir} holds no run; leave `resume` out to start")
    if last is None:
        return  # nothing to lose: a run killed before its first checkpoint starts again
    if not resume:
        raise InputError(f"`workdir` {workdir}: holds a run already; add `resume`, or choose another")
    stored = read_metadata(last)
    wanted, default = (json.loads(json.dumps(configs.to_json(c))) for c in (config, Config()))
    for part in ("model", "train", "data"):
        for name, value in wanted[part].items():
            theirs = stored.get(part, {}).get(name, default[part][name])
            if theirs != value and name not in _MAY_CHANGE:
                raise InputError(
                    f"`resume`: {part}.{name} is {value!r} but the run in {workdir} has {theirs!r}; "
                    "give the run's own values"
                )
    build = stored.get("dataset", {}).get("build", {})
    for name in ("patches", "max_k"):
        if build and build.get(name) != patches.get(name):
            raise InputError(
                f"`resume`: the granules are not those of the run in {workdir}: {name} {patches.get(name)}, then "
                f"{build.get(name)}; give its own granules, or start anew in another workdir"
            )
    for part, name, called in _BESIDE:
        theirs, ours = (json.dumps(record.get(part, {}).get(name), sort_keys=True) for record in (stored, beside))
        if theirs != ours:
            raise InputError(
                f"`resume`: the {called} are not those of the run in {workdir}: {name.replace('_', ' ')} differ; give "
                "its own files, or start anew in another workdir"
            )


def stored_config(workdir: Path) -> Config | None:
    """The configuration with which the run in a workdir was started last; None if there is no run.

    From ``config.json``, or, should that be damaged, from the last checkpoint.

    Raises:
        InputError: if it is unreadable or of another version.
    """
    last, path = latest(workdir), workdir / _CONFIG
    try:
        stored = json.loads(path.read_text())
    except (FileNotFoundError, ValueError, RecursionError) as error:
        if last is not None:
            stored = read_metadata(last)
        elif isinstance(error, FileNotFoundError):
            return None
        else:
            raise InputError(f"{path}: damaged ({error}); name the run's preset and flags beside `resume`") from error
    return configs.from_json({name: stored[name] for name in ("preset", "data", "model", "train") if name in stored})


@contextlib.contextmanager
def alone_in(workdir: Path, last: Path | None) -> Iterator[None]:
    """Keep other processes from training in a workdir while the block runs; it is created if need be.

    What killed ones left under temporary names is removed.

    Args:
        workdir: of the run.
        last: its last checkpoint, as it was looked at.

    Raises:
        InputError: if another process is training in it, or was since then.
    """
    refusal = f"`workdir` {workdir}: another process is training in it; choose another, or wait for its end"
    with alone(workdir / _LOCK, refusal):
        if latest(workdir) != last:
            raise InputError(f"{refusal} (it has just saved a checkpoint)")
        for name in _WRITTEN:
            remove_left_overs(workdir / name)
        yield


def write_config(workdir: Path, description: dict[str, Any]) -> None:
    """Write ``config.json``, creating the workdir if need be."""
    workdir.mkdir(parents=True, exist_ok=True)
    write_text(workdir / _CONFIG, json.dumps(description, indent=1) + "\n")


@contextlib.contextmanager
def full_disk_is_bad_input(workdir: Path) -> Iterator[None]:
    """Report a full disk in one line instead of a traceback.

    Raises:
        InputError: naming the last good checkpoint.
    """
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]  # every array that orbax fails to write
    for logger in loggers:
        logger.addFilter(_tells_something_else)
    refused = None
    try:
        yield
    except Exception as error:
        refused = system_error(error)
        if refused is None or refused.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        last = latest(workdir)
        kept = f"the last good checkpoint is {last}" if last else "no checkpoint was written yet"
        raise InputError(f"{workdir}: the disk is full; {kept}; free some space and add `resume`") from error
    finally:
        if refused is None:  # else orbax's threads go on complaining after the end
            for logger in loggers:
                logger.removeFilter(_tells_something_else)


def _tells_something_else(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return system_error(error or Exception(record.getMessage())) is None
