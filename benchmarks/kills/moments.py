"""Chosen moments: the N-th call of a kind on a file below a folder, whichever library makes it (moments.c)."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

KINDS = ("create", "write", "sync", "truncate", "close", "rename", "remove", "mkdir")
"""Of calls, in the order of moments.c."""
PLACES = ("before", "in the middle of", "after")
"""Of a moment in its call: in the middle of a write half of the bytes are written."""
_SOURCE = Path(__file__).with_suffix(".c")


class Moment(NamedTuple):
    """When a process ends itself: at the ``number``-th call (from 1 on) of a kind."""

    kind: str
    number: int
    place: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.place} {self.kind} {self.number}"


def compiled(folder: Path) -> Path:
    """Compile what traps the calls.

    Raises:
        SystemExit: if it cannot be done here, with a line that says what is missing.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        missing = "a C compiler (cc or gcc)" if sys.platform.startswith("linux") else "Linux"
        raise SystemExit(f"error: chosen moments need {missing}; --moments random does without")
    library = folder / "moments.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"], check=True)
    return library


def arm(folder: Path, moment: Moment | None) -> None:
    """Count the calls of this process, in which the library is loaded, below ``folder``; end it at ``moment``."""
    kind, number, place = (-1, 0, 0)
    if moment is not None:
        kind, number, place = KINDS.index(moment.kind), moment.number, PLACES.index(moment.place)
    library = ctypes.CDLL(None)
    library.kill_at(os.fsencode(folder.resolve()), kind, ctypes.c_long(number), place)


def calls() -> dict[str, int]:
    """The calls of this process since it was armed, by kind."""
    library = ctypes.CDLL(None)
    library.calls_of.restype = ctypes.c_long
    return {kind: count for number, kind in enumerate(KINDS) if (count := library.calls_of(number))}
