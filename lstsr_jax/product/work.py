"""One work item of a run: a layer, from file to file."""

import dataclasses
import time
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from lstsr_jax.errors import InputError, printable
from lstsr_jax.files import make_directory
from lstsr_jax.geo import GranuleError, GranuleName, LstLayer, Scene, parse_name
from lstsr_jax.geo.manifest import check_with_manifest
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.product.files import output_path, read_tags, require_format, write
from lstsr_jax.product.fine import super_resolve
from lstsr_jax.product.guide import find_guide
from lstsr_jax.product.identity import Identity, options_of, sources_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.mosaic import drop_mosaics
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.region import OutsideError
from lstsr_jax.product.report import Outcome, failure, line_of
from lstsr_jax.product.settings import Inference, Output, Selection, require_fit
from lstsr_jax.product.stac import drop_item, write_item
from lstsr_jax.product.tags import note_of, tags_of, warnings_of
from lstsr_jax.product.warp import plan_warp, warp


@dataclasses.dataclass(frozen=True)
class Job:
    """What a run asks of every layer, the same on every worker: made once in each.

    Attributes:
        method: as it is to be used.
        selection: which observations.
        inference: how the method is run.
        output: what is written, and where.
        command: recorded in the products.
        made: the source of each output so far.
    """

    method: MapMethod
    selection: Selection = Selection()
    inference: Inference = Inference()
    output: Output = Output()
    command: str = ""
    made: dict[Path, Path] = dataclasses.field(default_factory=dict)

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
    """

    place: int
    layer: LstLayer
    refusal: str = ""


def map_item(item: Item, job: Job) -> Outcome:
    """Make the product of one layer, or find it finished.

    It depends on nothing but the item and the job, so items may be shared out among any number of workers. What is
    written has a temporary name until it is whole.

    Args:
        item: from :func:`lstsr_jax.product.find_work`.
        job: the same for all items.

    Returns:
        What became of it; an error is an outcome, not raised: one bad granule must not end a season's run.
    """
    layer = item.layer
    try:
        if item.refusal:
            raise InputError(item.refusal)
        return _map(layer, job)
    except OutsideError as error:
        return Outcome(layer.path, layer.overpass, "outside", line_of(error, layer.path))
    except Exception as error:
        return failure(layer.path, layer.overpass, error)


def _map(layer: LstLayer, job: Job) -> Outcome:
    start, scene = time.perf_counter(), None
    method, selection, output = job.method, job.selection, job.output
    check_with_manifest(layer.path, verify=selection.verify)
    try:
        name: GranuleName | Scene = parse_name(layer.path)
    except GranuleError:  # only its content says what it is, or where
        name = scene = layer.read(selection.policy())
    path = output_path(output.output_dir, name.granule, layer.overpass, method.factor, output.format)
    if method.ndvi is not None:
        ndvi = find_guide(method.ndvi, name)
        check_with_manifest(ndvi, verify=selection.verify)
        method = dataclasses.replace(method, ndvi=ndvi)
    sources = sources_of(layer, method.ndvi)
    identity = Identity(sources, method.name, method.checkpoint, _options(layer, job))
    rival = job.made.setdefault(path, layer.path)
    if rival.resolve() != layer.path.resolve() and output.overwrite:
        raise InputError(f"{rival} of this run has made {path.name} already; give each its own `output_dir`")
    if not output.overwrite and _is_finished(path, identity):
        if output.stac:
            write_item(path)
        return Outcome(layer.path, layer.overpass, "finished", "left as it is", path)
    identity_tags = identity.tags()  # before the files are read
    scene = scene or layer.read(selection.policy())
    plan = plan_warp(scene, method.factor, selection, output)
    with tqdm(unit="tile", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        fine = super_resolve(scene, method, selection, job.inference, progress)
    if not output.overwrite and _is_finished(path, identity):
        if output.stac:
            write_item(path)
        return Outcome(layer.path, layer.overpass, "finished", "by another run meanwhile", path)
    had_item = drop_item(path)
    drop_mosaics(path, fine.source)
    if output.quick_look:
        draw_quick_look(path.with_suffix(".png"), fine)
    if plan is not None:
        fine = warp(fine, plan)
    note = note_of(fine, method)
    warnings = warnings_of(fine, method)
    tags = {**identity_tags, "command": printable(job.command), **tags_of(fine, method)}
    write(path, fine, output.format, output.packed, tags)
    if output.stac or had_item:
        write_item(path)
    note = f"{note}, {time.perf_counter() - start:.1f} s"
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


def _options(layer: LstLayer, job: Job) -> dict[str, Any]:
    """What decides a product beside its sources and the method: of a free name also what the user says of it."""
    options = options_of(job.selection, job.inference, job.output, job.method.conserves)
    free = layer.path.suffix.lower() in TIFF_SUFFIXES and (layer.date or layer.product)
    return {**options, "said": f"{layer.product} {layer.date}"} if free else options
