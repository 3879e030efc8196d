"""What the doors work on: simulated granules, a trained network, a stand-in archive; and each door's own place."""

import datetime
import os
import shutil
import sys
from pathlib import Path

from benchmarks.archive import Archive
from benchmarks.faults.doors import Door, Results, datasets, files, script, workdir
from benchmarks.faults.fault import Fault, Runner, compile_shim
from lstsr_jax.geo import simulate_granule, write_granule

MAP = [script("predict.py"), "granules", "--method", "bicubic", "--overpass", "day", "--output-dir", "out"]
PLAIN = [*MAP, "--no-quick-look"]
ONE = [script("predict.py"), "first", *MAP[2:]]
PLAIN_ONE = [*ONE, "--no-quick-look"]
TRAIN = [
    script("train.py"),
    "--granules",
    "granules",
    "--data.patch-size",
    "32",
    "--data.stride",
    "32",
    "--data.data-dir",
    "tfds",
    "--model.name",
    "vdsr",
    "--model.width",
    "4",
    "--model.blocks",
    "3",
    "--train.batch-size",
    "4",
    "--workdir",
    "w",
    "--resume",
    "auto",
    "--train.epochs",
]
BUILD = ["-m", "data_builders.build", "--data-dir", "tfds", "--data.patch-size", "32", "--data.stride"]
EXPORT = ["-m", "lstsr_jax.cli.export", "w"]
EVAL = [
    script("eval.py"),
    "--checkpoint",
    "w",
    "--granules",
    "granules",
    "--data-dir",
    "tfds",
    "--report-dir",
    "out",
    "--methods",
]

WRITERS = (
    "cog", "netcdf", "zarr", "stac", "vrt", "part", "log", "config", "numbers", "table", "figure", "manifest", "hdf4",
    "layers",
)  # fmt: skip
"""Functions of :mod:`benchmarks.faults.writers`."""


