"""Faults at a moment: signals, files that go or change while they are used, folders that go, clocks that are wrong."""

import errno
import signal
from collections.abc import Mapping

from benchmarks.faults.fault import Fault, at_moment, inject
from benchmarks.faults.kind import Kind

_WHILE: Mapping[str, tuple[str, str]] = {
    "predict": ("create", "*_LST_*.partial.tif"),
    "predict netcdf": ("write", "*.partial.nc"),
    "predict zarr": ("write", "*.partial.zarr*"),
    "train": ("create", "*log*.partial.csv"),
    "build": ("write", "*.array_record"),
    "build --jobs 2": ("open", "*granules/*"),
    "download": ("write", "*.part"),
    "export": ("create", "*.partial.stablehlo"),
    "eval": ("create", "*.partial.json"),
}
_ASKED = ("predict", "train", "download")
"""Doors that are sent every signal; the others SIGTERM."""
_HDF = "*granules/*.hdf"
_HIDE = "mv {place}/granules/*2020124* {place}/../kept"
_BACK = {"1970": -1_780_000_000, "the year 2100": 2_400_000_000}


def _signals(door: str) -> list[Kind]:
    calls, path = _WHILE[door]
    one = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT, "SIGHUP": signal.SIGHUP}
    says = {"SIGTERM": "terminated|SIGTERM", "SIGINT": "interrupted|stopping", "SIGHUP": "SIGHUP"}
    kinds = [
        Kind(door, f"{name} while it writes", at_moment(calls, path, number=number), fails=None, says=says[name])
        for name, number in one.items()
    ]
    if door not in _ASKED:
        return kinds[:1]
    twice = at_moment(calls, path, number=signal.SIGINT, times=2)
    return [*kinds, Kind(door, "SIGINT twice", twice, fails=None, says="stopped|stopping|interrupted", leaves=True)]


KINDS = [
    *(kind for door in _WHILE for kind in _signals(door)),
    Kind(
        "predict",
        "SIGPIPE while it writes",
        at_moment(*_WHILE["predict"], number=signal.SIGPIPE),
        fails=None,
        mute=True,
    ),
    Kind(
        "predict",
        "SIGXCPU while it writes",
        at_moment(*_WHILE["predict"], number=signal.SIGXCPU),
        mute=True,
        leaves=True,
    ),
    Kind(
        "predict HDF",
        "the reader of HDF is killed",
        at_moment("open", _HDF, number=signal.SIGKILL, of="hdf_child"),
        says="ended|killed|read",
    ),
    Kind(
        "predict HDF",
        "the reader of HDF runs into a bus error",
        at_moment("open", _HDF, number=signal.SIGBUS, of="hdf_child"),
        says="ended|read",
    ),
    Kind(
        "build",
        "the reader of HDF is killed",
        at_moment("open", _HDF, number=signal.SIGKILL, of="hdf_child"),
        fails=None,
    ),
    Kind(
        "build --jobs 2",
        "a worker is killed",
        at_moment("write", "*.array_record", number=signal.SIGKILL, of="spawn_main"),
        says="ended from outside",
        leaves=True,
    ),
    Kind(
        "build --jobs 2",
        "a worker is terminated",
        at_moment("write", "*.array_record", number=signal.SIGTERM, of="spawn_main"),
        says="ended from outside",
        leaves=True,
    ),
    *(
        Kind(
            door,
            f"a granule {what}",
            at_moment("open", _HDF, run=run, first=first),
            fails=None,
            again=False,
            takes=True,
        )
        for door in ("predict HDF", "build")
        for what, run, first in (
            ("goes between listing and reading", "rm {place}/granules/*.hdf", 1),
            ("is cut short while it is read", "for f in {place}/granules/*.hdf; do truncate -s 2000 $f; done", 2),
            ("becomes a folder", "for f in {place}/granules/*.hdf; do rm $f; mkdir $f; done", 1),
            ("becomes a pipe", "for f in {place}/granules/*.hdf; do rm $f; mkfifo $f; done", 1),
        )
    ),
    *(
        Kind(
            door,
            "the folder of granules goes",
            at_moment(calls, path, run="rm -rf {place}/granules"),
            fails=None,
            again=False,
            takes=True,
        )
        for door, calls, path in (("predict HDF", "open", _HDF), ("build", "open", _HDF), ("train", *_WHILE["train"]))
    ),
    *(
        Kind(
            door,
            "the output folder goes",
            at_moment(calls, path, run=f"rm -rf {{place}}/{folder}"),
            fails=None,
            leaves=True,
            again=False,
            takes=True,
        )
        for door, (calls, path), folder in (
            ("predict", _WHILE["predict"], "out"),
            ("predict zarr", _WHILE["predict zarr"], "out"),
            ("train", _WHILE["train"], "w"),
            ("build", _WHILE["build"], "tfds"),
            ("eval", _WHILE["eval"], "out"),
            ("download", _WHILE["download"], "out"),
            ("export", _WHILE["export"], "out"),
        )
    ),
    *(
        Kind(door, f"the clock stands at {when}", Fault(shim={"CLOCK": str(wrong)}), fails=None)
        for door in ("predict", "download")
        for when, wrong in _BACK.items()
    ),
    *(
        Kind(door, "the clock goes backwards", Fault(shim={"CLOCK_STEP": "1"}), fails=False)
        for door in ("predict", "train", "download")
    ),
    *(
        Kind(door, f"EIO when {what} is read", inject("read", path, errno.EIO), fails=fails, says="", again=True)
        for door, what, path, fails in (
            ("predict HDF", "a granule", _HDF, True),
            ("build", "a granule", _HDF, None),
            ("train", "a shard", "*.array_record*", True),
            ("eval", "a shard", "*.array_record*", True),
            ("eval", "the checkpoint", "*w/checkpoints/*", True),
            ("export", "the checkpoint", "*w/checkpoints/*", True),
            ("train", "the checkpoint", "*w/checkpoints/*", True),
            ("train", "config.json", "*w/config.json", True),
            ("download", "the manifest", "*manifest.csv", True),
            ("predict", "the older map", "*_LST_*250m.tif", None),
        )
    ),
    *(
        Kind(
            "predict",
            f"permission is lost after {count} files",
            inject("create", "*place/out/*", errno.EACCES, first=count + 1),
            says="ermission",
        )
        for count in (1, 3)
    ),
]
