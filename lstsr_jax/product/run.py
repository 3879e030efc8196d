"""Many granules in one run: finished outputs are skipped, a bad granule does not stop the rest."""

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tqdm import tqdm

import lstsr_jax
from lstsr_jax.errors import InputError, printable
from lstsr_jax.files import make_directory
from lstsr_jax.geo import (
    GranuleError,
    GranuleName,
    Listing,
    LstLayer,
    Overpass,
    Scene,
    Skipped,
    describe_skipped,
    find_granules,
    parse_name,
)
from lstsr_jax.geo.manifest import check_with_manifest
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.product.files import output_path, read_tags, require_format, write
from lstsr_jax.product.fine import FineScene, super_resolve
from lstsr_jax.product.guide import coarseness_warning, find_guide
from lstsr_jax.product.identity import Identity, SourceFile, options_of, sources_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.region import OutsideError
from lstsr_jax.product.settings import Inference, Output, Selection, require_fit
from lstsr_jax.product.times import observation_time
from lstsr_jax.product.warp import plan_warp, warp


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one layer.

    Attributes:
        source: the file, or the directory in which nothing was found.
        overpass: ``"day"`` or ``"night"``, or ``""`` where it never came to that.
        status: ``"written"``, ``"finished"`` (by an earlier run), ``"outside"`` (of the bbox) or ``"failed"``.
        note: one line for the summary.
        output: the product.
        warnings: lines on what makes it worse than it could be.
    """

    source: Path
    overpass: Overpass | Literal[""]
    status: Literal["written", "finished", "outside", "failed"]
    note: str
    output: Path | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line."""
        name = self.output or (f"{self.source} ({self.overpass})" if self.overpass else self.source)
        return f"{self.status}: {name}: {self.note}"


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of all layers; as text, a line for each and a last one that counts them, failures last.

    Attributes:
        outcomes: of the layers, and of the files that hold none.
        skipped: what was left aside in folders.
    """

    outcomes: list[Outcome]
    skipped: list[Skipped] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """The layers that gave no product."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    def __str__(self) -> str:
        """The summary of a run."""
        lines = [str(outcome) for outcome in self.outcomes if outcome.status != "failed"]
        kinds = ("written", "finished", "outside", "failed")
        counts = {kind: sum(outcome.status == kind for outcome in self.outcomes) for kind in kinds}
        total = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count or kind == "written")
        warnings = dict.fromkeys(f"warning: {line}" for outcome in self.outcomes for line in outcome.warnings)
        text = [*lines, *describe_skipped(self.skipped), *warnings, *map(str, self.failed), total]
        return printable("\n".join(text))


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
    asked = _Asked(selection, inference, output)
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
            again = {layer.path for layer in _namesakes(listing)}
            skipped += (left for left in listing.skipped if left.path not in again)
            layers.update(dict.fromkeys(_layers(path, listing, selection)))
        except InputError as error:
            outcomes.append(_failure(path, "", error))
    if skipped and not layers and not outcomes:
        raise InputError(f"{skipped[0].path}: {skipped[0].reason}; give granules or <granule>_LST_Day_1km.tif")
    rivals = _rivals(layers, method.factor, output)
    made: dict[Path, Path] = {}
    bar = tqdm(layers, unit="layer", disable=None)
    for layer in bar:
        bar.set_description(f"{layer.path.stem[:40]} {layer.overpass}")
        try:
            if layer in rivals:
                raise InputError(rivals[layer])
            outcomes.append(_process(layer, method, asked, command, made))
        except OutsideError as error:
            outcomes.append(Outcome(layer.path, layer.overpass, "outside", _line(error, layer.path)))
        except Exception as error:  # one bad granule must not end a season's run
            outcomes.append(_failure(layer.path, layer.overpass, error))
    if outcomes and all(outcome.status == "outside" for outcome in outcomes):
        raise InputError(f"`bbox` {' '.join(map(str, selection.bbox or ()))}: none of the granules reaches it")
    return Report(outcomes, skipped)


class _Asked(NamedTuple):
    selection: Selection
    inference: Inference
    output: Output


def _failure(path: Path, overpass: Overpass | Literal[""], error: Exception) -> Outcome:
    kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    return Outcome(path, overpass, "failed", kind + _line(error, path))


def _line(error: Exception, path: Path) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")


def _layers(path: Path, listing: Listing, selection: Selection) -> list[LstLayer]:
    """The layers that were asked for, of those that a file or a folder holds.

    Raises:
        InputError: if there is none, unless a single file is but another layer of an LST granule.
    """
    if not listing.layers and path.is_dir():
        raise InputError(f"{path}: holds no LST at 1 km (docs/products.md); check the path")
    layers = [
        layer for layer in (*listing.layers, *_namesakes(listing)) if selection.overpass in (layer.overpass, "both")
    ]
    if not layers and listing.layers:
        raise InputError(f"{path}: holds no LST of the overpass asked for ({selection.overpass}); see `overpass`")
    asked: tuple[tuple[Literal["date", "product"], Any], ...] = (
        ("date", selection.day()),
        ("product", selection.product),
    )
    for key, wanted in asked:
        layers = [layer for layer in layers if wanted is None or layer.says(key) in (wanted, None)]
        if not layers and listing.layers:
            raise InputError(f"{path}: holds no LST of the {key} asked for ({wanted}); see `{key}`")
    return layers


def _namesakes(listing: Listing) -> list[LstLayer]:
    """Files of the same name as a layer's, in other folders: copies of it, or another area."""
    skipped: dict[str, list[Path]] = {}
    for found in listing.skipped:
        if found.path.is_file():
            skipped.setdefault(found.path.name.lower(), []).append(found.path)
    return [
        LstLayer(path, layer.overpass, layer.date, layer.product)
        for layer in listing.layers
        for path in skipped.get(layer.path.name.lower(), [])
    ]


