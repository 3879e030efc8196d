"""Faults of what is written: every file of every door."""

import errno
from collections.abc import Iterable

from benchmarks.faults.fault import Fault, inject
from benchmarks.faults.kind import Kind

_FILES = {
    "the map": ("write cog", "*_LST_*.partial.tif"),
    "the quality layer": ("write cog", "*_QC_*.partial.tif"),
    "the quick look": ("write cog", "*.partial.png"),
    "the netCDF": ("write netcdf", "*.partial.nc"),
    "the Zarr store": ("write zarr", "*.partial.zarr*"),
    "the STAC item": ("write stac", "*_250m.*.partial.json"),
    "the virtual raster": ("write vrt", "*.partial.vrt"),
    "the report of a shard": ("write part", "*report*.partial.json"),
    "config.json": ("write config", "*config*.partial.json"),
    "log.csv": ("write log", "*log*.partial.csv"),
    "the TensorBoard events": ("write log", "*/tensorboard/*"),
    "the report's figure": ("write figure", "*figure*.partial.png"),
    "the report's numbers": ("write numbers", "*metrics*.partial.json"),
    "the report's table": ("write table", "*table*.partial.md"),
    "the manifest": ("write manifest", "*manifest*.partial.csv"),
    "a simulated granule (HDF4)": ("write hdf4", "*.partial.hdf"),
    "a simulated layer (GeoTIFF)": ("write layers", "*LST_Day*.partial.tif"),
    "the checkpoint": ("train", "*/checkpoints/*"),
    "the exported model": ("export", "*out/*.partial.stablehlo"),
    "the JSON beside it": ("export", "*out/*.partial.json"),
    "a shard of the dataset": ("build", "*.array_record"),
    "the dataset's description": ("build", "*dataset_info.json*"),
    "the checksums": ("build", "*lstsr_jax_checksums*.partial.json"),
    "a part": ("download", "*.part"),
}
_FAULTS = {
    "disk full": ("write", errno.ENOSPC, "No space left|[Dd]isk( is)? full"),
    "EIO when written": ("write", errno.EIO, "Input/output error"),
    "EIO when closed": ("close", errno.EIO, "Input/output error"),
    "EIO when synced": ("sync", errno.EIO, "Input/output error"),
    "EACCES when made": ("create", errno.EACCES, "ermission denied"),
    "EACCES when renamed": ("rename", errno.EACCES, "ermission denied"),
}
_SLOW = ("train", "export", "build", "download")
"""Doors at which only a full disk and a failing one are tried."""
_ALIKE = ("the quality layer", "the quick look")
"""Files that are written as the map is: a full disk and a name that cannot be given."""
_NEVER = {
    *(("the TensorBoard events", fault) for fault in ("EIO when synced", "EACCES when renamed")),
    ("the Zarr store", "EIO when synced"),
}
"""Calls that the writer does not make, or whose answer means nothing."""


def _pattern(pattern: str, calls: str) -> str:
    return pattern.replace(".partial", "").replace(".part", ".hdf") if calls == "rename" else pattern


def _tried(file: str) -> Iterable[str]:
    if _FILES[file][0] in _SLOW:
        return ("disk full", "EIO when written")
    return ("disk full", "EACCES when renamed") if file in _ALIKE else _FAULTS


def _kind(file: str, fault: str) -> Kind:
    (door, pattern), (calls, what, says) = _FILES[file], _FAULTS[fault]
    return Kind(door, f"{fault} at {file}", inject(calls, _pattern(pattern, calls), what), says=says)


KINDS = [
    *(_kind(file, fault) for file in _FILES for fault in _tried(file) if (file, fault) not in _NEVER),
    *(
        Kind(door, f"a file system with {size} kB left", Fault(space=f"tmpfs {size}"), says="No space|disk( is)? full")
        for door, sizes in {
            "predict": (0, 60),
            "predict --overwrite": (40,),
            "predict netcdf": (30,),
            "predict zarr": (30,),
            "train": (40,),
            "export": (12,),
            "build": (100,),
            "download": (300,),
        }.items()
        for size in sizes
    ),
    *(
        Kind(door, f"a read-only {what}", Fault(space=f"read-only {folder}"), says="[Rr]ead-only")
        for door, what, folder in (
            ("predict", "output folder", "out"),
            ("train", "workdir", "w"),
            ("export", "output folder", "out"),
            ("build", "folder of datasets", "tfds"),
            ("download", "output folder", "out"),
        )
    ),
    *(
        Kind(
            door,
            f"{what} is written by halves",
            Fault(shim={**inject("write", path, 0).shim, "SHORT": "1"}),
            fails=False,
        )
        for door, what, path in (
            ("write cog", "the map", "*_LST_*.partial.tif"),
            ("write netcdf", "the netCDF", "*.partial.nc"),
            ("write log", "log.csv", "*log*.partial.csv"),
            ("download", "a part", "*.part"),
        )
    ),
    Kind(
        "build --jobs 2",
        "disk full in a worker",
        inject("write", "*.array_record", errno.ENOSPC, of="spawn_main"),
        says="No space|disk full",
    ),
    Kind("download", "no sockets", inject("socket", what=errno.EMFILE), says="open files"),
    Kind("train", "a folder cannot be made", inject("mkdir", "*w/checkpoints*", errno.EACCES), says="ermission"),
    Kind("build", "a folder cannot be made", inject("mkdir", "*tfds*", errno.EACCES), says="ermission"),
    Kind("write zarr", "a folder cannot be made", inject("mkdir", "*.partial*", errno.ENOSPC), says="No space"),
]
