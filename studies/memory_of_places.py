"""Memory of places: the paper's network against the number of dates on which it has seen each place.

``python -m studies.memory_of_places WORKDIR --dates 5 20 80``: simulated scenes of one place, of so many dates of four
years, train the Multi-residual U-Net as the paper has it (no rotations, MSE), with the same number of steps each time.
It is scored on dates it has not seen of the same place, and on the same dates of other places. Printed is the mean RMSE
over that of bicubic.
"""

import argparse
import datetime
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from data_builders import prepare
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.data.patches import split_of
from lstsr_jax.evaluation import evaluate
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.geo import simulate_granule, simulate_landscape, write_granule
from lstsr_jax.predictor import load_predictor
from lstsr_jax.training import train

TILE = "h18v04"
FIRST, DAYS = datetime.date(2017, 1, 1), 4 * 365
HELD_OUT = 12
"""Dates of the validation and of the test split, and dates of the other places."""
PLACE, OTHER_PLACES = 1, (2, 3, 4)
"""Seeds of simulated places."""
PAPER = 0.565
"""The RMSE of the paper's network over that of its interpolation in Table I."""


def dates_of(split: str, count: int) -> list[datetime.date]:
    """So many dates of a split (``day``), evenly spaced over the four years."""
    every = [FIRST + datetime.timedelta(days=day) for day in range(DAYS)]
    held = [date for date in every if _split(date) == split]
    return [held[i] for i in np.linspace(0, len(held) - 1, count).round().astype(int)]


def write_scenes(folder: Path, place: int, dates: Sequence[datetime.date], size: int) -> None:
    """Write cloud-free scenes of a place, day and night, unless they are there."""
    if folder.is_dir():
        return
    landscape = simulate_landscape(place, size)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for date in tqdm(dates, desc=f"simulating place {place}", unit="date", disable=None):
        scene = simulate_granule(place, tile=TILE, date=date, size=size, cloud_fraction=0.0, landscape=landscape)
        write_granule(scene, partial, format="hdf4")
    partial.rename(folder)


def choose(pool: Path, folder: Path, dates: Sequence[datetime.date]) -> Path:
    """A folder of the scenes of some dates."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for date in dates:
        (path,) = pool.glob(f"*.A{date:%Y%j}.*")
        os.link(path, folder / path.name)
    return folder


def configuration(granules: Path, patches: int, args: argparse.Namespace) -> Config:
    """The paper's network and training at a smaller width, for the same number of steps whatever the patches."""
    epochs = max(1, round(args.steps * args.batch_size / patches))
    return Config(
        data=DataConfig(granules=str(granules), split_by="day", data_dir=str(args.workdir / "datasets")),
        model=ModelConfig(width=args.width),
        train=TrainConfig(
            epochs=epochs,
            batch_size=args.batch_size,
            learning_rate=1e-3,
            schedule="cosine",
            warmup_epochs=0.05 * epochs,
            augment="none",
            checkpoint_every=epochs,
        ),
    )


def run(count: int, args: argparse.Namespace) -> tuple[int, float, float]:
    """Train on so many dates; patches, and RMSE over bicubic's on unseen dates and on unseen places."""
    held_out = [*dates_of("validation", HELD_OUT), *dates_of("test", HELD_OUT)]
    granules = choose(args.workdir / "place", args.workdir / f"dates-{count}", [*dates_of("train", count), *held_out])
    data = DataConfig(granules=str(granules), split_by="day", data_dir=str(args.workdir / "datasets"))
    dataset = prepare(data)
    patches = len(dataset.source("train"))
    workdir = args.workdir / f"run-{count}"
    shutil.rmtree(workdir, ignore_errors=True)
    train(configuration(granules, patches, args), dataset, workdir)
    methods = {"bicubic": "bicubic", "network": load_predictor(workdir)}
    elsewhere = prepare(DataConfig(granules=str(args.workdir / "elsewhere"), data_dir=str(args.workdir / "datasets")))
    found = []
    for of, split in ((dataset, "test"), (elsewhere, "all")):
        means = evaluate(methods, of, split=split).means()
        found.append(means["network"]["rmse"] / means["bicubic"]["rmse"])
    return patches, found[0], found[1]


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--dates", type=int, nargs="+", default=[5, 20, 80, 320])
    parser.add_argument("--size", type=int, default=192, help="side of the place in 1 km pixels")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--figure", type=Path, default=Path("memory_of_places.png"))
    args = parser.parse_args()
    args.workdir = args.workdir.resolve()
    needed = {date for count in args.dates for date in dates_of("train", count)}
    held_out = [*dates_of("validation", HELD_OUT), *dates_of("test", HELD_OUT)]
    write_scenes(args.workdir / "place", PLACE, sorted({*needed, *held_out}), args.size)
    for place, date in zip(OTHER_PLACES, dates_of("test", len(OTHER_PLACES)), strict=True):
        write_scenes(args.workdir / "elsewhere" / str(place), place, [date], args.size)
    rows = []
    for count in args.dates:
        patches, dates, places = run(count, args)
        rows.append((count, patches, dates, places))
        print(f"{count} dates: unseen dates {dates:.3f}, unseen places {places:.3f}", flush=True)
    cells = [[str(count), str(patches), f"{dates:.3f}", f"{places:.3f}"] for count, patches, dates, places in rows]
    print(markdown_table(["dates per place", "patches", "unseen dates", "unseen places"], cells))
    _draw(args.figure, rows)


def _draw(path: Path, rows: Sequence[tuple[int, int, float, float]]) -> None:
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1, color="0.6", linewidth=1)
    axes.axhline(PAPER, color="0.6", linewidth=1, linestyle=":", label="Table I of the paper")
    counts = [count for count, *_ in rows]
    axes.semilogx(counts, [dates for *_, dates, _ in rows], "o-", label="unseen dates of the same place")
    axes.semilogx(counts, [places for *_, places in rows], "s--", label="unseen places")
    axes.set(xlabel="dates on which each place was seen", ylabel="RMSE over that of bicubic", xticks=counts)
    axes.set_xticklabels(map(str, counts))
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=130)


def _split(date: datetime.date) -> str | None:
    return split_of("day", granule="", date=date, tile=TILE, row=0, col=0, size=64)


if __name__ == "__main__":
    main()
