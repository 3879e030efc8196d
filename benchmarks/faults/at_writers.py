"""Faults of what is written: every file of every door."""

import errno

from benchmarks.faults.fault import Fault, inject
from benchmarks.faults.kind import Kind

_FILES = {
    "the map": ("predict", "*_LST_*.partial.tif"),
    "the quality layer": ("predict", "*_QC_*.partial.tif"),
    "the quick look": ("predict", "*.partial.png"),
    "the STAC item": ("predict", "*_250m.*.partial.json"),
    "the virtual raster": ("predict", "*.partial.vrt"),
    "a map that is replaced": ("predict --overwrite", "*_LST_*.partial.tif"),
    "the netCDF": ("predict netcdf", "*.partial.nc"),
    "the Zarr store": ("predict zarr", "*.partial.zarr*"),
    "the report of a shard": ("predict --shard", "*report*.partial.json"),
    "config.json": ("train", "*w/*config*.partial.json"),
    "log.csv": ("train", "*w/*log*.partial.csv"),
    "the TensorBoard events": ("train", "*/tensorboard/*"),
    "the checkpoint": ("train", "*/checkpoints/*"),
    "the report's figure": ("eval", "*figure*.partial.png"),
    "the report's numbers": ("eval", "*metrics*.partial.json"),
    "the report's table": ("eval", "*table*.partial.md"),
    "the report's images": ("eval", "*out/*.partial.csv"),
    "the exported model": ("export", "*out/*.partial.stablehlo"),
    "the JSON beside it": ("export", "*out/*.partial.json"),
    "a shard of the dataset": ("build", "*.array_record"),
    "the dataset's description": ("build", "*dataset_info.json*"),
    "the checksums": ("build", "*lstsr_jax_checksums*.partial.json"),
    "the dataset's lock": ("build", "*.lock"),
    "a granule that is simulated": ("build simulated", "*simulated_granules*.partial.hdf"),
    "a part": ("download", "*.part"),
    "the manifest": ("download", "*manifest*.partial.csv"),
}
_FAULTS = {
    "disk full": ("write", errno.ENOSPC, "No space left|[Dd]isk( is)? full"),
    "EIO when written": ("write", errno.EIO, "Input/output error"),
    "EIO when closed": ("close", errno.EIO, "Input/output error"),
    "EIO when synced": ("sync", errno.EIO, "Input/output error"),
    "EACCES when made": ("create", errno.EACCES, "ermission denied"),
    "EACCES when renamed": ("rename", errno.EACCES, "ermission denied"),
}
_IN_FULL = ("the map", "the netCDF", "the Zarr store", "the checkpoint", "a shard of the dataset", "a part")
"""Files at which every fault is tried; at the others a full disk and a name that cannot be given."""
_NEVER = {
    *(
        (name, fault)
        for name in ("the TensorBoard events", "the dataset's lock")
        for fault in ("EIO when synced", "EACCES when renamed")
    ),
    *(("the dataset's lock", fault) for fault in ("disk full", "EIO when written", "EIO when closed")),
    ("the checkpoint", "EIO when closed"),
    ("the dataset's description", "EIO when synced"),
    ("a part", "EIO when synced"),
    ("the Zarr store", "EIO when synced"),
}
"""Calls that the writer does not make, or whose answer means nothing."""


def _pattern(pattern: str, calls: str) -> str:
    return pattern.replace(".partial", "").replace(".part", ".hdf") if calls == "rename" else pattern


def _kind(file: str, fault: str) -> Kind:
    (door, pattern), (calls, what, says) = _FILES[file], _FAULTS[fault]
    return Kind(door, f"{fault} at {file}", inject(calls, _pattern(pattern, calls), what), says=says)


KINDS = [
    *(
        _kind(file, fault)
        for file in _FILES
        for fault in (_FAULTS if file in _IN_FULL else ("disk full", "EACCES when renamed"))
        if (file, fault) not in _NEVER
    ),
    *(
        Kind(door, f"a file system with {size} kB left", Fault(space=f"tmpfs {size}"), says="No space|disk( is)? full")
        for door, sizes in {
            "predict": (0, 60),
            "predict --overwrite": (40,),
            "predict netcdf": (30,),
            "predict zarr": (30,),
            "train": (40,),
            "eval": (20,),
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
            ("predict zarr", "output folder", "out"),
            ("train", "workdir", "w"),
            ("train", "folder of datasets", "tfds"),
            ("eval", "report folder", "out"),
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
            ("predict", "the map", "*_LST_*.partial.tif"),
            ("predict netcdf", "the netCDF", "*.partial.nc"),
            ("train", "log.csv", "*log*.partial.csv"),
            ("download", "a part", "*.part"),
            ("export", "the model", "*.partial.stablehlo"),
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
    Kind("predict zarr", "a folder cannot be made", inject("mkdir", "*.partial*", errno.ENOSPC), says="No space"),
]
