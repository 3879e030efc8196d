"""The same weights at 8 to 2 km, 4 to 1 km and 1 km to 250 m, in one table.

``python -m studies.scales --checkpoint guided --checkpoint guided-denoise --granules DIR --ndvi DIR --pairs DIR``.
RMSE in K; at 1 km to 250 m against ASTER, without each pair's mean difference, registered by the constant shift.
"""

import argparse
import json
import tempfile
from pathlib import Path

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.evaluation import PROTOCOLS, check_unseen, evaluate, evaluate_pairs
from lstsr_jax.predictor import load_predictor


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--checkpoint", action="append", required=True)
    parser.add_argument("--granules", required=True)
    parser.add_argument("--ndvi", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--data-dir")
    args = parser.parse_args()
    data = DataConfig(granules=args.granules, ndvi=args.ndvi, data_dir=args.data_dir)
    check_unseen([load_predictor(path) for path in args.checkpoint], data, args.split)
    dataset = prepare(data)
    rows: dict[str, list[tuple[float, float]]] = {}
    for path in args.checkpoint:
        predictors = [load_predictor(path)]
        with tempfile.TemporaryDirectory() as folder:
            for coarsen in (2, 1):
                report = Path(folder) / str(coarsen)
                evaluate(
                    predictors,
                    dataset,
                    report,
                    classical=["bicubic"],
                    protocol=PROTOCOLS["strict"],
                    split=args.split,
                    coarsen_by=coarsen,
                )
                rows.setdefault(path, []).append(_pair(report, "rmse"))
            evaluate_pairs(predictors, args.pairs, Path(folder) / "pairs", classical=["bicubic"])
            rows[path].append(_pair(Path(folder) / "pairs", "rmse_ub"))
    print("| | 8 to 2 km | 4 to 1 km | 1 km to 250 m (ASTER) |\n| --- | --- | --- | --- |")
    first = next(iter(rows.values()))
    print("| bicubic | " + " | ".join(f"{bicubic:.3f} K" for _, bicubic in first) + " |")
    for path, cells in rows.items():
        print(f"| {path} | " + " | ".join(f"{ours:.3f} K ({ours / theirs:.3f})" for ours, theirs in cells) + " |")


def _pair(report: Path, metric: str) -> tuple[float, float]:
    """The network's score and bicubic's."""
    summary = json.loads((report / "metrics.json").read_text())
    methods = summary.get("common", summary)["methods"]  # guided networks leave images without NDVI out
    (network,) = set(methods) - {"bicubic"}
    return methods[network][metric], methods["bicubic"][metric]


if __name__ == "__main__":
    main()