class World:
    """Everything that the trials share; made when first needed.

    Attributes:
        root: of all.
        place: where each trial happens: always the same path, since results name their files.
        runner: of the commands.
    """

    def __init__(self, root: Path) -> None:
        """Make the granules; worlds side by side share a folder of compiled programs."""
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(root.parent / "xla")
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
        os.environ["PYTHONPATH"] = str(Path(script("")).parent)
        os.environ["EARTHDATA_TOKEN"] = "token-of-the-stand-in"
        root.mkdir(parents=True)
        self.root, self.place = root, root / "place"
        self.runner = Runner(compile_shim(root) if shutil.which("gcc") else None)
        self._expected: dict[str, tuple[Results, set[str]]] = {}
        self.archive = Archive(6, 200_000)
        for number in range(6):
            date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * number)
            granule = simulate_granule(number, date=date, size=64, cloud_fraction=0.0)
            write_granule(granule, root / "six", format="hdf4")
            if number < 2:  # GeoTIFF is read without another process
                write_granule(granule, root / "two", format="cog")
                write_granule(granule, root / "two-hdf", format="hdf4")
            if number < 1:
                write_granule(granule, root / "first", format="cog")
        self.doors = {door.name: door for door in self._doors()}

    def _doors(self) -> list[Door]:
        two, six = {"granules": "two", "first": "first"}, {"granules": "six"}
        trained = {**six, "w": "before-train/w", "tfds": "before-train/tfds"}
        out, kept = files("out"), ["--stac", "--vrt"]
        download = ["-m", "data_builders.download", *self.archive.flags, "--output-dir", "out", "--jobs", "2"]
        return [
            Door("predict", [*MAP, *kept], out, two, [[*ONE, *kept]]),
            Door("predict HDF", PLAIN, out, {"granules": "two-hdf"}, []),
            Door("predict --overwrite", [*PLAIN, "--overwrite"], out, two, [[*PLAIN, "--method", "bilinear"]]),
            Door("predict netcdf", [*PLAIN, "--format", "netcdf"], out, two, [[*PLAIN_ONE, "--format", "netcdf"]]),
            Door("predict zarr", [*PLAIN, "--format", "zarr"], out, two, [[*PLAIN_ONE, "--format", "zarr"]]),
            Door("predict --shard", [*PLAIN, "--shard", "0/1"], out, two, [[*PLAIN_ONE, "--shard", "0/2"]]),
            Door("train", [*TRAIN, "3"], workdir("w"), six, [[*TRAIN, "1"]]),
            Door("eval", [*EVAL, "bicubic"], out, trained, [[*EVAL, "nearest"]]),
            Door("export", [*EXPORT, "out/model.stablehlo"], out, trained, [[*EXPORT, "out/older.stablehlo"]]),
            Door(
                "build",
                [*BUILD, "16", "--granules", "granules"],
                datasets("tfds"),
                six,
                [[*BUILD, "32", "--granules", "granules"]],
            ),
            Door(
                "build --jobs 2",
                [*BUILD, "16", "--granules", "granules", "--jobs", "2"],
                datasets("tfds"),
                {"granules": "many"},
                [[*BUILD, "32", "--granules", "granules"]],
            ),
            Door("build simulated", [*BUILD, "128"], datasets("tfds"), {}, []),
            *(self._writer(name) for name in WRITERS),
            Door("download", download, out, {}, [self._two_days(download)]),
        ]

    def _writer(self, name: str) -> Door:
        """A function of :mod:`benchmarks.faults.writers`; what it writes is there already, of an older run."""
        call = ["-c", f"from benchmarks.faults import writers; writers.main({name!r})"]
        kept = {"out": "before-predict/out"} if name in ("stac", "vrt") else {}
        older = ["-c", "from pathlib import Path; [path.write_text('older') for path in Path('out').glob('*.json')]"]
        return Door(f"write {name}", call, files("out"), {"first": "first", **kept}, [older] if kept else [call])

    def _two_days(self, download: list[str]) -> list[str]:
        """The download of the first days only."""
        last = download.index("--end") + 1
        return [*download[:last], "2012-01-02", *download[last + 1 :]]

    def fresh(self, door: Door) -> Path:
        """The place as it is before the door is used: the good files are there."""
        before = self._before(door)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(before, self.place, symlinks=True)
        return self.place

    def expected(self, door: Door) -> tuple[Results, set[str]]:
        """The results of the door used without a fault, and the lines that it prints."""
        if door.name not in self._expected:
            place = self.fresh(door)
            ended = self.runner.run(door.command(), place, Fault())
            if ended.status:
                raise SystemExit(f"{door.name} fails without a fault: {ended.text}")
            self._expected[door.name] = door.results(place), set(ended.text.splitlines())
        return self._expected[door.name]

    def _make_many(self) -> None:
        """Layers enough for two workers."""
        root = self.root
        for number in range(20):
            date = datetime.date(2020, 1, 1) + datetime.timedelta(days=16 * number)
            write_granule(
                simulate_granule(number, date=date, size=32, cloud_fraction=0.0), root / "many", format="hdf4"
            )

    def _before(self, door: Door) -> Path:
        folder = self.root / f"before-{door.name.replace(' ', '')}"
        if not folder.is_dir():
            for source in door.holds.values():
                if source == "many" and not (self.root / source).is_dir():
                    self._make_many()
                if source.startswith("before-"):
                    self._before(self.doors[source.split("/")[0].removeprefix("before-")])
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir()
            for name, source in door.holds.items():
                shutil.copytree(self.root / source, self.place / name)
            for arguments in door.earlier:
                ended = self.runner.run(door.command(arguments), self.place, Fault())
                if ended.status:
                    raise SystemExit(f"{sys.executable} {' '.join(arguments)} fails without a fault: {ended.text}")
            shutil.copytree(self.place, folder, symlinks=True)
        return folder
