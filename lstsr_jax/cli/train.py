"""The command ``train.py`` and its flags."""

import argparse
import dataclasses
import datetime
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import tyro

from lstsr_jax import config as configs
from lstsr_jax.cli.door import expand_home, start_jax
from lstsr_jax.cli.flags import program, speaking_flags
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.errors import InputError
from lstsr_jax.geo import find_granules
from lstsr_jax.training.workdir import stored_config


@dataclasses.dataclass(frozen=True)
class DataFlags(DataConfig):
    """The dataset's settings as flags: folders and pairs without the name of their part."""

    granules: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Directory of LST at 1 km (docs/products.md), of one product or several; simulated granules if left out."""
    ndvi: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Directory of 1 km NDVI (MOD13A2, VNP13A2, ...; granules or GeoTIFF), stored beside each LST patch."""
    elevation: Annotated[str | None, tyro.conf.arg(prefix_name=False, metavar="FILE")] = None
    """Elevation in metres (a DEM as GeoTIFF, of any resolution and coordinate system), averaged and stored beside each
    LST patch."""
    fine: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Directory of finer LST (ECOSTRESS, Landsat, any GeoTIFF in kelvin), averaged to 231.656 m and cut into more
    training patches."""
    pairs: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Directory of MODIS and ASTER pairs to train on at 1 km to 250 m (docs/pairs.md); with --granules: together with
    their patches."""
    pairs_fold: Annotated[str | None, tyro.conf.arg(prefix_name=False, metavar="K/N")] = None
    """Leave the pairs of fold K (0 to N-1) of N out of the training, and score them; K alone: of 5."""
    pairs_shift: Annotated[tuple[float, float] | None, tyro.conf.arg(prefix_name=False, metavar="ROWS COLUMNS")] = None
    """Of all pairs against ASTER, in 250 m pixels south and east; default: the mean of what their index.csv records."""

    def __post_init__(self) -> None:
        """Flags are checked when the configuration is made of them: tyro would print the error in a box."""


@dataclasses.dataclass(frozen=True)
class _ModelFlags(ModelConfig):
    def __post_init__(self) -> None:
        """As that of the flags of the data."""


@dataclasses.dataclass(frozen=True)
class _TrainFlags(TrainConfig):
    init: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Start from the weights of a shipped model or checkpoint, whose network the model settings then default to."""

    def __post_init__(self) -> None:
        """As that of the flags of the data."""


@dataclasses.dataclass(frozen=True)
class TrainArguments:
    """Train a network on MODIS LST and evaluate it: granules -> TFDS dataset -> checkpoints -> table."""

    preset: Literal["quickstart", "paper", "authors-code", "recommended", "edsr", "aster"] = "quickstart"
    """quickstart: simulated granules, minutes on a CPU. paper: what the paper says. authors-code: what its code does
    (learning rate 1e-3 constant, batch 24, bilinear input). recommended: ours, with the paper's network; hours on a
    CPU. edsr: ours, with the network of the shipped model default; minutes on a CPU. aster: ours at 1 km to 250 m, a
    shipped model that learns on from --pairs."""
    workdir: Path | None = None
    """Where checkpoints, logs and the report go; default runs/<preset>-<date>-<time>."""
    resume: Literal["no", "yes", "auto"] = "no"
    """--resume (or yes): go on from the last checkpoint of the workdir, with the run's own flags unless a preset is
    named. auto: if there is a run in the workdir, else start it; for jobs that are queued again."""
    distributed: bool = False
    """Train together with the same command in other processes or on other hosts (jax.distributed), which share the
    workdir. Where JAX does not find the others by itself, set JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
    JAX_PROCESS_ID."""
    verify: bool = False
    """Compare every granule with the checksum in the manifest.csv beside it before anything else; sizes always are."""
    profile: Path | None = None
    """Write a profiler trace of a few steps into this directory (TensorBoard, xprof)."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""
    data: DataFlags = dataclasses.field(default_factory=DataFlags)
    model: _ModelFlags = dataclasses.field(default_factory=_ModelFlags)
    train: _TrainFlags = dataclasses.field(default_factory=_TrainFlags)

    @property
    def config(self) -> Config:
        """The configuration without what is not part of the run.

        Raises:
            InputError: if a value cannot be used.
        """
        data, model = DataConfig(**vars(self.data)), ModelConfig(**vars(self.model))
        return Config(self.preset, data, model, TrainConfig(**vars(self.train)))

    def resolved_workdir(self) -> Path:
        """The workdir, named after preset and time if none was given."""
        return self.workdir or Path("runs") / f"{self.preset}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def train_arguments(argv: Sequence[str] | None = None) -> TrainArguments:
    """Parse the flags of ``train.py``: the preset, or the run resumed, gives the defaults; every field is a flag.

    Raises:
        InputError: if the preset is unknown or a value cannot be used.
    """
    with speaking_flags():
        arguments = _parse(_spell_out_resume(sys.argv[1:] if argv is None else list(argv)))
        arguments.config  # noqa: B018 (checks itself)
    if arguments.distributed and arguments.workdir is None:
        raise InputError("--distributed: give all processes the same --workdir")
    if arguments.resume == "auto" and arguments.workdir is None:
        raise InputError("--resume auto: name the --workdir")
    if arguments.preset == "aster" and arguments.data.pairs is None:
        raise InputError("--preset aster: learns from pairs with ASTER; give their folder as --pairs")
    return arguments


