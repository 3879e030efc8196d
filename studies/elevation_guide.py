"""What elevation is worth as a guide, beside LST alone, on a part of a region that neither network has seen.

``python -m studies.elevation_guide LST_DIR --elevation dem.tif --workdir W``: the LST in LST_DIR (GeoTIFF of any grid,
as for ``train.py --fine``) is cut in the middle. On the west two equal networks are trained, one of LST alone and one
that sees elevation too; on the east both are scored, pooled to a quarter of the resolution and asked back. Printed are
mean RMSE over that of bicubic, of windows without gaps; of the guided network also without its guide.
"""

import argparse
from pathlib import Path

import numpy as np

from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.data.patches import patch_windows
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import Row
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.geo import read_elevation, write_raster
from lstsr_jax.geo.finer import FineField, find_fields, read_field
from lstsr_jax.predictor import load_predictor
from lstsr_jax.training import train
from studies.windows import BASELINE, Field, ratios, score

SIDE = 64
"""Of windows and patches, in pixels."""


def write_west(fields: list[FineField], folder: Path) -> None:
    """Write the western half of every field, as kelvin."""
    for field in fields:
        half = field.lst.shape[1] // 2
        name = field.name.removesuffix(Path(field.name).suffix)
        write_raster(folder / f"{name}.tif", field.lst[:, :half], field.grid.transform, field.grid.crs, nodata=np.nan)


def east_windows(fields: list[FineField], elevation: Path) -> tuple[list[tuple[Field, np.ndarray]], list[np.ndarray]]:
    """Windows without gaps of the eastern half of every field, half overlapping, and the same of elevation."""
    windows, heights, known = [], [], {}
    for field in fields:
        half = field.lst.shape[1] // 2
        if field.grid not in known:
            known[field.grid] = read_elevation(elevation, field.grid).values[:, half:]
        lst = np.ascontiguousarray(field.lst[:, half:])
        for row, col in patch_windows(np.isfinite(lst), SIDE, SIDE // 2, 1.0):
            at = np.s_[row : row + SIDE, col : col + SIDE]
            windows.append((Field("east", field.name, lst), lst[at]))
            heights.append(known[field.grid][at])
    return windows, heights


def trained(west: Path, elevation: Path | None, workdir: Path, options: argparse.Namespace) -> Path:
    """The workdir of a network trained on the western half, as the flags say."""
    data = DataConfig(fine=str(west), elevation=None if elevation is None else str(elevation), stride=SIDE // 2)
    model = ModelConfig(
        name="edsr",
        width=options.width,
        blocks=options.blocks,
        conserve_energy=True,
        guide="none" if elevation is None else "elevation",
    )
    settings = TrainConfig(
        epochs=options.epochs,
        batch_size=16,
        learning_rate=1e-3,
        schedule="cosine",
        warmup_epochs=0.5,
        loss="l1",
        augment="dihedral",
        crop=options.crop,
        seed=options.seed,
    )
    return train(Config("custom", data, model, settings), None, workdir)


def main() -> None:
    """Train both networks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path, help="of LST as GeoTIFF, all of one region")
    parser.add_argument("--elevation", type=Path, required=True, help="a DEM")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--checkpoint", action="append", default=[], help="another network for the table")
    for name, value in (("epochs", 12), ("width", 32), ("blocks", 4), ("crop", 0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    fields = [read_field(path) for path in find_fields(args.directory)[0]]
    windows, heights = east_windows(fields, args.elevation)
    if not windows:
        raise InputError(f"{args.directory}: no window of {SIDE} x {SIDE} without gaps in its eastern half")
    west = args.workdir / "west"
    write_west(fields, west)
    networks = {
        name: load_predictor(trained(west, dem, args.workdir / name.replace(" ", "-"), args))
        for name, dem in (("LST alone", None), ("LST and elevation", args.elevation))
    }
    rows: dict[str, Row] = {**networks, **{path: load_predictor(path) for path in args.checkpoint}}
    found = ratios(score(rows, windows, guides={"elevation": heights}))
    without = score({"the same, elevation not given": networks["LST and elevation"]}, windows)
    found |= ratios(without)
    bicubic = without.means()[BASELINE]["rmse"]
    table = [[BASELINE, f"{bicubic:.3f}", "1"]]
    table += [[name, f"{ratio * bicubic:.3f}", f"{ratio:.3f}"] for name, ratio in found.items()]
    print(f"{len(windows)} windows of {SIDE} x {SIDE} pixels of the eastern half\n")
    print(markdown_table(["", "RMSE, K", "of bicubic"], table))


if __name__ == "__main__":
    main()
