"""Many granules in one run: finished outputs are skipped, a bad granule does not stop the rest."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lstsr_jax.errors import InputError
from lstsr_jax.product.identity import options_of
from lstsr_jax.product.layers import find_work
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.mosaic import with_mosaics
from lstsr_jax.product.parts import part_path, write_part
from lstsr_jax.product.pipeline import map_items
from lstsr_jax.product.report import Outcome, Report, report_of
from lstsr_jax.product.settings import Inference, Output, Selection
from lstsr_jax.product.shard import Shard
from lstsr_jax.product.work import Job


def predict(
    files: Sequence[Path],
    method: MapMethod,
    selection: Selection = Selection(),
    inference: Inference = Inference(),
    output: Output = Output(),
    *,
    command: str = "",
    shard: Shard | None = None,
) -> Report:
    """Make a product of every LST layer of granules, and draw it.

    A product carries its sources, the method's fingerprint and the settings: one that an earlier run finished alike is
    left as it is, one that differs is an error that says in what.
    Each is written under a temporary name and renamed, so an interrupted run goes on where it was.

    Args:
        files: granules, GeoTIFF layers of them, or directories.
        method: from :func:`lstsr_jax.product.choose_method`.
        selection: which observations.
        inference: how the method is run.
        output: what is written, and where.
        command: recorded in the products.
        shard: of several runs on the same files, which may share the output folder, this one's share. It leaves its
            report there for :func:`lstsr_jax.product.merge_reports`.

    Returns:
        The report; failures are in it, not raised.

    Raises:
        InputError: if what is asked for cannot be done for any granule.
    """
    if output.vrt and shard is not None:
        raise InputError("`vrt`: joins maps when all shards have ended; give it together with `merge_reports`")
    if shard is not None:  # until this one has ended, there is none
        part_path(output.output_dir, shard).unlink(missing_ok=True)
    job = Job(method, selection, inference, output, command)
    whole = find_work(files, job)
    work = whole if shard is None else whole.shard(shard)
    outcomes: dict[int, Outcome] = {}
    with tqdm(total=len(work.items), unit="layer", disable=None) as bar:
        for item, outcome in zip(work.items, map_items(work.items, job), strict=True):
            outcomes[item.place] = outcome
            bar.set_description(f"{item.layer.path.stem[:40]} {item.layer.overpass}")
            bar.update()
    places = work.places(outcomes)
    if shard is None:
        report = report_of(places, work.skipped, selection.bbox)
        return with_mosaics(report, output.output_dir) if output.vrt else report
    request = options_of(selection, inference, output, job.method.conserves)
    run = {"files": whole.fingerprint(), "method": method.name, "checkpoint": method.checkpoint, "request": request}
    write_part(part_path(output.output_dir, shard), run, places, work.skipped)
    return Report([outcome for _, outcome in sorted(places.items())], work.skipped)
