"""The same weights at 8 to 2 km, 4 to 1 km and 1 km to 250 m, in one table.

``python -m studies.scales --checkpoint guided --checkpoint guided-denoise --granules DIR --ndvi DIR --pairs DIR``.
RMSE in K; at 1 km to 250 m against ASTER, without each pair's mean difference, each pair registered by itself.
"""

import argparse

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.evaluation import check_unseen, evaluate, evaluate_pairs
from lstsr_jax.evaluation.markdown import markdown_table
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
    predictors = {path: load_predictor(path) for path in args.checkpoint}
    check_unseen(predictors.values(), data, args.split)
    dataset = prepare(data)
    rows: dict[str, list[tuple[float, float]]] = {}  # per network: its RMSE and that of bicubic
    for path, predictor in predictors.items():
        methods = {"bicubic": "bicubic", "network": predictor}
        rows[path] = []
        for coarsen_by in (2, 1):
            means = evaluate(methods, dataset, split=args.split, coarsen_by=coarsen_by).means(common=True)
            rows[path].append((means["network"]["rmse"], means["bicubic"]["rmse"]))
        against_aster = evaluate_pairs(methods, args.pairs).means()
        rows[path].append((against_aster["network"]["rmse_ub"], against_aster["bicubic"]["rmse_ub"]))
    first = next(iter(rows.values()))
    table = [
        ["bicubic", *(f"{bicubic:.3f} K" for _, bicubic in first)],
        *([path, *(f"{ours:.3f} K ({ours / theirs:.3f})" for ours, theirs in cells)] for path, cells in rows.items()),
    ]
    print(markdown_table(["", "8 to 2 km", "4 to 1 km", "1 km to 250 m (ASTER)"], table))


if __name__ == "__main__":
    main()