def _parse(argv: list[str]) -> TrainArguments:
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--preset")
    finder.add_argument("--workdir", type=Path)
    finder.add_argument("--resume", default="no")
    finder.add_argument("--init")
    found = finder.parse_known_args(argv)[0]
    found.workdir = found.workdir and Path(os.path.expanduser(found.workdir))
    own = stored_config(found.workdir) if found.resume != "no" and found.workdir and not found.preset else None
    chosen = own or configs.preset(found.preset or "quickstart")
    if found.init:
        chosen = dataclasses.replace(chosen, model=_network_of(os.path.expanduser(found.init), chosen.model))
    data, model = DataFlags(**vars(chosen.data)), _ModelFlags(**vars(chosen.model))
    default = TrainArguments(preset=chosen.preset, data=data, model=model, train=_TrainFlags(**vars(chosen.train)))  # type: ignore[arg-type]
    return expand_home(tyro.cli(TrainArguments, args=argv, default=default, prog=program("train.py")))


def _network_of(init: str, chosen: ModelConfig) -> ModelConfig:
    """The network that the model of ``--init`` is of, energy conserved as chosen."""
    from lstsr_jax.predictor import load_predictor  # not needed for --help and most runs

    return dataclasses.replace(load_predictor(init).config, conserve_energy=chosen.conserve_energy)


def _spell_out_resume(argv: list[str]) -> list[str]:
    """``--resume`` alone is ``--resume yes``: tyro has flags and options, but no option whose value may be left out."""
    spelt = []
    for argument, following in zip(argv, [*argv, "--"][1:], strict=True):
        spelt.append({"--no-resume": "--resume=no"}.get(argument, argument))
        if argument == "--resume" and following.startswith("-"):
            spelt.append("yes")
    return spelt


def resume_command(arguments: TrainArguments, workdir: Path) -> str:
    """The command line that goes on with a stopped run."""
    together = ["--distributed"] if arguments.distributed else []
    return shlex.join([*_door("train"), "--resume", "--workdir", str(workdir), *together])


def map_command(arguments: TrainArguments, workdir: Path) -> str:
    """The command line that makes a map with the network: of the first granule trained on, or of a simulated one."""
    layers = find_granules(arguments.data.granules).layers if arguments.data.granules else []
    guided = arguments.model.guide != "none"  # by NDVI of 250 m, which the training's folder need not hold
    source = "--demo" if guided or not layers else str(layers[0].path)
    return shlex.join([*_door("predict"), source, "--checkpoint", str(workdir), "--output-dir", str(workdir / "maps")])


