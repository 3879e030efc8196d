"""Configuration: frozen dataclasses that check themselves, the presets, and their JSON form.

A configuration is stored inside every checkpoint, so that weights describe themselves. Messages name a setting by its
path in backticks, such as `train.crop`; the command line shows it as the flag ``--train.crop``.
"""

import dataclasses
import math
import numbers
import os
import types
import typing
from typing import Any, Literal

from lstsr_jax.errors import InputError

SMALLEST_PATCH = 15
"""A 7x7 SSIM window and the 4 pixels that the evaluation leaves out on each side."""

FOLDS = 5
"""Into which pairs are dealt where their number is not given."""

GUIDES = ("ndvi", "elevation")
"""What a network may see beside the coarse LST, in the order of its channels (:mod:`lstsr_jax.predictor.guides`)."""

Upsampling = Literal["bicubic", "bilinear"]
SplitBy = Literal["date", "day", "place", "random", "year"]


def _require(holds: bool, path: str, value: object, what: str) -> None:
    if not holds:
        raise InputError(f"`{path}` {_shown(value)}: {what}")


def _shown(value: object) -> str:
    """A value in one short line, whatever it holds."""
    return " ".join(str(value).split())[:80]


_KINDS: dict[Any, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a finite number"),
    str: (str, "text"),
}
"""What a field of a type takes, and its name in messages. Of numbers none is a truth value."""


def _require_types(part: Any, prefix: str) -> None:
    """Every field annotated as text, number or truth value holds one; paths become text, numpy's numbers Python's.

    Raises:
        InputError: naming the setting and what it takes.
    """
    for name, annotation in typing.get_type_hints(type(part)).items():
        union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
        options = typing.get_args(annotation) if union else (annotation,)
        kind, value = next((option for option in options if option in _KINDS), None), getattr(part, name)
        if kind is None or (value is None and type(None) in options):
            continue
        if kind is str and isinstance(value, os.PathLike):
            object.__setattr__(part, name, os.fspath(value))
        elif kind is not str and isinstance(value, numbers.Number) and hasattr(value, "item"):
            object.__setattr__(part, name, value.item())
        _require(_is_a(kind, getattr(part, name)), f"{prefix}.{name}", value, f"must be {_KINDS[kind][1]}")


def _is_a(kind: Any, value: object) -> bool:
    """Whether a value is of a kind of :data:`_KINDS`; numbers within what float64 holds."""
    if not isinstance(value, _KINDS[kind][0]) or (isinstance(value, bool) and kind is not bool):
        return False
    try:
        return kind not in (int, float) or math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def require_choices(part: Any, prefix: str = "") -> None:
    """Every field annotated as a Literal holds one of its values.

    Args:
        part: a dataclass.
        prefix: of the names of its settings, with the dot.

    Raises:
        InputError: naming the setting and its choices.
    """
    for name, annotation in typing.get_type_hints(type(part)).items():
        options = typing.get_args(annotation)
        choices = [c for option in options for c in (typing.get_args(option) or (option,)) if c is not type(None)]
        literal = typing.get_origin(annotation) is Literal or any(typing.get_origin(o) is Literal for o in options)
        value = getattr(part, name)
        known = (value in choices and not isinstance(value, bool)) or (value is None and type(None) in options)
        if literal and not known:
            raise InputError(f"`{prefix}{name}` {_shown(value)}: unknown; choose one of {', '.join(map(str, choices))}")


def _require_positive(part: Any, prefix: str, *names: str) -> None:
    for name in names:
        _require(getattr(part, name) > 0, f"{prefix}.{name}", getattr(part, name), "must be positive")


def parse_fold(text: str, path: str = "data.pairs_fold") -> tuple[int, int]:
    """The fold K of N that ``"K/N"`` means, K from 0; ``"K"`` alone is one of five.

    >>> parse_fold("2/3"), parse_fold("4")
    ((2, 3), (4, 5))

    Raises:
        InputError: naming ``path``, if it means none.
    """
    number, slash, count = text.partition("/")
    what = "must be K/N with K from 0 to N-1 and N at least 2, such as 0/5"
    _require(text.isascii() and number.isdecimal() and (count.isdecimal() or not slash), path, text, what)
    fold, folds = int(number), int(count) if slash else FOLDS
    _require(fold < folds and folds >= 2, path, text, what)
    return fold, folds


