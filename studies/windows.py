"""Windows of LST fields of any place and sensor, degraded, super-resolved and scored as Table I is."""

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from lstsr_jax.data.patches import patch_windows
from lstsr_jax.evaluation.cases import BATCH, Case
from lstsr_jax.evaluation.protocols import STRICT
from lstsr_jax.evaluation.rows import Row, build_rows, common_factor
from lstsr_jax.evaluation.scores import Scores, Scoring
from lstsr_jax.ops.degradation import degrade

BASELINE = "bicubic"


@dataclasses.dataclass(frozen=True, eq=False)
class Field:
    """LST of one overpass, at the resolution that is truth.

    Attributes:
        place: what the rows of a table are called.
        granule: which one.
        lst: ``(H, W)`` K with NaN gaps.
    """

    place: str
    granule: str
    lst: NDArray[np.float32]


def cut_windows(
    lst: NDArray[np.float32], side: int, stride: int, *, most: int | None = None, valid_fraction: float = 1.0
) -> list[np.ndarray]:
    """Windows ``(side, side)`` of which at least a share is observed; of more than ``most`` as many, evenly chosen."""
    corners = list(patch_windows(np.isfinite(lst), side, stride, valid_fraction))
    if most is not None and len(corners) > most:
        corners = [corners[i] for i in np.linspace(0, len(corners) - 1, most).round().astype(int)]
    return [lst[row : row + side, col : col + side] for row, col in corners]


def score(
    methods: Mapping[str, Row],
    windows: Sequence[tuple[Field, np.ndarray]],
    *,
    noise_k: float = 0.0,
    seed: int = 0,
    guides: Mapping[str, Sequence[np.ndarray]] = types.MappingProxyType({}),
) -> Scores:
    """Scores of methods, and of bicubic as :data:`BASELINE`, by the protocol ``strict``.

    Args:
        methods: rows by name, as :func:`lstsr_jax.evaluation.evaluate` takes them.
        windows: each with the field it is cut from; all of one size.
        noise_k: standard deviation of independent noise added to the coarse input, K; the truth has none.
        seed: of the noise.
        guides: by name the same windows of each.
    """
    rows = {BASELINE: BASELINE, **methods}
    factor = common_factor(list(rows.values()), None)
    scoring = Scoring(build_rows(rows, STRICT, factor).methods, STRICT)
    rng = np.random.default_rng(seed)
    for case in _cases(windows, factor, guides):
        if noise_k:
            noise = rng.normal(0, noise_k, case.coarse.shape).astype(np.float32)
            case = dataclasses.replace(case, coarse=case.coarse + noise)
        scoring.add(case)
    return scoring.scores()


def ratios(scores: Scores, images: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """By method the mean RMSE over that of bicubic, of the images chosen."""
    means = scores.means(images)
    return {name: row["rmse"] / means[BASELINE]["rmse"] for name, row in means.items() if name != BASELINE}


def _cases(
    windows: Sequence[tuple[Field, np.ndarray]], factor: int, guides: Mapping[str, Sequence[np.ndarray]]
) -> Iterator[Case]:
    for start in range(0, len(windows), BATCH):
        part = windows[start : start + BATCH]
        truth = _batch([window for _, window in part])
        seen = {name: _batch(fields[start : start + BATCH]) for name, fields in guides.items()}
        coarse, mask = degrade(jnp.asarray(truth), factor)
        provenance = [{"place": field.place, "granule": field.granule} for field, _ in part]
        yield Case(truth, seen, coarse, mask, provenance)


def _batch(windows: Sequence[np.ndarray]) -> np.ndarray:
    """Windows as ``(BATCH, side, side, 1)``, filled up with NaN: one shape, one program."""
    images = np.stack(list(windows))[..., None]
    return np.concatenate([images, np.full((BATCH - len(images), *images.shape[1:]), np.nan, np.float32)])
