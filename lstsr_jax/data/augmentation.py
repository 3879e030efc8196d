"""What training does to a patch before it is used: crops, flips, withheld guides, and a worse coarse sensor.

The coarse input of a training pair is an average of many fine pixels: nearly free of noise, perfectly placed, of an
ideal square pixel. What a user's granule holds is none of that. docs/table2.md has what each is worth against ASTER.
"""

import grain
import numpy as np
import scipy.ndimage

from lstsr_jax.config import GUIDES, Config
from lstsr_jax.ops.dihedral import draw, transform

Images = dict[str, np.ndarray]
"""``(S, S, 1)`` arrays by name, NaN where not observed."""


class Augment(grain.transforms.RandomMap):  # type: ignore[misc]
    """Random crops, flips or rotations, the same for all images; withheld guides; errors of the coarse sensor.

    Adds ``seen``, the fine field as the coarse sensor's optics and navigation show it, and ``noise``, ``(s, s, 1)`` K
    for its coarse pixels, where the configuration asks for them.
    """

    def __init__(self, config: Config) -> None:
        """As ``config.train`` says; fine pixels are those of the network's output."""
        self._train, self._factor = config.train, config.model.factor

    def random_map(self, element: Images, rng: np.random.Generator) -> Images:
        """One example, augmented."""
        train = self._train
        turn = draw(rng, train.augment)
        if train.crop:
            row, col = rng.integers(0, element["lst"].shape[0] - train.crop + 1, 2)
            window = np.s_[row : row + train.crop, col : col + train.crop]
            element = {name: values[window] for name, values in element.items()}
        if turn:
            element = {name: transform(values, turn) for name, values in element.items()}
        element = withhold(element, train.guide_dropout, rng)
        if train.input_noise_k:
            sigma = rng.uniform(0, train.input_noise_k)
            coarse = [side // (self._factor * train.coarsen) for side in element["lst"].shape[:2]]
            element = {**element, "noise": rng.normal(0, sigma, (*coarse, 1)).astype(np.float32)}
        if train.input_blur_px or train.input_shift_px:
            sigma = rng.uniform(0, train.input_blur_px) * train.coarsen
            rows, columns = np.rint(rng.normal(0, train.input_shift_px * train.coarsen, 2)).astype(int)
            element = {**element, "seen": displaced(blurred(element["lst"], sigma), rows, columns)}
        return element


def withhold(images: Images, share: float, rng: np.random.Generator) -> Images:
    """The images, of whose guides each is withheld with a probability of ``share``, for itself."""
    gone = [name for name in GUIDES if name in images and rng.random() < share]
    return {**images, **{name: np.full_like(images[name], np.nan) for name in gone}}


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
