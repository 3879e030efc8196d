"""The same work on many items on Apache Beam (extra ``beam``), with the results in the order of the items."""

import importlib.util
import logging
import pickle
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lstsr_jax.errors import InputError, first_line
from lstsr_jax.files import replacing

_T = TypeVar("_T")
_R = TypeVar("_R")


def pipeline_options(runner: str, settings: Sequence[str]) -> Any:
    """Beam's ``PipelineOptions`` for a runner.

    >>> pipeline_options("DirectRunner", ["direct_num_workers=2"])  # doctest: +SKIP
    PipelineOptions(direct_num_workers=2)

    Args:
        runner: its name, such as ``DirectRunner`` or ``FlinkRunner``, or the full name of its class.
        settings: ``name=value`` or ``name``, as Beam documents them, with or without ``--``.

    Raises:
        InputError: if Beam is not installed, or knows no such runner or option.
    """
    if importlib.util.find_spec("apache_beam") is None:
        raise InputError(f"`runner` {runner}: needs Apache Beam; run pip install 'lstsr-jax[beam]'")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # Google's clients, which Beam misses and nothing here needs
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners import create_runner
    finally:
        logging.disable(before)
    try:
        create_runner(runner)
    except Exception as error:  # ValueError, ImportError, AttributeError: whatever a class's name leads to
        raise InputError(
            f"`runner` {runner}: unknown to Apache Beam ({first_line(error)}); give one such as DirectRunner, "
            "FlinkRunner, SparkRunner or DataflowRunner"
        ) from error
    flags = flags_of(settings)
    known = PipelineOptions([*flags, f"--runner={runner}"])
    missing = [flag for flag in flags if flag.partition("=")[0].lstrip("-") not in known.get_all_options()]
    if missing:
        raise InputError(
            f"`beam_options` {missing[0].lstrip('-')}: no option of Apache Beam; give NAME=VALUE as it has them"
        )
    return known


def flags_of(settings: Sequence[str]) -> list[str]:
    """What Beam parses: settings with dashes as in a shell, those without taken whole.

    >>> flags_of(["direct_num_workers=2", "--region=europe-west1 --streaming"])
    ['--direct_num_workers=2', '--region=europe-west1', '--streaming']
    """
    return [flag for text in settings for flag in (shlex.split(text) if text.startswith("--") else [f"--{text}"])]


def on_beam(work: Callable[[_T], _R], items: Sequence[_T], directory: Path, runner: Any, options: Any) -> Iterator[_R]:
    """Results of ``work``, in order.

    Args:
        work: what is done to an item, once or, as the runner likes, again; pickled, like the items.
        items: in order.
        directory: of this machine and all workers, where results are left until they are read.
        runner: as Beam takes it.
        options: from :func:`pipeline_options`.

    Raises:
        InputError: if the pipeline fails, or a worker has another file system.
    """
    import apache_beam as beam

    directory.mkdir(parents=True, exist_ok=True)
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            numbered = pipeline | "Items" >> beam.Create(list(enumerate(items)))
            spread = numbered | "Spread over workers" >> beam.Reshuffle()
            spread | "Work" >> beam.Map(_leave, work=work, directory=directory)
    except Exception as error:
        raise InputError(f"`runner` {runner}: the pipeline failed ({_last_line(error)})") from error
    for number in range(len(items)):
        path = _result(directory, number)
        try:
            result: _R = pickle.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: not written by its worker; all workers need the file system of this machine, at the same path"
            ) from error
        path.unlink()
        yield result


def _last_line(error: Exception) -> str:
    """What was raised on a worker: Beam puts where it was raised before it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _leave(numbered: tuple[int, Any], work: Callable[[Any], Any], directory: Path) -> None:
    """On a worker: do the work on an item and leave the result."""
    number, item = numbered
    with replacing(_result(directory, number)) as path:
        path.write_bytes(pickle.dumps(work(item)))


def _result(directory: Path, number: int) -> Path:
    return directory / f"{number:05d}.result"