def _door(command: str) -> list[str]:
    """How a command is called by who called this one: installed, on the path or not, or as a file of the repository."""
    here = Path(sys.argv[0])
    if not here.name.startswith("lstsr-"):
        return [sys.executable, str(here.with_name(f"{command}.py"))]
    installed = here.with_name(f"lstsr-{command}")
    return [installed.name if shutil.which(installed.name) == str(installed) else str(installed)]


def join_processes() -> None:
    """Connect to the other processes of a distributed run; before JAX is used for anything else.

    Raises:
        InputError: if they cannot be found.
    """
    number, count = (os.environ.get(name) for name in ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES"))
    try:
        jax.distributed.initialize(
            num_processes=int(count) if count else None, process_id=int(number) if number else None
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(f"--distributed: {(str(error).splitlines() or [''])[0][:200]}") from error


def keep_compiled_programs() -> None:
    """Keep the programs compiled for an accelerator on disk, in ``~/.cache/lstsr_jax/xla``.

    JAX_COMPILATION_CACHE_DIR says otherwise, and asks for it on a CPU too: there it is left out by default, because
    XLA's CPU compiler has crashed when reading programs back.
    """
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR") and jax.default_backend() != "cpu":
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "lstsr_jax" / "xla"))


def main() -> None:
    """Prepare the dataset, train, and print the table of the test split."""
    arguments = train_arguments()
    config = arguments.config
    # Loaded after the flags, so that --help and bad flags need not wait for it.
    from data_builders import prepare
    from lstsr_jax.evaluation import evaluate, evaluate_pairs, write_pairs_report, write_report
    from lstsr_jax.geo import Shift
    from lstsr_jax.predictor import load_predictor
    from lstsr_jax.training import Stopped, train

    if arguments.distributed:
        join_processes()
    start_jax()
    keep_compiled_programs()
    dataset = None
    if config.data.uses_granules:
        dataset = prepare(config.data, verify=arguments.verify)  # of several processes one prepares, the others wait
        dataset.source("test")  # an empty test split is an error now, not after the training
    workdir = arguments.resolved_workdir()
    to_map = map_command(arguments, workdir)
    resume: Any = {"no": False, "yes": True}.get(arguments.resume, arguments.resume)
    try:
        train(config, dataset, workdir, resume=resume, profile=arguments.profile)
    except Stopped as stopped:
        if jax.process_index() == 0:
            print(f"{stopped}; go on with: {resume_command(arguments, workdir)}", file=sys.stderr)
        return
    if arguments.distributed:  # the report is for one process
        if jax.process_index() == 0:
            of_pairs = f" --pairs {config.data.pairs} --pairs-fold {config.data.pairs_fold}"
            rest = of_pairs if dataset is None and config.data.pairs_fold is not None else ""
            print(f"checkpoints and logs: {workdir}; for the report: python eval.py --checkpoint {workdir}{rest}")
        return
    predictor, tables = load_predictor(workdir), []
    if dataset is not None:
        evaluation = evaluate(["bilinear", "bicubic", predictor], dataset)
        write_report(evaluation, workdir / "report")
        tables.append(evaluation.table())
    if config.data.pairs_fold is not None and config.data.pairs is not None:
        against_aster = evaluate_pairs(
            ["bicubic", predictor],
            config.data.pairs,
            registration="constant",
            shift=None if config.data.pairs_shift is None else Shift(*config.data.pairs_shift),
            fold=config.data.pairs_fold,
            self_ensemble=True,
            elevation=config.data.elevation,
        )
        write_pairs_report(against_aster, workdir / "report-pairs")
        tables.append(against_aster.table())
    tables.append(f"checkpoints, logs and report: {workdir}\nto see a map: {to_map}")
    print("\n\n".join(tables))