def parse_guides(text: str, path: str = "model.guide") -> tuple[str, ...]:
    """The guides that ``text`` names, separated by commas, in the order of :data:`GUIDES`; ``"none"``: none.

    >>> parse_guides("elevation,ndvi"), parse_guides("none")
    (('ndvi', 'elevation'), ())

    Raises:
        InputError: naming ``path`` and the choices.
    """
    names = [name.strip() for name in text.split(",")]
    if names == ["none"]:
        return ()
    known = f"choose none or one or more of {', '.join(GUIDES)}, separated by commas"
    _require(set(names) <= set(GUIDES), path, text, known)
    return tuple(name for name in GUIDES if name in names)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which patches: where they come from and how they are cut and split."""

    granules: str | None = None
    """Directory of LST at 1 km (docs/products.md), of one product or several; simulated granules if left out."""
    ndvi: str | None = None
    """Directory of 1 km NDVI (MOD13A2, VNP13A2, ...; granules or GeoTIFF), stored beside each LST patch."""
    elevation: str | None = None
    """GeoTIFF of elevation in metres (any DEM, in any coordinate system), averaged onto the grid of the LST and stored
    beside each LST patch."""
    fine: str | None = None
    """Directory of finer LST (GeoTIFF: ECOSTRESS, Landsat, any in kelvin), averaged to 231.656 m and cut into more
    training patches (docs/training.md); pixels above 250 m are taken as they are."""
    pairs: str | None = None
    """Directory of MODIS and ASTER pairs to train on at 1 km to 250 m (docs/pairs.md); beside granules: together with
    their patches."""
    pairs_fold: str | None = None
    """K/N: the pairs of fold K (0 to N-1) of N are left out of the training and scored; K alone: of 5. All pairs are
    trained on if left out."""
    pairs_shift: tuple[float, float] | None = None
    """Of all pairs against ASTER, rows south and columns east in 250 m pixels; the mean of what their index.csv
    records if left out."""
    split_by: SplitBy = "date"
    """date: whole 16-day periods; day: single dates; place: no grid cell in two splits; random: patches (the paper);
    year: 2017-2020 train, 2011-2013 held out."""
    patch_size: int = 64
    """Side of a high-resolution patch in 1 km pixels."""
    stride: int = 64
    """Step between patches in pixels; smaller than the patch size means overlapping patches."""
    min_valid_fraction: float = 1.0
    """Smallest share of observed pixels in a patch; 1 keeps cloud-free patches only (the paper)."""
    max_lst_error_k: Literal[1, 2, 3] | None = 3
    """Pixels whose QC layer states a larger LST error are left out (TES classes of 1, 1.5 and 2 K: docs/products.md);
    None keeps all that were produced."""
    mix_periods: bool = False
    """Take daily LST and means of eight days into one dataset; else granules of both are an error."""
    in_memory: Literal["auto", "yes", "no"] = "auto"
    """Keep patches of training and validation in memory once they are decoded: yes; no: decode them again in every
    epoch; auto: keep them if they take at most a quarter of the memory that is free. The batches are the same."""
    data_dir: str | None = None
    """Where prepared datasets are kept; default as TFDS: $TFDS_DATA_DIR or ~/tensorflow_datasets."""

    def __post_init__(self) -> None:
        """Refuse what no dataset could be cut by.

        Raises:
            InputError: naming the setting and the remedy.
        """
        _require_types(self, "data")
        require_choices(self, "data.")
        _require_positive(self, "data", "patch_size", "stride")
        if self.pairs is None:
            for name in ("pairs_fold", "pairs_shift"):
                _require(getattr(self, name) is None, f"data.{name}", getattr(self, name), "needs `data.pairs`")
        if self.pairs_fold is not None:
            parse_fold(self.pairs_fold, "data.pairs_fold")
        if self.pairs_shift is not None:  # JSON knows no tuples
            shift = self.pairs_shift
            two = isinstance(shift, list | tuple) and len(shift) == 2 and all(_is_a(float, part) for part in shift)
            _require(two, "data.pairs_shift", shift, "must be two finite numbers, rows and columns")
            object.__setattr__(self, "pairs_shift", tuple(map(float, shift)))
        share = self.min_valid_fraction
        _require(0 < share <= 1, "data.min_valid_fraction", share, "must be in (0, 1]")
        too_small = f"at least {SMALLEST_PATCH}, or nothing is left to score"
        _require(self.patch_size >= SMALLEST_PATCH, "data.patch_size", self.patch_size, too_small)

    @property
    def uses_granules(self) -> bool:
        """Whether patches are cut from granules: from real ones, or, where there is nothing else, from simulated."""
        return self.granules is not None or (self.pairs is None and self.fine is None)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which network, and the path from coarse to fine LST around it."""

    name: Literal["mrunet", "vdsr", "dmcn", "edsr", "edsr-equivariant"] = "mrunet"
    """Network architecture; edsr works at the coarse resolution and is the lightest. edsr-equivariant ties its weights
    under the eight flips and rotations, so that one run is its own self-ensemble."""
    width: int = 64
    """Channels of the first level."""
    bridge_blocks: int = 1
    """Residual blocks in the bridge of the Multi-residual U-Net."""
    depth: int = 20
    """Convolutions of VDSR."""
    blocks: int = 8
    """Residual blocks of EDSR."""
    guide: str = "none"
    """What the network sees beside the coarse LST: none, ndvi, elevation, or several, separated by commas. Each has a
    mask: the network does without where there is none."""
    factor: int = 4
    """Fine resolution = coarse x factor."""
    upsampling: Upsampling = "bicubic"
    """How the coarse field becomes the network's input (ILR)."""
    normalization: Literal["anomaly", "train_max"] = "anomaly"
    """anomaly: subtract each patch's mean, divide by anomaly-scale-k; train_max: divide by the training maximum."""
    anomaly_scale_k: float = 3.0
    """Scale of the anomaly normalisation in kelvin."""
    conserve_energy: bool = False
    """Correct the output so that norm-L4 pooling gives back the coarse input; trained through."""

    def __post_init__(self) -> None:
        """Refuse what names no network.

        Raises:
            InputError: naming the setting and the remedy.
        """
        _require_types(self, "model")
        require_choices(self, "model.")
        _require_positive(self, "model", "width", "factor", "depth", "blocks", "bridge_blocks", "anomaly_scale_k")
        if self.name == "edsr-equivariant":
            _require(self.width % 8 == 0, "model.width", self.width, "must be a multiple of 8 for edsr-equivariant")
        object.__setattr__(self, "guide", ",".join(parse_guides(self.guide)) or "none")

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides of :data:`GUIDES` that the network sees."""
        return parse_guides(self.guide)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How the network is trained."""

    epochs: int = 300
    """Passes over the training patches."""
    batch_size: int = 32
    """Patches per step, over all devices."""
    learning_rate: float = 1e-4
    """Learning rate of Adam at the start (schedule step) or at its peak (schedule cosine)."""
    weigh_by: Literal["none", "bicubic"] = "none"
    """bicubic: each patch's loss counts as a share of that of its bicubic interpolation, so that rough sensors do not
    outweigh smooth ones; none: all pixels count alike."""
    init: str | None = None
    """Start from the weights of a shipped model or checkpoint (its network must be that of the model settings, energy
    conservation aside) in place of random ones."""
    loss: Literal["mse", "l1", "charbonnier"] = "mse"
    """Of patches: mean over observed pixels of the squared error (the paper), of its size, or of
    sqrt(error^2 + (0.1 K)^2)."""
    ssim_weight: float = 2.0
    """Of pairs: their loss is RMSE-ub in K + this times (1 - SSIM-ub), on ASTER's grid."""
    pairs_batch_size: int = 2
    """Pairs per step, over all devices."""
    pairs_noise_k: float = 0.0
    """Noise on the LST of pairs beside its own: per pair a standard deviation drawn uniformly up to this, in kelvin."""
    patches_weight: float = 1.0
    """Where a step takes both: the loss is that of the pairs plus this times that of the patches."""
    clip_norm: float = 0.0
    """Longest gradient; a longer one is shortened to it. 0: as it is."""
    schedule: Literal["step", "cosine"] = "step"
    """step: times decay-factor from decay-epoch on; cosine: linear warm-up, then cosine to zero."""
    decay_epoch: int = 50
    """Epoch at which the step schedule falls."""
    decay_factor: float = 0.01
    """What the step schedule multiplies the learning rate by."""
    warmup_epochs: float = 1.0
    """Length of the cosine schedule's warm-up."""
    average_decay: float = 0.0
    """Score and publish a moving average of the parameters with this decay per step; 0: the parameters themselves.
    Batch statistics stay those of the parameters themselves."""
    use_validation: bool = False
    """Also train on the validation split (final runs): no validation score is logged as unseen, and the last
    checkpoint is published."""
    augment: Literal["none", "flip", "dihedral"] = "flip"
    """flip: left-right flips (the paper's code); dihedral: the 8 flips and rotations."""
    crop: int = 0
    """Side of a window drawn from each patch, anew each time: other coarse pixels of the same field; 0: all of it."""
    input_noise_k: float = 0.0
    """Noise on the coarse input: per image a standard deviation drawn uniformly up to this, in kelvin."""
    input_blur_px: float = 0.0
    """Blur of the coarse sensor beyond its pixels: per image a Gaussian of up to this many fine pixels."""
    input_shift_px: float = 0.0
    """Displacement of the coarse input against truth and guides: per image, standard deviation in fine pixels."""
    coarsen: int = 1
    """Pool the patches by this factor first: 2 trains 8 km to 2 km, where LST and NDVI are sharp for their pixels."""
    guide_dropout: float = 0.1
    """Share of training patches whose NDVI is withheld, and as many, drawn for themselves, whose elevation is: so that
    a guided network still works without either."""
    seed: int = 0
    """Seed of initial weights, shuffling and augmentation."""
    checkpoint_every: int = 1
    """Epochs between checkpoints."""
    checkpoint_minutes: float = 10.0
    """Longest time without a checkpoint in minutes, also within an epoch; 0: only at the ends of epochs."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """What convolutions compute in; parameters, batch statistics and loss stay float32."""
    accumulate: int = 1
    """Parts each device takes its share of a batch in, one after the other, to need less memory."""
    remat: bool = False
    """Compute activations anew in the backward pass instead of keeping them: less memory, more time."""

    def __post_init__(self) -> None:
        """Refuse what no run could use.

        Raises:
            InputError: naming the setting and the remedy.
        """
        _require_types(self, "train")
        require_choices(self, "train.")
        _require_positive(self, "train", "epochs", "batch_size", "checkpoint_every", "accumulate", "coarsen")
        _require_positive(self, "train", "learning_rate", "pairs_batch_size")
        for name in (
            *("crop", "checkpoint_minutes", "input_noise_k", "input_blur_px", "input_shift_px", "warmup_epochs"),
            *("ssim_weight", "pairs_noise_k", "patches_weight", "clip_norm", "decay_factor", "decay_epoch"),
        ):
            value = getattr(self, name)
            _require(value >= 0, f"train.{name}", value, "must not be negative")
        _require(0 <= self.seed < 2**63, "train.seed", self.seed, "must be 0 to 2^63 - 1")
        _require(0 <= self.average_decay < 1, "train.average_decay", self.average_decay, "must be in [0, 1)")
        _require(0 <= self.guide_dropout <= 1, "train.guide_dropout", self.guide_dropout, "must be in [0, 1]")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides a training run."""

    preset: str = "custom"
    """Which preset the values started from; ``custom``: none."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        """Refuse parts that do not go together.

        Raises:
            InputError: naming the setting and the remedy.
        """
        _require(isinstance(self.preset, str), "preset", self.preset, "must be text")
        data, model, train = self.data, self.model, self.train
        for name, part in (("data", DataConfig), ("model", ModelConfig), ("train", TrainConfig)):
            _require(isinstance(getattr(self, name), part), name, getattr(self, name), f"must be a {part.__name__}")
        if data.pairs is not None:
            _require(model.factor == 4, "model.factor", model.factor, "`data.pairs` are 1 km to 250 m, factor 4")
        multiple = f"must be a multiple of the factor {model.factor}"
        multiple += f" times `train.coarsen` {train.coarsen}" if train.coarsen > 1 else ""
        for path, side in (("data.patch_size", data.patch_size), ("train.crop", train.crop)):
            _require(side % (model.factor * train.coarsen) == 0, path, side, multiple)
        at_most = f"must be at most `data.patch_size` {data.patch_size}; 0: no crop"
        _require(train.crop <= data.patch_size, "train.crop", train.crop, at_most)


def _quickstart() -> Config:
    """Minutes on a 2-core CPU: simulated granules and a small Multi-residual U-Net."""
    return Config(
        "quickstart",
        data=DataConfig(stride=32),
        model=ModelConfig(width=8, conserve_energy=True),
        train=TrainConfig(
            epochs=8, batch_size=16, learning_rate=2e-3, schedule="cosine", warmup_epochs=0.5, augment="dihedral"
        ),
    )


def _paper() -> Config:
    """What the paper's text says (section IV): 300 epochs, batch 32, 1e-4 for 50 epochs then 1e-6, bicubic ILR."""
    return Config(
        "paper", data=DataConfig(split_by="random"), model=ModelConfig(normalization="train_max"), train=TrainConfig()
    )


