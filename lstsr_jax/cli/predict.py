"""The command ``predict.py`` and its flags."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from lstsr_jax.cli.door import expand_home, start_jax
from lstsr_jax.cli.flags import as_flags, flag, program, speaking_flags
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import shipped
from lstsr_jax.product.identity import UNDECIDING
from lstsr_jax.product.settings import Inference, Output, Selection, settings_of
from lstsr_jax.product.shard import Shard

if TYPE_CHECKING:
    from lstsr_jax.product import Outcome, Report

CHECKPOINT_HELP = f"Training workdir, checkpoint directory, or a shipped model: {', '.join(shipped.names())}."
_DEMO_MODEL, _DEMO_FOLDER = "default", "demo"


@dataclasses.dataclass(frozen=True)
class _SelectionFlags(Selection):
    date: Annotated[str | None, tyro.conf.arg(metavar="YYYY-MM-DD")] = None
    """Only LST of this day; of a file that does not say its day, that it is this one."""
    bbox: Annotated[tuple[float, float, float, float] | None, tyro.conf.arg(metavar="W S E N")] = None
    """Degrees: only the pixels around this box, with --crs only those in it. W > E crosses the 180th meridian."""
    window: Annotated[tuple[int, int, int, int] | None, tyro.conf.arg(metavar="ROW COL HEIGHT WIDTH")] = None
    """1 km pixels: only these, counted from the upper left."""

    def __post_init__(self) -> None:
        """Flags are checked when the settings are made of them: tyro would print the error in a box."""


@dataclasses.dataclass(frozen=True)
class _InferenceFlags(Inference):
    conserve_energy: Annotated[bool | None, tyro.conf.Suppress] = None

    def __post_init__(self) -> None:
        """As that of the flags of the selection."""


@dataclasses.dataclass(frozen=True)
class _OutputFlags(Output):
    crs: Annotated[str | None, tyro.conf.arg(metavar="EPSG:N")] = None
    """Warp to this coordinate reference system, such as EPSG:32632; default the grid of the source, refined."""
    resolution: Annotated[float | None, tyro.conf.arg(metavar="SIZE")] = None
    """Pixel size in the units of --crs, degrees or metres; default that of the fine grid, to two digits."""

    def __post_init__(self) -> None:
        """As that of the flags of the selection."""


@dataclasses.dataclass(frozen=True)
class PredictArguments:
    """Super-resolve MODIS and VIIRS LST: granules in, georeferenced 250 m maps out, NaN where nothing was observed."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
    """LST at 1 km: granules (.hdf, .h5), GeoTIFF layers (<granule>_LST_Day_1km.tif), AppEEARS or OPeNDAP netCDF, or
    directories of them (docs/products.md)."""
    checkpoint: Annotated[str | None, tyro.conf.arg(metavar="C", help=CHECKPOINT_HELP)] = None
    method: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The same product without a network: nearest, bilinear, bicubic, bicubic-conserved, tsharp, tsharp-mean,
    atprk, atprk-mean, dms or dms-conserved (need the extra dms)."""
    ndvi: Annotated[Path | None, tyro.conf.arg(metavar="FILE|DIR")] = None
    """NDVI, such as MOD13Q1, MOD13A1 or VNP13A2, or a directory of it, for tsharp, atprk, dms and guided networks."""
    elevation: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Elevation in metres for networks guided by it: a DEM as GeoTIFF, of any resolution and coordinate system, which
    is averaged onto the fine grid."""
    conserve_energy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Correct the map so that pooling it (norm-L4) gives back the source: what is done unless the network denoises."""
    no_conserve_energy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave the map as the method makes it."""
    demo: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """In place of FILE: simulate a granule and map it, by day and with the model default unless other flags say so, in
    the folder demo of --output-dir, anew each time; the last lines name the map and its picture. Under a minute."""
    shard: Annotated[str | None, tyro.conf.arg(metavar="I/N|env")] = None
    """Of N runs on the same files this is the I-th, from 0 on: every N-th granule. They may share --output-dir, where
    each leaves its report. env: as the SLURM array or the indexed job of Kubernetes says (docs/scale.md)."""
    merge_reports: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Make no maps: print the one report of the shards that wrote into --output-dir; with --vrt, join their maps."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""
    selection: Annotated[_SelectionFlags, tyro.conf.arg(name="")] = dataclasses.field(default_factory=_SelectionFlags)
    inference: Annotated[_InferenceFlags, tyro.conf.arg(name="")] = dataclasses.field(default_factory=_InferenceFlags)
    output: Annotated[_OutputFlags, tyro.conf.arg(name="")] = dataclasses.field(default_factory=_OutputFlags)

    @property
    def settings(self) -> tuple[Selection, Inference, Output]:
        """What the library takes.

        Raises:
            InputError: if a value cannot be used.
        """
        options = {**vars(self.selection), **vars(self.inference), **vars(self.output)}
        if self.conserve_energy or self.no_conserve_energy:
            options["conserve_energy"] = self.conserve_energy
        return settings_of(**options)

    @property
    def own_shard(self) -> Shard | None:
        """This run's share.

        Raises:
            InputError: if it is none.
        """
        return None if self.shard is None else Shard.parse(self.shard)

    @property
    def command(self) -> str:
        """The command line, as recorded in the products: without what changes no map."""
        return shlex.join(["predict.py", *_deciding(sys.argv[1:])])


