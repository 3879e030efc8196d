"""The command ``eval.py`` and its flags."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from lstsr_jax.cli.door import expand_home, start_jax
from lstsr_jax.cli.flags import program, speaking_flags
from lstsr_jax.config import DataConfig, SplitBy, parse_fold
from lstsr_jax.errors import InputError
from lstsr_jax.files import require_writable
from lstsr_jax.predictor import shipped

CHECKPOINT_HELP = (
    f"Training workdir, checkpoint directory, or a shipped model: {', '.join(shipped.names())}; "
    "may be given several times."
)

if TYPE_CHECKING:
    from lstsr_jax.evaluation import Evaluation, Row
    from lstsr_jax.predictor import Predictor


@dataclasses.dataclass(frozen=True)
class EvalArguments:
    """Evaluate checkpoints beside classical methods: fine LST is degraded, super-resolved and compared with itself."""

    checkpoint: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="C", help=CHECKPOINT_HELP), tyro.conf.UseAppendAction
    ] = ()
    granules: str | None = None
    """Directory of granules; default: the data of the first checkpoint that records any, else simulated granules."""
    ndvi: str | None = None
    """Directory of MOD13A2 NDVI, for tsharp, atprk, dms and guided networks."""
    elevation: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Elevation in metres (a DEM as GeoTIFF, of any resolution and coordinate system), for networks guided by it; also
    with --pairs."""
    pairs: str | None = None
    """Directory of MODIS and ASTER pairs: score 1 km to 250 m against ASTER instead (docs/table2.md)."""
    pairs_fold: Annotated[str | None, tyro.conf.arg(metavar="K/N")] = None
    """Of --pairs those alone that train.py --pairs-fold K/N leaves out of the training."""
    registration: Literal["none", "constant", "per-pair"] | None = None
    """Of MODIS with ASTER, beside none. per-pair, the default: recorded in the folder's index.csv, else estimated.
    constant: the mean of what index.csv records, or --registration-shift."""
    registration_shift: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="ROWS COLUMNS")] = None
    """The constant one: rows south and columns east, in 250 m pixels."""
    split: Literal["train", "validation", "test", "all"] = "test"
    """Which patches; all for granules never used in training."""
    split_by: SplitBy | None = None
    """Rule of the splits; default: that of the first checkpoint."""
    coarsen: int = 1
    """Pool the patches by this factor first: 2 scores 8 km to 2 km."""
    protocol: Literal["strict", "paper"] = "strict"
    """strict: every method on the same pixels. paper: as the authors ran it."""
    methods: str = "bilinear,bicubic"
    """Classical methods, separated by commas: nearest, bilinear, bicubic, bicubic-conserved,
    tsharp, tsharp-mean, atprk, atprk-mean, dms and dms-conserved (need the extra dms)."""
    self_ensemble: bool = False
    """Add to each network a row for the mean of its answers to the flips and rotations it was trained with, unless it
    was trained without or answers so anyway."""
    reliability: bool = False
    """Fit the spread of each network's self-ensemble on validation and check it on test: R/reliability.json, .png."""
    report_dir: Path = Path("report")
    """Receives metrics.json, per_image.csv, table.md and figures."""
    verify: bool = False
    """Compare every granule with the checksum in the manifest.csv beside it before anything else; sizes always are."""
    data_dir: str | None = None
    """Where prepared datasets are kept; default as TFDS."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""

    def data_config(self, predictors: Sequence["Predictor"]) -> DataConfig:
        """The patches to score: those of the first network that records any, with what was asked for changed.

        Raises:
            InputError: if all of them record that they were trained without any, and none are given.
        """
        recorded = [predictor.provenance.data for predictor in predictors if predictor.provenance]
        trained_on = next((data for data in recorded if data is not None and data.uses_granules), None)
        if trained_on is None:
            if self.granules is None and recorded and None not in recorded:
                raise InputError("--checkpoint: was trained without granules; give --granules for Table I, or --pairs")
            trained_on = DataConfig()
        return dataclasses.replace(
            trained_on,
            granules=self.granules or trained_on.granules,
            ndvi=self.ndvi or (None if self.granules else trained_on.ndvi),
            elevation=self.elevation or (None if self.granules else trained_on.elevation),
            split_by=self.split_by or trained_on.split_by,
            data_dir=self.data_dir or trained_on.data_dir,
        )

    @property
    def method_names(self) -> tuple[str, ...]:
        """``methods`` as a tuple."""
        return tuple(dict.fromkeys(name.strip() for name in self.methods.split(",") if name.strip()))


def eval_arguments(argv: Sequence[str] | None = None) -> EvalArguments:
    """Parse the flags of ``eval.py``.

    Raises:
        InputError: if there is nothing to evaluate.
    """
    arguments = expand_home(tyro.cli(EvalArguments, args=argv, prog=program("eval.py")))
    if not arguments.checkpoint and not arguments.method_names:
        raise InputError("--checkpoint: give at least one checkpoint or one of --methods")
    if not arguments.checkpoint and (arguments.reliability or arguments.self_ensemble):
        flag = "--reliability" if arguments.reliability else "--self-ensemble"
        raise InputError(f"{flag}: is a network's; give --checkpoint")
    if arguments.reliability and (arguments.pairs or (arguments.split, arguments.protocol) != ("test", "strict")):
        raise InputError("--reliability: compares validation with test; leave --pairs, --split and --protocol out")
    if arguments.coarsen < 1:
        raise InputError(f"--coarsen {arguments.coarsen}: must be positive")
    if arguments.pairs_fold is not None:
        if not arguments.pairs:
            raise InputError("--pairs-fold: give --pairs, the folder of the pairs")
        with speaking_flags():
            parse_fold(arguments.pairs_fold, "pairs_fold")
    if arguments.pairs and (arguments.granules or arguments.ndvi):
        raise InputError("--pairs: brings its own LST and NDVI; leave --granules and --ndvi out")
    if arguments.pairs and (
        arguments.split,
        arguments.split_by,
        arguments.protocol,
        arguments.coarsen,
    ) != ("test", None, "strict", 1):
        raise InputError(
            "--pairs: has no splits and a protocol of its own; leave --split, --split-by, --protocol, --coarsen out"
        )
    return arguments


def main() -> None:
    """Prepare the dataset or read the pairs, score every method, write the report, and print the tables."""
    arguments = eval_arguments()
    # Loaded after the flags, so that --help and bad flags need not wait for it.
    from lstsr_jax.evaluation import evaluate_pairs, write_pairs_report, write_report
    from lstsr_jax.geo import Shift
    from lstsr_jax.predictor import load_predictor

    start_jax()
    require_writable("--report-dir", arguments.report_dir)
    predictors = [load_predictor(path) for path in arguments.checkpoint]
    methods: list[Row] = [*arguments.method_names, *predictors]
    if arguments.pairs:
        shift = None if arguments.registration_shift is None else Shift(*arguments.registration_shift)
        against_aster = evaluate_pairs(
            methods,
            arguments.pairs,
            registration=arguments.registration,
            shift=shift,
            fold=arguments.pairs_fold,
            self_ensemble=arguments.self_ensemble,
            elevation=arguments.elevation,
        )
        write_pairs_report(against_aster, arguments.report_dir)
        tables = [against_aster.table()]
    else:
        evaluation = _evaluate(arguments, predictors, methods)
        write_report(evaluation, arguments.report_dir)
        tables = [evaluation.table(), *([evaluation.reliability.table()] if evaluation.reliability else [])]
    print("\n\n".join([*tables, f"report: {arguments.report_dir}"]))


def _evaluate(arguments: EvalArguments, predictors: Sequence["Predictor"], methods: Sequence["Row"]) -> "Evaluation":
    """Table I."""
    from data_builders import prepare
    from lstsr_jax.evaluation import check_unseen, evaluate

    data = arguments.data_config(predictors)
    check_unseen(predictors, data, "validation" if arguments.reliability else arguments.split)
    return evaluate(
        methods,
        prepare(data, verify=arguments.verify),
        protocol=arguments.protocol,
        split=arguments.split,
        coarsen_by=arguments.coarsen,
        self_ensemble=arguments.self_ensemble,
        reliability=arguments.reliability,
    )