def _authors_code() -> Config:
    """What the authors' published code does: learning rate 1e-3 throughout, batch 24, bilinear ILR."""
    return Config(
        "authors-code",
        data=DataConfig(split_by="random"),
        model=ModelConfig(normalization="train_max", upsampling="bilinear"),
        train=TrainConfig(batch_size=24, learning_rate=1e-3, decay_factor=1.0),
    )


def _recommended() -> Config:
    """Ours: anomaly normalisation, energy conserved, L1 loss, cosine schedule, the eight flips and rotations."""
    return Config(
        "recommended",
        model=ModelConfig(conserve_energy=True),
        train=TrainConfig(
            epochs=40, batch_size=16, learning_rate=1e-3, loss="l1", schedule="cosine", augment="dihedral"
        ),
    )


def _edsr() -> Config:
    """The network of the shipped model `default`, trained from scratch as the one before it (docs/models.md)."""
    return Config(
        "edsr",
        model=ModelConfig(name="edsr", conserve_energy=True),
        train=TrainConfig(
            epochs=40,
            batch_size=16,
            learning_rate=5e-4,
            loss="l1",
            decay_factor=1.0,  # a constant learning rate: the average settles, not the rate
            average_decay=0.999,
            crop=48,
            augment="dihedral",
        ),
    )


