"""No network is scored on the patches it was trained on without saying so."""

from collections.abc import Sequence
from pathlib import Path

from lstsr_jax.config import DataConfig
from lstsr_jax.errors import InputError
from lstsr_jax.predictor.checkpoint import recorded_data, trained_on_validation

_DEPENDS_ON = {
    "date": ("split_by",),
    "day": ("split_by",),
    "year": ("split_by",),
    "place": ("split_by", "patch_size"),
    "random": ("split_by", "patch_size", "stride"),
}
"""What a split rule is a function of beside the granules: only if these agree is a split the one held out."""


def check_unseen(checkpoints: Sequence[str], data: DataConfig, split: str) -> None:
    """Refuse a held-out split that is not the one a checkpoint was trained without.

    Args:
        checkpoints: to be scored.
        data: the patches to score.
        split: of them; ``train`` and ``all`` claim nothing and pass.

    Raises:
        InputError: if a checkpoint was trained on the same granules split by another rule, or on the split itself.
    """
    if split in ("train", "all"):
        return
    for path in checkpoints:
        trained = recorded_data(path)
        if trained is None or _resolved(trained.granules) != _resolved(data.granules):
            continue
        if split == "validation" and trained_on_validation(path):
            raise InputError(f"--checkpoint {path}: was trained with --train.use-validation; evaluate the test split")
        for name in {*_DEPENDS_ON[trained.split_by], *_DEPENDS_ON[data.split_by]}:
            if getattr(trained, name) != getattr(data, name):
                raise InputError(
                    f"--checkpoint {path}: trained on these granules with {name.replace('_', '-')} "
                    f"{getattr(trained, name)}, so the {split} split with {getattr(data, name)} holds patches it has "
                    "seen; evaluate it with its own, or with --split all"
                )


def _resolved(directory: str | None) -> Path | None:
    return None if directory is None else Path(directory).expanduser().resolve()
