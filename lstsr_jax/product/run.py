"""Many granules in one run: finished outputs are skipped, a bad granule does not stop the rest."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

import lstsr_jax
from lstsr_jax.errors import InputError, make_directory
from lstsr_jax.geo import GranuleError, LstLayer, Overpass, find_granules, parse_name, read_lst
from lstsr_jax.product.files import output_path, read_tags, require_format, write
from lstsr_jax.product.fine import FineScene, super_resolve
from lstsr_jax.product.methods import Method
from lstsr_jax.product.quick_look import draw_quick_look
from lstsr_jax.product.region import OutsideError
from lstsr_jax.product.request import Request
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
    """

    source: Path
    overpass: Overpass | Literal[""]
    status: Literal["written", "finished", "outside", "failed"]
    note: str
    output: Path | None = None

    def __str__(self) -> str:
        """One line."""
        name = self.output or (f"{self.source} ({self.overpass})" if self.overpass else self.source)
        return f"{self.status}: {name}: {self.note}"


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of all layers; as text, a line for each and a last one that counts them, failures last."""

    outcomes: list[Outcome]

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
        return "\n".join([*lines, *map(str, self.failed), total])


def predict(files: Sequence[Path], output_dir: Path, method: Method, request: Request, *, command: str = "") -> Report:
    """Make a product of every LST layer of granules, and draw it.

    A product carries a fingerprint of method and request: one that an earlier run finished alike is left as it is.
    Each is written under a temporary name and renamed, so an interrupted run goes on where it was.

    Args:
        files: granules, GeoTIFF layers of them, or directories.
        output_dir: receives ``<granule>_LST_Day_250m.tif`` and so on.
        method: from :func:`lstsr_jax.product.choose_method`.
        request: region, grid, format.
        command: recorded in the products.

    Returns:
        The report; failures are in it, not raised.

    Raises:
        InputError: if the request cannot be met for any granule.
    """
    request.check()
    require_format(request.format)
    make_directory("--output-dir", output_dir)
    outcomes: list[Outcome] = []
    layers: dict[LstLayer, None] = {}
    for path in files:
        try:
            found = dict.fromkeys(_layers(path, request.overpass))
            if not found:
                raise InputError(f"{path}: holds no LST of the overpass asked for ({request.overpass}); see --overpass")
            layers.update(found)
        except InputError as error:
            outcomes.append(_failure(path, "", error))
    bar = tqdm(layers, unit="layer", disable=None)
    for layer in bar:
        bar.set_description(f"{layer.path.stem[:40]} {layer.overpass}")
        try:
            outcomes.append(_process(layer, output_dir, method, request, command))
        except OutsideError as error:
            outcomes.append(Outcome(layer.path, layer.overpass, "outside", _line(error, layer.path)))
        except Exception as error:  # one bad granule must not end a season's run
            outcomes.append(_failure(layer.path, layer.overpass, error))
    if outcomes and all(outcome.status == "outside" for outcome in outcomes):
        raise InputError(f"--bbox {' '.join(map(str, request.bbox or ()))}: none of the granules reaches it")
    return Report(outcomes)


def _failure(path: Path, overpass: Overpass | Literal[""], error: Exception) -> Outcome:
    kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    return Outcome(path, overpass, "failed", kind + _line(error, path))


def _line(error: Exception, path: Path) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")


def _layers(path: Path, overpass: str) -> Iterator[LstLayer]:
    """The layers of a granule, of a GeoTIFF or of a directory that were asked for."""
    wanted: tuple[Overpass, ...] = ("day", "night")
    wanted = tuple(name for name in wanted if overpass in (name, "both"))
    if path.is_dir():
        layers = find_granules(path).layers
        if not layers:
            raise InputError(f"{path}: holds no MOD11A1 or MYD11A1 granule; check the path")
        yield from (layer for layer in layers if layer.overpass in wanted)
    elif path.suffix.lower() in (".tif", ".tiff"):
        name = parse_name(path)
        if name.layer in ("QC_Day", "QC_Night"):
            return  # read with its LST
        if name.layer not in ("LST_Day_1km", "LST_Night_1km") or name.overpass is None:
            raise GranuleError(f"{path}: not LST at 1 km; give <granule>_LST_Day_1km.tif or _LST_Night_1km.tif")
        if name.overpass in wanted:
            yield LstLayer(path, name.overpass)
    else:
        yield from (LstLayer(path, name) for name in wanted)


def _process(layer: LstLayer, directory: Path, method: Method, request: Request, command: str) -> Outcome:
    """One layer from file to file."""
    start, scene = time.perf_counter(), None
    try:
        granule = parse_name(layer.path).granule
    except GranuleError:  # a renamed HDF4 granule knows its name
        scene = read_lst(layer.path, layer.overpass, request.policy())
        granule = scene.granule
    path = output_path(directory, granule, layer.overpass, method.factor, request.format)
    ndvi = "" if method.ndvi is None else str(method.ndvi.resolve())
    fingerprint = request.fingerprint(method.name, method.checkpoint, ndvi)
    if path.exists() and not request.overwrite:
        if read_tags(path).get("request") != fingerprint:
            raise InputError(f"{path.name} was made in another way; redo it with --overwrite or change --output-dir")
        return Outcome(layer.path, layer.overpass, "finished", "left as it is", path)
    scene = scene or read_lst(layer.path, layer.overpass, request.policy())
    plan = plan_warp(scene, method.factor, request)
    with tqdm(unit="tile", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        fine = super_resolve(scene, method, request, progress)
    if request.quick_look:
        draw_quick_look(path.with_suffix(".png"), fine)
    if plan is not None:
        fine = warp(fine, plan)
    note = _note(fine, method)
    tags = {"request": fingerprint, "command": command, **_tags(fine, method, request)}
    write(path, fine, request.format, request.packed, tags)
    return Outcome(layer.path, layer.overpass, "written", f"{note}, {time.perf_counter() - start:.1f} s", path)


def _note(fine: FineScene, method: Method) -> str:
    if fine.observed == 0:
        return "no observation"
    kept = "" if method.conserves else " (not conserved)"
    before = " before the warp" if fine.warped else ""
    return f"{fine.observed:.1%} observed, energy residual {fine.residual_k:.1e} K{before}{kept}"


def _tags(fine: FineScene, method: Method, request: Request) -> dict[str, str]:
    """Where a product comes from and how it was made."""
    source = fine.source
    return {
        "source_granule": source.granule,
        "source_file": source.path.name,
        "product": source.product,
        "tile": source.tile,
        "date": source.date.isoformat(),
        "overpass": source.overpass,
        "quality": source.note,
        "method": method.name,
        "checkpoint": method.checkpoint,
        **_energy_tags(fine, method),
        "software": f"lstsr-jax {lstsr_jax.__version__}",
    }


def _energy_tags(fine: FineScene, method: Method) -> dict[str, str]:
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
