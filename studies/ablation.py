"""The recipe, one change at a time: short runs of EDSR on unseen periods and on unseen places.

``python -m studies.ablation --granules DIR --workdirs DIR [--rows "base,width 32"]`` trains each row on both
splits (finished ones are kept) and prints RMSE over that of true bicubic on the test splits; ``--list``: commands only.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

BASE = "--preset recommended --model.name edsr --train.learning-rate 5e-4 --train.epochs 6 --train.loss mse"
CONSTANT = "--train.schedule step --train.decay-factor 1"
ROWS = {
    "base": "",
    "L1 loss": "--train.loss l1",
    "Charbonnier loss": "--train.loss charbonnier",
    "average of the parameters": "--train.average-decay 0.998",
    "average at a constant learning rate": f"--train.average-decay 0.998 {CONSTANT}",
    "crops of 48": "--train.crop 48 --train.epochs 12",
    "L1 loss with average and crops": f"--train.loss l1 --train.average-decay 0.998 {CONSTANT} --train.crop 48 "
    "--train.epochs 12",
    "energy not conserved": "--model.no-conserve-energy",
    "no flips or rotations": "--train.augment none",
    "overlapping patches": "--data.stride 32 --train.epochs 2",
    "train_max normalisation": "--model.normalization train_max",
    "step schedule": "--train.schedule step --train.decay-epoch 4",
    "width 32": "--model.width 32",
    "width 96": "--model.width 96",
    "trained at 8 km to 2 km": "--train.coarsen 2 --train.epochs 24",
}
SPLITS = ("date", "place")


def command(row: str, split: str, granules: str, workdir: Path, data_dir: str | None) -> list[str]:
    """The command line of one run."""
    flags = shlex.split(f"{BASE} {ROWS[row]}")
    place = ["--data.data-dir", data_dir] if data_dir else []
    begun = ["--resume"] if (workdir / "config.json").is_file() else []
    where = ["--granules", granules, "--data.split-by", split, *place, "--workdir", str(workdir), *begun]
    return ["train.py", *flags, *where]


def scores(workdir: Path) -> tuple[float, float] | None:
    """RMSE of the network and of bicubic on the test split in K, if the run is finished."""
    report = workdir / "report" / "metrics.json"
    if not report.is_file():
        return None
    methods = json.loads(report.read_text())["methods"]
    return methods["edsr"]["rmse"], methods["bicubic"]["rmse"]


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--granules", required=True)
    parser.add_argument("--workdirs", type=Path, required=True, help="receives a workdir per row and split")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--data-dir")
    parser.add_argument("--list", action="store_true", help="print the commands only")
    args = parser.parse_args()
    unknown = set(args.rows.split(",")) - set(ROWS)
    if unknown:
        parser.error(f"--rows {', '.join(sorted(unknown))}: unknown; choose among {', '.join(ROWS)}")
    print("| change | unseen periods | unseen places |\n| --- | --- | --- |")
    for row in args.rows.split(","):
        cells = []
        for split in SPLITS:
            workdir = args.workdirs / f"{row.replace(' ', '-')}_{split}"
            line = command(row, split, args.granules, workdir, args.data_dir)
            if args.list:
                print(shlex.join(["python", *line]))
                continue
            if scores(workdir) is None:
                subprocess.run([sys.executable, *line], check=True, stdout=subprocess.DEVNULL)
            found = scores(workdir)
            if found is None:
                raise SystemExit(f"{workdir}: stopped before its end; run this again")
            ours, bicubic = found
            cells.append(f"{ours / bicubic:.3f} ({ours:.3f} K)")
        if cells:
            print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