def _rivals(layers: Iterable[LstLayer], factor: int, output: Output) -> dict[LstLayer, str]:
    """Layers that would share an output though they are not the same file's content, and what to say of each."""
    claims: dict[Path, list[LstLayer]] = {}
    for layer in layers:
        granule = layer.granule
        if granule is not None:  # a renamed one is known only when it is read
            name = output_path(output.output_dir, granule, layer.overpass, factor, output.format)
            claims.setdefault(name, []).append(layer)
    found = {}
    for path, group in claims.items():
        if len({layer.path.resolve() for layer in group}) < 2:
            continue
        with contextlib.suppress(OSError):  # a missing file is named when its turn comes
            if len({SourceFile.of("lst", layer.path).sha256 for layer in group}) > 1:
                named = " and ".join(str(layer.path) for layer in group)
                line = f"{named} would be one output, {path.name}; give each its own `output_dir`"
                found.update(dict.fromkeys(group, line))
    return found


def _process(layer: LstLayer, method: MapMethod, asked: _Asked, command: str, made: dict[Path, Path]) -> Outcome:
    """One layer from file to file; ``made`` holds the source of each output of this run."""
    start, scene = time.perf_counter(), None
    selection, inference, output = asked
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
    identity = Identity(sources, method.name, method.checkpoint, _options(layer, asked, method))
    rival = made.setdefault(path, layer.path)
    if rival.resolve() != layer.path.resolve() and output.overwrite:
        raise InputError(f"{rival} of this run has made {path.name} already; give each its own `output_dir`")
    if not output.overwrite and _is_finished(path, identity):
        return Outcome(layer.path, layer.overpass, "finished", "left as it is", path)
    identity_tags = identity.tags()  # before the files are read
    scene = scene or layer.read(selection.policy())
    plan = plan_warp(scene, method.factor, selection, output)
    with tqdm(unit="tile", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        fine = super_resolve(scene, method, selection, inference, progress)
    if not output.overwrite and _is_finished(path, identity):
        return Outcome(layer.path, layer.overpass, "finished", "by another run meanwhile", path)
    if output.quick_look:
        draw_quick_look(path.with_suffix(".png"), fine)
    if plan is not None:
        fine = warp(fine, plan)
    note = _note(fine, method)
    warnings = _warnings(fine, method)
    tags = {**identity_tags, "command": printable(command), **_tags(fine, method)}
    write(path, fine, output.format, output.packed, tags)
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


def _options(layer: LstLayer, asked: _Asked, method: MapMethod) -> dict[str, Any]:
    """What decides a product beside its sources and the method: of a free name also what the user says of it."""
    options = options_of(*asked, method.conserves)
    free = layer.path.suffix.lower() in TIFF_SUFFIXES and (layer.date or layer.product)
    return {**options, "said": f"{layer.product} {layer.date}"} if free else options


def _warnings(fine: FineScene, method: MapMethod) -> tuple[str, ...]:
    guide = coarseness_warning(fine.guide, method.factor) if fine.guide else ""
    provenance = method.provenance
    product = provenance.foreign_products([fine.source.product]) if provenance else ""
    place = provenance.foreign_tiles([fine.source.tile]) if provenance else ""
    return tuple(line for line in (guide, product, place) if line)


def _note(fine: FineScene, method: MapMethod) -> str:
    if fine.observed == 0:
        return "no observation"
    kept = "" if method.conserves else " (not conserved)"
    before = " before the warp" if fine.warped else ""
    return f"{fine.observed:.1%} observed, energy residual {fine.residual_k:.1e} K{before}{kept}"


def _tags(fine: FineScene, method: MapMethod) -> dict[str, str]:
    """Where a product comes from and how it was made."""
    source = fine.source
    return {
        "source_granule": source.granule,
        "source_file": printable(source.path.name),
        "product": source.product,
        "tile": source.tile,
        "date": source.date.isoformat(),
        "period_days": str(source.period_days),
        "overpass": source.overpass,
        **_time_tags(source),
        "quality": source.note,
        **_energy_tags(fine, method),
        **({"model": method.model} if method.model else {}),
        **_guide_tags(fine, method.factor),
        **({"spread": fine.spread_kind} if fine.spread_kind else {}),
        "software": f"lstsr-jax {lstsr_jax.__version__}",
    }


def _time_tags(scene: Scene) -> dict[str, str]:
    """Of the first and last observation, where the granule says it: attributes of the ACDD convention."""
    observed = observation_time(scene)
    ends = {"time_coverage_start": observed.first, "time_coverage_end": observed.last}
    return {name: f"{time}Z" for name, time in ends.items()} if observed.known else {}


def _energy_tags(fine: FineScene, method: MapMethod) -> dict[str, str]:
    """Whether the map pools back to its source; interpolation onto another grid ends that."""
    conserved, residual = "yes" if method.conserves else "no", f"{fine.residual_k:.2e}"
    if not fine.warped:
        return {"energy_conserved": conserved, "energy_residual_k": residual}
    return {
        "warp": "bilinear",
        "energy_conserved": "no",
        "energy_conserved_before_warp": conserved,
        "energy_residual_before_warp_k": residual,
    }


def _guide_tags(fine: FineScene, factor: int) -> dict[str, str]:
    """Which NDVI was used, and whether anything finer than the LST was in it."""
    if fine.guide is None:
        return {}
    pixel = f"{fine.guide.pixel / factor:.2g} of the LST's pixel"
    finer = "" if not coarseness_warning(fine.guide, factor) else ": nothing finer than the LST is in it"
    return {"ndvi_file": fine.guide.path.name, "ndvi_resolution": f"{pixel}{finer}"}
