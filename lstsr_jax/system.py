"""Floor 0: what the operating system refuses (disk, memory, processes), told in one line with the remedy."""

import errno
import os
import re
from collections.abc import Iterator

from lstsr_jax.errors import InputError, first_line
from lstsr_jax.files import final_names

_CHECK = "check the path, its permissions and the disk"
_FULL = "free some space and run the same command again"
_MEMORY = "give it more memory, or less to do at a time"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "raise the limit of a file's size (ulimit -f) and run the same command again",
    errno.EIO: "the disk or the network folder is failing: run the same command again when it is mended",
    errno.EROFS: "choose a folder that may be written to",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "the system has too many files open: run the same command again when it has less to do",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "raise the limit of processes and threads (ulimit -u), or run fewer at a time",
}
_HARD = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Nobody handles these: where one happened, what came of it is told as it."""
_TEXTS = {os.strerror(number): number for number in (*_HARD, errno.EACCES)}
_THREAD = "can't start new thread"
_NO_MEMORY = re.compile(r"RESOURCE_EXHAUSTED|[Oo]ut of memory|bad_alloc|failed to map segment|cannot allocate memory")


def system_error(error: BaseException) -> OSError | None:
    """The refusal of the system that an error is, or came from; None if it has nothing to do with any.

    Libraries hand on what the system says as errors of their own kinds, with its words in their text.
    """
    if isinstance(error, OSError) and not isinstance(error, InputError):
        known = _in_text(error) if error.errno is None else None
        return known or error
    for origin in _origins(error):
        if isinstance(origin, MemoryError) or _NO_MEMORY.search(str(origin)):
            return OSError(errno.ENOMEM, "Out of memory")
        if isinstance(origin, OSError) and origin.errno in _HARD:
            return origin
        if _THREAD in str(origin):
            return OSError(errno.EAGAIN, "No more threads can be started")
        if not isinstance(origin, InputError) and (known := _in_text(origin)):
            return known
    return None


def refusal(error: OSError) -> str:
    """One line: the file, by its final name, what the system says, and the remedy."""
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or first_line(error)
    return f"{final_names(place + what)}; {_REMEDIES.get(error.errno or 0, _CHECK)}"


def _in_text(error: BaseException) -> OSError | None:
    text = str(error)
    for words, number in _TEXTS.items():
        if words in text:
            return OSError(number, words)
    return None


def _origins(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