def predict_arguments(argv: Sequence[str] | None = None) -> PredictArguments:
    """Parse the flags of ``predict.py``.

    Raises:
        InputError: if there is nothing to do, or the flags cannot be used together.
    """
    arguments = expand_home(tyro.cli(PredictArguments, args=argv, prog=program("predict.py")))
    if arguments.merge_reports:
        if arguments.files or arguments.shard or arguments.demo:
            raise InputError("--merge-reports: takes --output-dir and --vrt only, and no FILE, --demo or --shard")
        return arguments
    if arguments.demo and (arguments.files or arguments.shard):
        raise InputError("--demo: maps a granule that it simulates itself; leave it or FILE and --shard out")
    if not arguments.files and not arguments.demo:
        raise InputError("FILE: give at least one granule or directory of them; --demo shows a map without any")
    if arguments.conserve_energy and arguments.no_conserve_energy:
        raise InputError("--conserve-energy: give it or --no-conserve-energy, not both")
    with speaking_flags():
        arguments.settings, arguments.own_shard  # noqa: B018 (check themselves)
    return arguments


def _deciding(argv: Sequence[str]) -> list[str]:
    """The flags without those that change no map."""
    settings = {field.name: field.type for part in (Selection, Inference, Output) for field in dataclasses.fields(part)}
    switches = {"--debug", *(flag(name) for name in UNDECIDING if settings[name] is bool)}
    switches |= {f"--no-{name.removeprefix('--')}" for name in switches}
    valued = {"--shard", *(flag(name) for name in UNDECIDING)} - switches
    kept, skip = [], False
    for word in argv:
        name = word.split("=")[0].replace("_", "-")
        if not skip and name not in switches | valued:
            kept.append(word)
        skip = not skip and word.replace("_", "-") in valued
    return kept


def main() -> None:
    """Super-resolve every granule and print what became of each; exit status 1 if one gave no map."""
    arguments = predict_arguments()
    if arguments.merge_reports:
        from lstsr_jax.product.parts import merge_reports

        report = merge_reports(arguments.output.output_dir)
        if arguments.output.vrt:
            from lstsr_jax.product.mosaic import with_mosaics

            report = with_mosaics(report, arguments.output.output_dir)
        _tell(report)
        return
    # Loaded after the flags, so that --help and bad flags need not wait for it.
    from lstsr_jax.product import choose_method, predict

    start_jax()
    if arguments.demo:
        arguments = _with_demo(arguments)
    method = choose_method(arguments.checkpoint, arguments.method, arguments.ndvi, arguments.elevation)
    report = predict(arguments.files, method, *arguments.settings, command=arguments.command, shard=arguments.own_shard)
    _tell(report)
    if arguments.demo:
        for outcome in report.outcomes:
            _say_where(outcome)


def _tell(report: "Report") -> None:
    print(as_flags(str(report)))
    if report.failed:
        sys.exit(1)


def _with_demo(arguments: PredictArguments) -> PredictArguments:
    """The flags with a simulated granule as FILE, and what --demo stands for where nothing else is said."""
    from lstsr_jax.files import make_directory
    from lstsr_jax.methods import METHODS
    from lstsr_jax.predictor import load_predictor
    from lstsr_jax.product.demo import write_demo

    checkpoint = arguments.checkpoint or (None if arguments.method else _DEMO_MODEL)
    kind = METHODS.get(arguments.method or "")
    needs_ndvi = load_predictor(checkpoint).needs_ndvi if checkpoint else kind is not None and kind.needs_ndvi
    folder = arguments.output.output_dir / _DEMO_FOLDER
    make_directory("`output_dir`", folder)
    demo = write_demo(folder / "granule")
    print(f"simulated granule, no observation: {demo.granule}")
    overpass = "day" if arguments.selection.overpass == "both" else arguments.selection.overpass
    return dataclasses.replace(
        arguments,
        files=(demo.granule,),
        checkpoint=checkpoint,
        ndvi=arguments.ndvi or (demo.ndvi if needs_ndvi else None),
        selection=dataclasses.replace(arguments.selection, overpass=overpass),
        output=dataclasses.replace(arguments.output, output_dir=folder, overwrite=True),
    )


def _say_where(outcome: "Outcome") -> None:
    """The map of an outcome and its picture, a line for each."""
    if outcome.output is None:
        return
    print(f"map: {outcome.output}")
    picture = outcome.output.with_suffix(".png")
    if picture.exists():
        print(f"picture: {picture}")
