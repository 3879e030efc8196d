"""Where a run starts from: random weights, or those of another model."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from flax import linen as nn

from lstsr_jax.config import Config
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import Normalization, load_predictor, normalization_for
from lstsr_jax.predictor.checkpoint import read_metadata


class Start(NamedTuple):
    """What a run starts from.

    Attributes:
        normalization: between kelvin and what the network sees.
        variables: of the network; None: random ones, or those of the checkpoint that is gone on from.
        record: for the checkpoints: ``init``, what it started from, if anything.
    """

    normalization: Normalization
    variables: Any
    record: dict[str, Any]


def starting_point(config: Config, max_k: float, last: Path | None, module: nn.Module | None) -> Start:
    """Where a run starts from.

    Args:
        config: of the run.
        max_k: the training maximum of its patches; 0 without patches.
        last: the checkpoint that it goes on from, which then says what it started from.
        module: the caller's own network.

    Raises:
        InputError: if the model of ``train.init`` is not to be had, or is of another network.
    """
    init = config.train.init
    if init is not None and last is not None:
        stored = read_metadata(last)
        return Start(Normalization(**stored["normalization"]), None, {"init": stored.get("init")})
    if init is None:
        if max_k == 0 and config.model.normalization == "train_max":
            raise InputError("`model.normalization` train_max: pairs have no training maximum; give `train.init`")
        return Start(normalization_for(config.model, max_k), None, {})
    predictor = load_predictor(init, module=module)
    theirs, ours = (dataclasses.asdict(c) for c in (predictor.config, config.model))
    for name in theirs:
        if theirs[name] != ours[name] and name != "conserve_energy":  # a correction around the network
            raise InputError(
                f"`train.init` {init}: its `model.{name}` is {theirs[name]}, not {ours[name]}; give that, or start "
                "from another model"
            )
    found = predictor.provenance
    record = {
        "path": init,
        "fingerprint": predictor.fingerprint,
        "products": found.products if found else None,
        "pairs": dict(found.pairs) if found else {},
    }
    return Start(predictor.normalization, predictor.variables, {"init": record})
