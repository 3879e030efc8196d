"""One work item of a run: a layer, from file to file, in three steps that items may overlap."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.errors import InputError, printable
from lstsr_jax.files import make_directory
from lstsr_jax.geo import GranuleError, GranuleName, LstLayer, Scene, parse_name
from lstsr_jax.geo.manifest import check_with_manifest
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.product.claims import Claims
from lstsr_jax.product.files import has_quality_file, output_path, read_tags, replacing_product, require_format, write
from lstsr_jax.product.fine import Prepared, finish, prepare
from lstsr_jax.product.guide import find_guides
from lstsr_jax.product.identity import Identity, options_of, sources_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.mosaic import drop_mosaics
from lstsr_jax.product.neighbours import as_they_are, files_of, read_around
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.region import OutsideError
from lstsr_jax.product.report import Outcome, failure, line_of
from lstsr_jax.product.settings import Inference, Output, Selection, require_fit
from lstsr_jax.product.stac import drop_item, write_item
from lstsr_jax.product.tags import note_of, tags_of, warnings_of
from lstsr_jax.product.warp import WarpPlan, plan_warp, warp
from lstsr_jax.scene.tiling import Progress

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Job:
    """What a run asks of every layer, the same on every worker: made once in each.

    Attributes:
        method: as it is to be used.
        selection: which observations.
        inference: how the method is run.
        output: what is written, and where.
        command: recorded in the products.
        claims: which layer makes which output.
    """

    method: MapMethod
    selection: Selection = Selection()
    inference: Inference = Inference()
    output: Output = Output()
    command: str = ""
    claims: Claims = dataclasses.field(default_factory=Claims, compare=False)

    def __post_init__(self) -> None:
        """Refuse, before any work, what can be done for no layer; make the output folder.

        Raises:
            InputError: naming the setting and the remedy.
        """
        require_fit(self.inference, self.output)
        object.__setattr__(self, "method", self.method.asked_for(self.inference))
        require_format(self.output.format)
        make_directory("`output_dir`", self.output.output_dir)


class Item(NamedTuple):
    """One work item; it may be pickled.

    Attributes:
        place: of its line among those of the whole run.
        layer: to be mapped.
        refusal: why it cannot be, as known from the other layers of the run; empty if it can.
        neighbours: the layers beside it, whoever maps them.
    """

    place: int
    layer: LstLayer
    refusal: str = ""
    neighbours: tuple[LstLayer, ...] = ()

    @property
    def granule(self) -> str:
        """The name of its granule, or of its file where that says none: what keeps items together."""
        return self.layer.granule or self.layer.path.name


class Begun(NamedTuple):
    """A layer that has been read, and what is needed to go on with it.

    Attributes:
        layer: which.
        path: of its product.
        method: with the files of the guides that are used.
        identity: of the product.
        tags: of the identity, from before the files were read.
        prepared: for the method.
        plan: of the warp, if one was asked for.
        computed: what the method has made of it.
        seconds: of work so far.
    """

    layer: LstLayer
    path: Path
    method: MapMethod
    identity: Identity
    tags: dict[str, str]
    prepared: Prepared
    plan: WarpPlan | None
    computed: NDArray[np.float32]
    seconds: float


def map_item(item: Item, job: Job) -> Outcome:
    """Make the product of one layer, or find it finished.

    It depends on nothing but the item and the job, so items may be shared out among any number of workers. What is
    written has a temporary name until it is whole. The same is done in three steps, each of which may run in a thread
    of its own: :func:`begin` reads, :func:`compute` has the device work, :func:`end` writes.

    Args:
        item: from :func:`lstsr_jax.product.find_work`.
        job: the same for all items.

    Returns:
        What became of it; an error is an outcome, not raised: one bad granule must not end a season's run.
    """
    return end(compute(begin(item, job), job), job)


def begin(item: Item, job: Job) -> Begun | Outcome:
    """Read a layer and fill its gaps, unless its product is finished or it cannot be mapped."""
    if item.refusal:
        return failure(item.layer.path, item.layer.overpass, InputError(item.refusal))
    return _guarded(item.layer, lambda: _begin(item, job))


def compute(begun: Begun | Outcome, job: Job, progress: Progress | None = None) -> Begun | Outcome:
    """Have the device work; the progress is told after every batch of tiles."""
    if isinstance(begun, Outcome):
        return begun
    start = time.perf_counter()

    def computed() -> Begun:
        fine = begun.prepared.steps.compute(progress)
        return begun._replace(computed=fine, seconds=begun.seconds + time.perf_counter() - start)

    return _guarded(begun.layer, computed, lambda: job.claims.release(begun.path))


def end(begun: Begun | Outcome, job: Job) -> Outcome:
    """Conserve energy, draw, warp and write."""
    if isinstance(begun, Outcome):
        return begun
    try:
        return _guarded(begun.layer, lambda: _end(begun, job))
    finally:
        job.claims.release(begun.path)


def _guarded(layer: LstLayer, work: Callable[[], _T], after_error: Callable[[], None] = lambda: None) -> _T | Outcome:
    """What the work gives, or what became of the layer where it raised."""
    try:
        return work()
    except Exception as error:
        after_error()
        if isinstance(error, OutsideError):
            return Outcome(layer.path, layer.overpass, "outside", line_of(error, layer.path))
        return failure(layer.path, layer.overpass, error)


def _begin(item: Item, job: Job) -> Begun | Outcome:
    start, layer, scene = time.perf_counter(), item.layer, None
    method, selection, output = job.method, job.selection, job.output
    check_with_manifest(layer.path, verify=selection.verify)
    try:
        name: GranuleName | Scene = parse_name(layer.path)
    except GranuleError:  # only its content says what it is, or where
        name = scene = layer.read(selection.policy())
    path = output_path(output.output_dir, name.granule, layer.overpass, method.factor, output.format)
    method = dataclasses.replace(method, guides=find_guides(method.guides, name))
    for guide in method.guides.values():
        check_with_manifest(guide, verify=selection.verify)
    sources = sources_of(layer, method.guides)
    neighbours = as_they_are(item.neighbours) if job.inference.neighbours and method.sees_neighbours else ()
    identity = Identity(sources, method.name, method.checkpoint, _options(layer, job), files_of(neighbours))
    rival, begun = job.claims.take(path, layer.path), None
    try:
        if rival.resolve() != layer.path.resolve() and output.overwrite:
            raise InputError(f"{rival} of this run has made {path.name} already; give each its own `output_dir`")
        if not output.overwrite and _is_finished(path, identity):
            if output.stac:
                write_item(path)
            return Outcome(layer.path, layer.overpass, "finished", f"left as it is{_unseen(path, identity)}", path)
        around = read_around(neighbours, selection.policy(), job.inference.tile // 2)
        tags = dataclasses.replace(identity, neighbours=files_of(around.used)).tags()  # before the file is read
        scene = scene or layer.read(selection.policy())
        plan = plan_warp(scene, method.factor, selection, output)
        prepared = prepare(scene, method, selection, job.inference, around)
        seconds = time.perf_counter() - start
        begun = Begun(layer, path, method, identity, tags, prepared, plan, np.empty(0, np.float32), seconds)
        return begun
    finally:
        if begun is None:
            job.claims.release(path)


def _end(begun: Begun, job: Job) -> Outcome:
    start, layer, path, method, output = time.perf_counter(), begun.layer, begun.path, begun.method, job.output
    fine = finish(begun.prepared, begun.computed)
    if not output.overwrite and _is_finished(path, begun.identity):
        if output.stac:
            write_item(path)
        return Outcome(layer.path, layer.overpass, "finished", "by another run meanwhile", path)
    with replacing_product(path, quality=has_quality_file(fine, output.format), picture=output.quick_look) as parts:
        if parts.picture is not None:
            draw_quick_look(parts.picture, fine)
        if begun.plan is not None:
            fine = warp(fine, begun.plan)
        note = note_of(fine, method)
        warnings = warnings_of(fine, method)
        tags = {**begun.tags, "command": printable(job.command), **tags_of(fine, method)}
        write(parts, fine, output.format, output.packed, tags)
        had_item = drop_item(path)  # of the older map, which stays with all that belongs to it if an error comes before
        drop_mosaics(path, fine.source)
    if output.stac or had_item:
        write_item(path)
    note = f"{note}, {begun.seconds + time.perf_counter() - start:.1f} s"
    return Outcome(layer.path, layer.overpass, "written", note, path, warnings)


def _is_finished(path: Path, identity: Identity) -> bool:
    """Whether an earlier or another run made this product; an error if it is another one."""
    if not path.exists():
        return False
    try:
        tags = read_tags(path)
    except InputError:
        if path.exists():
            raise
        return False  # another run is replacing it
    difference = identity.difference(tags)
    if difference is not None:
        raise InputError(f"{path.name}: {difference}")
    return True


def _unseen(path: Path, identity: Identity) -> str:
    """What a finished product's note says of neighbours that it was made without."""
    unseen = identity.unseen(read_tags(path))
    return f"; {unseen}" if unseen else ""


def _options(layer: LstLayer, job: Job) -> dict[str, Any]:
    """What decides a product beside its sources and the method: of a free name also what the user says of it."""
    options = options_of(job.selection, job.inference, job.output, job.method.conserves)
    free = layer.path.suffix.lower() in TIFF_SUFFIXES and (layer.date or layer.product)
    return {**options, "said": f"{layer.product} {layer.date}"} if free else options
