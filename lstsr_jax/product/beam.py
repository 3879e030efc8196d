"""Maps on Apache Beam (extra ``beam``): the work items of a run, shared out by a runner; equal files whoever does it.

Weights are loaded and programs compiled once in each worker process. Workers share the file system of the granules, of
the network and of the output folder, at the same paths.
"""

import contextlib
import dataclasses
import functools
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

from lstsr_jax.beam import on_beam, pipeline_options
from lstsr_jax.files import make_directory
from lstsr_jax.predictor import shipped
from lstsr_jax.product.layers import find_work
from lstsr_jax.product.methods import choose_method
from lstsr_jax.product.mosaic import with_mosaics
from lstsr_jax.product.pipeline import map_items
from lstsr_jax.product.report import Outcome, Report, report_of
from lstsr_jax.product.settings import Inference, Output, Selection
from lstsr_jax.product.work import Item, Job

GRANULES: Final = 8
"""That a worker is given at once: it reads the next while it computes one, and writes the last."""
_loading = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Mapper:
    """Maps work items: a function from a list of them to what became of each. It may be pickled, and is small.

    In a pipeline of your own: ``batches | beam.Map(Mapper(checkpoint="default"))``.

    Attributes:
        checkpoint: directory or name of a network, or None.
        method: name of a method, or None.
        ndvi: NDVI file or directory, for methods that need it and networks that are guided by it.
        elevation: DEM, for networks that are guided by it.
        selection: which observations.
        inference: how the method is run.
        output: what is written, and where.
        command: recorded in the products.
    """

    checkpoint: str | None = None
    method: str | None = None
    ndvi: Path | None = None
    elevation: Path | None = None
    selection: Selection = Selection()
    inference: Inference = Inference()
    output: Output = Output()
    command: str = ""

    @property
    def job(self) -> Job:
        """What is asked of every layer, made at the first call in a process and kept.

        Raises:
            InputError: if it can be done for no layer.
        """
        with _loading:
            return _job_of(self)

    def __call__(self, items: Sequence[Item]) -> list[Outcome]:
        """Map items, one after the other; see :func:`lstsr_jax.product.map_item`."""
        return list(map_items(items, self.job))

    def absolute(self) -> "Mapper":
        """The same for a process with another working directory."""
        checkpoint = self.checkpoint
        if checkpoint is not None and checkpoint not in shipped.names():
            checkpoint = str(Path(checkpoint).absolute())
        return dataclasses.replace(
            self,
            checkpoint=checkpoint,
            ndvi=None if self.ndvi is None else self.ndvi.absolute(),
            elevation=None if self.elevation is None else self.elevation.absolute(),
            output=dataclasses.replace(self.output, output_dir=self.output.output_dir.absolute()),
        )


@functools.lru_cache(maxsize=1)
def _job_of(mapper: Mapper) -> Job:
    method = choose_method(mapper.checkpoint, mapper.method, mapper.ndvi, mapper.elevation)
    return Job(method, mapper.selection, mapper.inference, mapper.output, mapper.command)


def predict(
    files: Sequence[Path], mapper: Mapper, *, runner: str = "DirectRunner", beam_options: Sequence[str] = ()
) -> Report:
    """Make a product of every LST layer of granules, as :func:`lstsr_jax.product.predict` does, on Apache Beam.

    Args:
        files: granules, GeoTIFF layers of them, or directories.
        mapper: what is asked for.
        runner: name of a Beam runner, or the full name of its class.
        beam_options: for the runner, ``NAME=VALUE`` each.

    Returns:
        The report of a run in one process, with absolute paths; failures are in it, not raised.

    Raises:
        InputError: if what is asked for cannot be done for any granule, Beam or the runner is not there, or the
            pipeline fails; what has been written stays, and another run goes on with it.
    """
    options = pipeline_options(runner, beam_options)
    mapper = mapper.absolute()
    work = find_work([path.absolute() for path in files], mapper.job)
    outcomes: dict[int, Outcome] = {}
    make_directory("`output_dir`", mapper.output.output_dir)
    with results_folder(mapper.output.output_dir) as folder:
        batches = batches_of(work.items)
        with tqdm(total=len(work.items), unit="layer", disable=None) as bar:
            for batch, made in zip(batches, on_beam(mapper, batches, folder, runner, options), strict=True):
                outcomes.update(zip((item.place for item in batch), made, strict=True))
                bar.update(len(batch))
    report = report_of(work.places(outcomes), work.skipped, mapper.selection.bbox)
    return with_mosaics(report, mapper.output.output_dir) if mapper.output.vrt else report


@contextlib.contextmanager
def results_folder(directory: Path) -> Iterator[Path]:
    """A new folder for what workers leave, as open to other users as the umask says; those of killed runs are removed.

    Args:
        directory: where it is made.
    """
    from filelock import FileLock, Timeout

    for name in {path.name.removesuffix(".lock") for path in directory.glob(".beam-*")}:
        with contextlib.suppress(Timeout), FileLock(directory / f"{name}.lock", blocking=False):  # held while it runs
            _remove(directory / name)
    folder = directory / f".beam-{uuid.uuid4().hex[:16]}"
    with FileLock(directory / f"{folder.name}.lock"):
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def batches_of(items: Sequence[Item]) -> list[list[Item]]:
    """Items in batches of some granules, in their order; those of one granule stay together."""
    granules: dict[str, list[Item]] = {}
    for item in items:
        granules.setdefault(item.granule, []).append(item)
    groups = list(granules.values())
    return [
        [item for group in groups[first : first + GRANULES] for item in group]
        for first in range(0, len(groups), GRANULES)
    ]
