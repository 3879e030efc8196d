"""Processes that are killed: each forked from one that has imported everything, before JAX has started."""

import contextlib
import json
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.kills import moments
from benchmarks.kills.moments import Moment

WITHIN_S = 600
"""What takes longer hangs."""
Work = Callable[..., None]
"""What a process does, a function of a module: called with ``ready``, to be called when the work begins, and more."""


class End(NamedTuple):
    """How a process ended.

    Attributes:
        killed: whether by SIGKILL.
        seconds: from ``ready`` on.
        fault: how it failed, or "".
        calls: by kind, if it ended by itself and they were counted.
    """

    killed: bool
    seconds: float
    fault: str
    calls: dict[str, int]


class Processes:
    """Starts and kills them.

    Attributes:
        trapping: whether chosen moments can be had.
    """

    def __init__(self, modules: Sequence[str], library: Path | None, logs: Path) -> None:
        """Start the process that others are forked from.

        Args:
            modules: imported in it.
            library: what traps calls, from :func:`benchmarks.kills.moments.compiled`.
            logs: folder of the outputs.
        """
        self.trapping, self._logs, self._count = library is not None, logs, 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(modules))
        # A killed process leaves semaphores, which are removed at the end with a warning.
        given = {"PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker"}
        given |= {} if library is None else {"LD_PRELOAD": str(library)}
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            multiprocessing.forkserver.ensure_running()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def run(self, work: Work, arguments: Sequence[Sequence[Any]], watched: Path, when: Moment | float | None) -> End:
        """Run ``work`` once for each of ``arguments``, all at once.

        Args:
            work: what each does.
            arguments: of each, beside ``ready``.
            watched: the folder below which calls count.
            when: a moment of the first; or seconds after it was ready at which it is killed; or None.
        """
        processes, ours, theirs = [], *self._context.Pipe(duplex=False)
        for these in arguments:
            self._count += 1
            log = self._logs / f"{self._count}.log"
            moment = when if isinstance(when, Moment) else None
            target = (work, tuple(these), log, theirs, watched if self.trapping else None, moment)
            process = self._context.Process(target=_child, args=target)
            process.start()
            processes.append((process, log))
        theirs.close()
        first, _ = processes[0]
        multiprocessing.connection.wait([ours, first.sentinel], WITHIN_S)
        begin = time.perf_counter()
        if isinstance(when, float):
            first.join(when)
            first.kill()
        faults, calls, killed = [], {}, False
        for process, log in processes:
            process.join(WITHIN_S)
            killed = first.exitcode == -signal.SIGKILL and when is not None
            if process.exitcode is None:
                process.kill()
                process.join()
                faults.append(f"hung for {WITHIN_S} s")
            elif process.exitcode != 0 and not (process is first and killed):
                lines = log.read_text(errors="replace").strip().splitlines()[-12:]
                faults.append(f"exit status {process.exitcode}: " + "\n    ".join(lines))
            elif process is first and process.exitcode == 0 and self.trapping:
                calls = json.loads(log.with_suffix(".json").read_text())
        ours.close()
        return End(killed, time.perf_counter() - begin, "; ".join(faults), calls)


def _child(
    work: Work, arguments: tuple[Any, ...], log: Path, pipe: Any, watched: Path | None, moment: Moment | None
) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    if watched is not None:
        moments.arm(watched, moment)
    status = 0
    try:
        work(lambda: pipe.send_bytes(b"ready"), *arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = 1 if isinstance(end.code, str) else int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    if watched is not None and not status:
        log.with_suffix(".json").write_text(json.dumps(moments.calls()))
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(status)
