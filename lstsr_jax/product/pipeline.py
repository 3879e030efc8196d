"""Many work items on one machine: the next is read and the last are written while the device computes."""

import contextlib
import ctypes
import dataclasses
import functools
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from tqdm import tqdm

from lstsr_jax.processors import available_processors
from lstsr_jax.product.claims import Claims
from lstsr_jax.product.report import Outcome
from lstsr_jax.product.work import Begun, Item, Job, begin, compute, end

_MOST_WRITERS: Final = 4
"""Maps that are written at once: each holds about three times its own size in memory."""
_A = TypeVar("_A")
_B = TypeVar("_B")


def map_items(items: Sequence[Item], job: Job) -> Iterator[Outcome]:
    """``map(map_item, items)`` with its three steps overlapped: the same outcomes in the same order, and equal files.

    The device's work is done in the caller's thread, one layer after the other, while one thread reads ahead, and as
    many as there are processors, up to four, write. For ``job.inference.jobs`` of two or more that many threads compute
    and write a layer each. Memory holds that many layers, however many there are.

    Args:
        items: from :func:`lstsr_jax.product.find_work`.
        job: the same for all.

    Yields:
        What became of each.
    """
    job, jobs = dataclasses.replace(job, claims=Claims()), job.inference.jobs
    with contextlib.closing(_ahead(functools.partial(begin, job=job), items)) as begun:
        if jobs == 1:
            computed = map(functools.partial(_compute_showing, job=job), begun)
            finished = _ahead(functools.partial(end, job=job), computed, min(_MOST_WRITERS, available_processors()))
        else:
            # In one stage: who waits for the output of a layer before it must not keep that layer from its end.
            finished = _ahead(lambda layer: end(compute(layer, job), job), begun, jobs)
        with contextlib.closing(finished):
            try:
                for outcome in finished:
                    yield outcome
                    _give_back_memory()
            finally:
                job.claims.close()


def _compute_showing(begun: Begun | Outcome, job: Job) -> Begun | Outcome:
    """The device's work, with a bar of its tiles."""
    with tqdm(unit="tile", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return compute(begun, job, progress)


def _ahead(function: Callable[[_A], _B], items: Iterable[_A], threads: int = 1) -> Generator[_B, None, None]:
    """``map(function, items)``: while the caller works on one result, threads work on the next ones.

    Items are drawn in the caller's thread, only as far as needed. When the caller goes away, or an item cannot be
    drawn, what has begun is waited for, and the rest given up.
    """
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[_B]] = deque()
        try:
            for item in items:
                running.append(pool.submit(function, item))
                del item  # its arrays go when the function is done with it
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _give_back_memory() -> None:
    """Let the system have what the C library keeps of freed arrays, in a heap for each thread: glibc does if asked."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