def _aster() -> Config:
    """Ours for 1 km to 250 m: a shipped model learns on from pairs with ASTER (docs/pairs.md); takes `data.pairs`."""
    return Config(
        "aster",
        model=ModelConfig(name="edsr", guide="ndvi"),
        train=TrainConfig(
            init="guided-denoise-h18v04",
            epochs=24,
            learning_rate=7e-4,
            schedule="cosine",
            warmup_epochs=0.5,
            clip_norm=20.0,
            augment="dihedral",
            guide_dropout=0.05,
        ),
    )


PRESETS = {
    "quickstart": _quickstart,
    "paper": _paper,
    "authors-code": _authors_code,
    "recommended": _recommended,
    "edsr": _edsr,
    "aster": _aster,
}


def preset(name: str) -> Config:
    """Return the configuration called ``name``.

    Raises:
        InputError: if there is no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"`preset` {name}: unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]()


def to_json(config: Config) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    return dataclasses.asdict(config)


def from_json(values: dict[str, Any]) -> Config:
    """Inverse of :func:`to_json`.

    Raises:
        InputError: if it is none, or a field is unknown, so the checkpoint is from another version.
    """
    if not isinstance(values, dict):
        raise InputError(f"configuration {_shown(values)}: is none; give an object of JSON")
    parts = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}
    try:
        return Config(
            **{key: parts[key](**value) if key in parts else value for key, value in values.items()},
        )
    except TypeError as error:
        raise InputError(f"configuration {_shown(values)}... does not fit this version: {_shown(error)}") from error
