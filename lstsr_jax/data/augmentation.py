"""What training does to a patch before it is used: crops, flips, withheld guides, and a worse coarse sensor.

The coarse input of a training pair is an average of many fine pixels: nearly free of noise, perfectly placed, of an
ideal square pixel. What a user's granule holds is none of that. docs/table2.md has what each is worth against ASTER.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import scipy.ndimage

from lstsr_jax.config import GUIDES, Config
from lstsr_jax.ops.dihedral import draw, transform

Images = dict[str, np.ndarray]
"""``(S, S, 1)`` or ``(b, S, S, 1)`` arrays by name, NaN where not observed."""


class Augment:
    """Random crops, flips or rotations, the same for all images; withheld guides; errors of the coarse sensor.

    Adds ``turn``, ``(b,)``: the orientation of each patch (:data:`lstsr_jax.ops.dihedral.ORIENTATIONS`), which the
    training step brings all its images into. Where the configuration asks for them also ``noise``, ``(b, s, s, 1)`` K
    for the coarse pixels of the turned patch, and ``seen``, the fine field as the coarse sensor's optics and navigation
    show it: then patches are turned here, before that, and there is no ``turn``.
    """

    def __init__(self, config: Config) -> None:
        """As ``config.train`` says; fine pixels are those of the network's output."""
        self._train, self._factor = config.train, config.model.factor

    def __call__(self, images: Images, generators: Iterable[np.random.Generator]) -> Images:
        """Augment ``(b, S, S, 1)`` images by the random numbers of each patch, which are asked for one by one."""
        train, guides = self._train, [name for name in GUIDES if name in images]
        count, side = images["lst"].shape[:2]
        turns, corners = np.zeros(count, np.int32), np.zeros((count, 2), int)
        gone = {name: np.zeros(count, bool) for name in guides}
        coarse = (train.crop or side) // (self._factor * train.coarsen)
        noise, sensors = [], []
        for i, rng in enumerate(generators):
            turns[i] = draw(rng, train.augment)
            if train.crop:
                corners[i] = rng.integers(0, side - train.crop + 1, 2)
            for name in withheld(guides, train.guide_dropout, rng):
                gone[name][i] = True
            if train.input_noise_k:
                sigma = rng.uniform(0, train.input_noise_k)
                noise.append(rng.normal(0, sigma, (coarse, coarse, 1)).astype(np.float32))
            if train.input_blur_px or train.input_shift_px:
                sigma = rng.uniform(0, train.input_blur_px) * train.coarsen
                sensors.append((sigma, *np.rint(rng.normal(0, train.input_shift_px * train.coarsen, 2)).astype(int)))
        if train.crop:
            images = {name: windows(values, corners, train.crop) for name, values in images.items()}
        for name, whether in gone.items():
            images = {**images, name: np.where(whether[:, None, None, None], np.float32(np.nan), images[name])}
        if noise:
            images = {**images, "noise": np.stack(noise)}
        if not sensors:
            return {**images, "turn": turns} if train.augment != "none" else images
        for name in ("lst", *guides):
            turned = [transform(image, turn) for image, turn in zip(images[name], turns.tolist(), strict=True)]
            images = {**images, name: np.stack(turned)}
        seen = [
            displaced(blurred(image, sigma), rows, columns)
            for image, (sigma, rows, columns) in zip(images["lst"], sensors, strict=True)
        ]
        return {**images, "seen": np.stack(seen)}


def windows(images: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """Of each image ``(b, S, S, C)`` the window of ``side`` pixels below and right of its corner ``(row, column)``."""
    return np.stack(
        [image[row : row + side, col : col + side] for image, (row, col) in zip(images, corners.tolist(), strict=True)]
    )


def withhold(images: Images, share: float, rng: np.random.Generator) -> Images:
    """The images, of whose guides each is withheld with a probability of ``share``, for itself."""
    gone = withheld([name for name in GUIDES if name in images], share, rng)
    return {**images, **{name: np.full_like(images[name], np.nan) for name in gone}}


def withheld(guides: Sequence[str], share: float, rng: np.random.Generator) -> list[str]:
    """Those of the guides that are withheld, each with a probability of ``share``."""
    return [name for name in guides if rng.random() < share]


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of ``(H, W, C)`` by ``sigma`` pixels over what was observed; gaps stay where they are."""
    known = np.isfinite(image)
    if not known.any():
        return image
    level = image[known].mean(dtype=np.float64)
    spread = (sigma, sigma, 0)
    total = scipy.ndimage.gaussian_filter(np.where(known, image - level, 0.0), spread, mode="nearest")
    weight = scipy.ndimage.gaussian_filter(known.astype(np.float64), spread, mode="nearest")
    return np.where(known, level + total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)


def displaced(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """``(H, W, C)`` moved by whole pixels down and to the right, its edge repeated behind it."""
    height, width = image.shape[:2]
    from_rows = np.clip(np.arange(height) - rows, 0, height - 1)
    from_columns = np.clip(np.arange(width) - columns, 0, width - 1)
    return image[from_rows][:, from_columns]
