"""Many granules in one run: finished outputs are skipped, a bad granule does not stop the rest."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lstsr_jax.errors import InputError
from lstsr_jax.files import make_directory
from lstsr_jax.geo import LstLayer, Skipped, find_granules
from lstsr_jax.product.files import require_format
from lstsr_jax.product.layers import find_rivals, layers_of, namesakes
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.region import OutsideError
from lstsr_jax.product.report import Outcome, Report, failure, line_of
from lstsr_jax.product.settings import Inference, Output, Selection, require_fit
from lstsr_jax.product.work import Asked, map_layer


def predict(
    files: Sequence[Path],
    method: MapMethod,
    selection: Selection = Selection(),
    inference: Inference = Inference(),
    output: Output = Output(),
    *,
    command: str = "",
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

    Returns:
        The report; failures are in it, not raised.

    Raises:
        InputError: if what is asked for cannot be done for any granule.
    """
    require_fit(inference, output)
    asked = Asked(selection, inference, output)
    method = method.asked_for(inference)
    require_format(output.format)
    make_directory("`output_dir`", output.output_dir)
    outcomes: list[Outcome] = []
    layers: dict[LstLayer, None] = {}
    told = None if selection.overpass == "both" else selection.overpass
    skipped: list[Skipped] = []
    for path in files:
        try:
            listing = find_granules(path, overpass=told, date=selection.day(), product=selection.product)
            again = {layer.path for layer in namesakes(listing)}
            skipped += (left for left in listing.skipped if left.path not in again)
            layers.update(dict.fromkeys(layers_of(path, listing, selection)))
        except InputError as error:
            outcomes.append(failure(path, "", error))
    if skipped and not layers and not outcomes:
        raise InputError(f"{skipped[0].path}: {skipped[0].reason}; give granules or <granule>_LST_Day_1km.tif")
    rivals = find_rivals(layers, method.factor, output)
    made: dict[Path, Path] = {}
    bar = tqdm(layers, unit="layer", disable=None)
    for layer in bar:
        bar.set_description(f"{layer.path.stem[:40]} {layer.overpass}")
        try:
            if layer in rivals:
                raise InputError(rivals[layer])
            outcomes.append(map_layer(layer, method, asked, command, made))
        except OutsideError as error:
            outcomes.append(Outcome(layer.path, layer.overpass, "outside", line_of(error, layer.path)))
        except Exception as error:  # one bad granule must not end a season's run
            outcomes.append(failure(layer.path, layer.overpass, error))
    if outcomes and all(outcome.status == "outside" for outcome in outcomes):
        raise InputError(f"`bbox` {' '.join(map(str, selection.bbox or ()))}: none of the granules reaches it")
    return Report(outcomes, skipped)
