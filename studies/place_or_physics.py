"""What more training brings on unseen dates and on unseen places, from the logs of finished runs.

``python -m studies.place_or_physics RUN [RUN ...] --figure docs/place_or_physics.png``: each RUN is a training
workdir; its ``log.csv`` holds the RMSE of the network and of its bicubic input on the validation split by epoch.
"""

import argparse
import csv
import json
from pathlib import Path

from matplotlib.figure import Figure

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.markdown import markdown_table

STYLES = {"day": ":", "date": "-", "place": "--"}
SPLITS = {"day": "single unseen dates", "date": "unseen 16-day periods", "place": "unseen places"}
SHOWN = (1, 4, 8, 12, 20, 28, 36)


def read_run(workdir: Path) -> tuple[str, str, list[float]]:
    """Name of the network, split rule, and RMSE over bicubic's after each epoch.

    Raises:
        InputError: if the workdir holds no log.
    """
    try:
        config = json.loads((workdir / "config.json").read_text())
        with (workdir / "log.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise InputError(f"{workdir}: no finished run ({error.filename} is missing)") from None
    model = config["model"]
    guide = "" if model["guide"] == "none" else f" guided by {model['guide'].replace('ndvi', 'NDVI')}"
    ratios = [float(row["validation_rmse_k"]) / float(row["validation_ilr_rmse_k"]) for row in rows]
    return f"{model['name']} {model['width']}{guide}", config["data"]["split_by"], ratios


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--figure", type=Path, default=Path("place_or_physics.png"))
    args = parser.parse_args()
    runs = [read_run(path) for path in args.runs]
    names = list(dict.fromkeys(name for name, *_ in runs))
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1, color="0.6", linewidth=1)
    rows = []
    for name, split, ratios in runs:
        axes.plot(
            range(1, len(ratios) + 1),
            ratios,
            STYLES.get(split, "-."),
            color=f"C{names.index(name)}",
            label=f"{name}, {SPLITS.get(split, split)}",
        )
        cells = [f"{ratios[epoch - 1]:.3f}" if epoch <= len(ratios) else "" for epoch in SHOWN]
        rows.append([name, SPLITS.get(split, split), *cells])
    print(markdown_table(["network", "held out", *map(str, SHOWN)], rows))
    axes.set(xlabel="epoch", ylabel="RMSE over that of bicubic", ylim=(0.75, 1.15))
    axes.legend(frameon=False, fontsize="small", ncols=2)
    figure.savefig(args.figure, dpi=130)


if __name__ == "__main__":
    main()
