"""The same work on many items in several processes of this machine, with the results in the order of the items."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from lstsr_jax.errors import InputError

_T = TypeVar("_T")
_R = TypeVar("_R")
_work: Callable[[Any], Any]


def in_processes(work: Callable[[_T], _R], items: Sequence[_T], jobs: int) -> Iterator[_R]:
    """Results of ``work``, in order.

    The processes are started anew (not forked: other libraries' threads would not survive), and do not run the main
    script again, whose calls may stand anywhere. They end with this process, whatever ends it.

    Args:
        work: what is done to an item; pickled, like the items and the results, and not of the main script.
        items: in order.
        jobs: processes; 1: this one.

    Raises:
        InputError: if a process is ended from outside, as by the system for want of memory.
    """
    if jobs == 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    with ProcessPoolExecutor(jobs, context, _start, (work, theirs)) as pool, contextlib.closing(ours):
        with _as_processes_start():
            results = [pool.submit(_run, item) for item in items]
        try:
            for result in results:  # none is cancelled: Python's pool stumbles over that when its processes end
                yield result.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"`jobs` {jobs}: one of the processes was ended from outside, perhaps for want of memory; give fewer"
            ) from error
        pool.shutdown()


def _start(work: Callable[[Any], Any], parent: Connection) -> None:
    """In a new process: keep the work, leave Ctrl-C to the parent, and end when the parent closes its end or dies."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    parent.poll(None)  # nothing is ever sent: what comes is the end
    os._exit(1)


def _run(item: Any) -> Any:
    return _work(item)


@contextlib.contextmanager
def _as_processes_start() -> Iterator[None]:
    """Within the block, processes start deaf to Ctrl-C, which waits here, and without a main script to run first."""
    main = sys.modules["__main__"]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
