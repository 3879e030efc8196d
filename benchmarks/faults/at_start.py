"""Faults of what a process is given: its streams, its surroundings, its limits, and the names of files."""

import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.fault import Fault, inject
from benchmarks.faults.kind import Kind

_M, _G = 1 << 20, 1 << 30


def _made(make: Callable[[Path], None], **more: object) -> Fault:
    """Something that is made in the place beforehand; what it calls ``odd`` is removed again."""

    def after(place: Path) -> None:
        odd = place / "odd"
        shutil.rmtree(odd) if odd.is_dir() and not odd.is_symlink() else odd.unlink(missing_ok=True)

    return Fault(before=make, after=after, **more)  # type: ignore[arg-type]


def _file(place: Path) -> None:
    (place / "odd").write_text("kept")


def _loop(place: Path) -> None:
    (place / "odd").symlink_to("odd")


def _dangling(place: Path) -> None:
    (place / "odd").symlink_to("nowhere")


def _full(place: Path) -> None:
    (place / "odd").symlink_to("/dev/full")


_OUT = ("--output-dir",)
_ODD = (*_OUT, "odd")
_CACHES = ("HOME", "MPLCONFIGDIR", "TMPDIR", "JAX_COMPILATION_CACHE_DIR")

KINDS = [
    *(
        Kind("predict", f"closed {', '.join(closed)}", Fault(closed=closed), fails=False, mute=True)
        for closed in (("stdin",), ("stdout",), ("stderr",), ("stdin", "stdout", "stderr"))
    ),
    *(
        Kind(door, "nobody reads stdout", Fault(closed=("pipe",)), fails=None, mute=True)
        for door in ("predict", "build", "download")
    ),
    *(
        Kind("predict", f"{name} is a file", _made(_file, environment={name: "{place}/odd"}), fails=False)
        for name in _CACHES
    ),
    *(
        Kind("predict", f"{name} does not exist", Fault(environment={name: "/nowhere/x"}), fails=False)
        for name in _CACHES
    ),
    Kind("predict", "HOME is not set", Fault(environment={"HOME": None}), fails=False),
    Kind(
        "predict",
        "HOME is read-only",
        Fault(environment={"HOME": "{place}/first"}, space="read-only first"),
        fails=False,
    ),
    Kind("build", "TFDS_DATA_DIR is a file", _made(_file), more=("--data-dir", "odd"), says="odd"),
    Kind("build", "TMPDIR does not exist", Fault(environment={"TMPDIR": "/nowhere/x"}), fails=False),
    Kind("train", "HOME does not exist", Fault(environment={"HOME": "/nowhere/x"}), fails=False),
    Kind(
        "train",
        "JAX_COMPILATION_CACHE_DIR is a file",
        _made(_file, environment={"JAX_COMPILATION_CACHE_DIR": "{place}/odd"}),
        fails=False,
    ),
    Kind("download", "HOME does not exist", Fault(environment={"HOME": "/nowhere/x"}), fails=False),
    Kind(
        "predict",
        "locale C",
        Fault(environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}),
        more=(*_OUT, "odd_ä\udce9"),
        fails=None,
        says="ä|\\\\x|odd",
        again=False,
    ),
    *(
        Kind("predict", f"the output folder is {what}", _made(make), more=_ODD, says="odd")
        for what, make in (("a file", _file), ("a loop of links", _loop), ("a link to a device", _full))
    ),
    Kind("predict", "the output folder is a dangling link", _made(_dangling), more=_ODD, says="odd"),
    Kind("predict", "the output folder is below a file", _made(_file), more=(*_OUT, "odd/maps"), says="odd"),
    Kind("predict", "the output folder's name is too long", Fault(), more=(*_OUT, "x" * 300), says="too long"),
    *(
        Kind("predict", f"the input is {what}", _made(make), instead="odd", says="odd")
        for what, make in (("a loop of links", _loop), ("a dangling link", _dangling), ("a text file", _file))
    ),
    Kind("predict", "the input's name is too long", Fault(), instead="x" * 5000 + ".hdf", says="too long|no such file"),
    Kind("predict", "the input's name has a line break", Fault(), instead="a\nb.hdf", says="no such file"),
    Kind("predict", "the input's name has quotes", Fault(), instead="a'\"$(touch x)`.hdf", says="no such file"),
    Kind("predict", "the input's name is no UTF-8", Fault(), instead=os.fsdecode(b"a\xe9.hdf"), says="no such file"),
    *(
        Kind(door, f"{files} files may be open", Fault(limits={resource.RLIMIT_NOFILE: files}), fails=None)
        for door in ("predict", "train", "build", "download")
        for files in (8, 12)
    ),
    *(
        Kind(door, f"{files} files may be open", Fault(limits={resource.RLIMIT_NOFILE: files}), fails=None)
        for door in ("predict", "build", "download")
        for files in (24,)
    ),
    *(
        Kind(
            door,
            f"memory of {size // _M} MB",
            Fault(limits={resource.RLIMIT_AS: size}),
            fails=None,
            leaves=True,
            mute=True,
        )
        for door, sizes in {
            "predict": (300 * _M, 1200 * _M),
            "train": (700 * _M,),
            "build": (1000 * _M,),
            "download": (60 * _M,),
        }.items()
        for size in sizes
    ),
    *(
        Kind(
            door,
            f"files of {size // 1024} kB at most",
            Fault(limits={resource.RLIMIT_FSIZE: size}),
            says="ile too large|too large|disk",
        )
        for door, size in (
            ("predict", 20_480),
            ("predict netcdf", 20_480),
            ("predict zarr", 10_240),
            ("train", 10_240),
            ("eval", 2_048),
            ("export", 8_192),
            ("build", 40_960),
            ("download", 102_400),
        )
    ),
    Kind("predict HDF", "no process may be started", inject("process", what=errno.EAGAIN), says="."),
    Kind("build --jobs 2", "no process may be started", inject("process", what=errno.EAGAIN), says="."),
    Kind("predict", "no core", Fault(limits={resource.RLIMIT_CORE: 0}), fails=False),
    Kind("predict", "EIO when a folder is listed", inject("list", "*granules", errno.EIO), says="Input/output"),
    Kind("predict", "EACCES when a folder is listed", inject("list", "*granules", errno.EACCES), says="ermission"),
]
