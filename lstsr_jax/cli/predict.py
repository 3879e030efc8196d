"""The command ``predict.py`` and its flags."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from lstsr_jax.cli.door import expand_home, start_jax
from lstsr_jax.cli.flags import as_flags, program
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import shipped
from lstsr_jax.product import Request

CHECKPOINT_HELP = f"Training workdir, checkpoint directory, or a shipped model: {', '.join(shipped.names())}."


@dataclasses.dataclass(frozen=True)
class PredictArguments:
    """Super-resolve MODIS and VIIRS LST: granules in, georeferenced 250 m maps out, NaN where nothing was observed."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
    """LST at 1 km: granules (.hdf, .h5), GeoTIFF layers (<granule>_LST_Day_1km.tif), AppEEARS or OPeNDAP netCDF, or
    directories of them (docs/products.md)."""
    checkpoint: Annotated[str | None, tyro.conf.arg(metavar="C", help=CHECKPOINT_HELP)] = None
    method: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The same product without a network: nearest, bilinear, bicubic, bicubic-conserved, tsharp, atprk."""
    ndvi: Annotated[Path | None, tyro.conf.arg(metavar="FILE|DIR")] = None
    """NDVI, such as MOD13Q1, MOD13A1 or VNP13A2, or a directory of it, for tsharp, atprk and guided networks."""
    output_dir: Path = Path("predictions")
    """Receives <granule>_LST_Day_250m.tif, <granule>_QC_Day_250m.tif and <granule>_LST_Day_250m.png."""
    conserve_energy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Correct the map so that pooling it (norm-L4) gives back the source: what is done unless the network denoises."""
    no_conserve_energy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave the map as the method makes it."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""
    request: Annotated[Request, tyro.conf.arg(name="")] = dataclasses.field(default_factory=Request)

    @property
    def command(self) -> str:
        """The command line, as recorded in the products."""
        return shlex.join(["predict.py", *sys.argv[1:]])


def predict_arguments(argv: Sequence[str] | None = None) -> PredictArguments:
    """Parse the flags of ``predict.py``.

    Raises:
        InputError: if there is nothing to do, or the flags cannot be used together.
    """
    arguments = expand_home(tyro.cli(PredictArguments, args=argv, prog=program("predict.py")))
    if not arguments.files:
        raise InputError("FILE: give at least one granule or directory of them")
    arguments.request.check()
    if arguments.conserve_energy and arguments.no_conserve_energy:
        raise InputError("--conserve-energy: give it or --no-conserve-energy, not both")
    if arguments.conserve_energy or arguments.no_conserve_energy:
        request = dataclasses.replace(arguments.request, conserve_energy=arguments.conserve_energy)
        arguments = dataclasses.replace(arguments, request=request)
    return arguments


def main() -> None:
    """Super-resolve every granule and print what became of each; exit status 1 if one gave no map."""
    arguments = predict_arguments()
    # Loaded after the flags, so that --help and bad flags need not wait for it.
    from lstsr_jax.product import choose_method, predict

    start_jax()
    request = arguments.request
    method = choose_method(arguments.checkpoint, arguments.method, arguments.ndvi)
    report = predict(arguments.files, arguments.output_dir, method, request, command=arguments.command)
    print(as_flags(str(report)))
    if report.failed:
        sys.exit(1)
