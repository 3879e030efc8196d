"""Error and spread of a network's self-ensemble from 1 km to 250 m, against ASTER."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from lstsr_jax.evaluation.pairs.score import guides_of_pair, scored_mask
from lstsr_jax.geo.aster.pair import Pair
from lstsr_jax.geo.warp import Shift, warp_field
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.predictor import SuperResolver
from lstsr_jax.predictor.guides import call_guided, taken

LEVELS = (0.5, 0.68, 0.9, 0.95)
"""Of the intervals whose coverage a calibration at 250 m is fitted to."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairSpread:
    """What one pair says of a spread, at its scored pixels.

    Attributes:
        errors: of the mean over the orientations against ASTER, less their own mean, ``(pixels,)`` K. What two sensors
            differ by over a whole scene is no matter of super-resolution: it is ``offset_k``.
        spreads: ``(pixels,)`` K.
        offset_k: mean of field less ASTER, K.
    """

    errors: NDArray[np.float32]
    spreads: NDArray[np.float32]
    offset_k: float


def pair_spread(predictor: SuperResolver, pair: Pair, shift: Shift) -> PairSpread:
    """Run the self-ensemble on a pair and compare it with ASTER.

    Args:
        predictor: of factor 4; it is given those of the pair's guides that it takes.
        pair: with ASTER.
        shift: of its registration.
    """
    coarse = fill_gaps(jnp.asarray(pair.lst)[None, ..., None])
    fields = call_guided(predictor.ensemble, coarse, taken(predictor, guides_of_pair(pair)))
    mask = scored_mask(pair, shift)
    mean, spread = (
        warp_field(np.asarray(field)[0, ..., 0], pair.fine_grid, pair.aster_grid, shift=shift)[mask] for field in fields
    )
    errors = mean.astype(np.float64) - pair.aster[mask]
    return PairSpread((errors - errors.mean()).astype(np.float32), spread, float(errors.mean()))
