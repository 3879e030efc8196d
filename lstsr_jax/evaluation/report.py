"""What an evaluation leaves behind: ``metrics.json``, ``per_image.csv``, ``table.md`` and figures."""

import csv
import json
from pathlib import Path
from typing import Any

from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.evaluation.table import METRICS, PROVENANCE, Scores

_HEADINGS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "rmse": "RMSE (K)"}
_FORMATS = {"psnr": "{:.2f}", "ssim": "{:.3f}", "rmse": "{:.3f}"}


def markdown_table(scores: Scores) -> str:
    """Means per method, as a Markdown table."""
    lines = [
        "| method | " + " | ".join(_HEADINGS[metric] for metric in METRICS) + " |",
        "| --- " * (len(METRICS) + 1) + "|",
    ]
    for method, row in scores.means().items():
        lines.append(f"| {method} | " + " | ".join(_FORMATS[metric].format(row[metric]) for metric in METRICS) + " |")
    return "\n".join(lines)


def write_report(directory: Path, scores: Scores, protocol: Protocol, description: dict[str, Any]) -> str:
    """Write the report and return its table.

    Args:
        directory: receives the files; older ones of the same name are replaced, each only once the new one is whole.
        scores: of all methods.
        protocol: by which they were scored.
        description: ``split``, ``data`` and ``checkpoint`` of the evaluation.
    """
    directory.mkdir(parents=True, exist_ok=True)
    summary = {
        "protocol": protocol.name,
        **description,
        "n_images": len(scores.provenance),
        "methods": scores.means(),
    }
    _replace(directory / "metrics.json", json.dumps(summary, indent=1) + "\n")
    table = markdown_table(scores)
    heading = (
        f"{len(scores.provenance)} images, split `{description['split']}`, protocol `{protocol.name}`: "
        f"{protocol.description}.\n"
    )
    _replace(directory / "table.md", heading + "\n" + table + "\n")
    partial = directory / "per_image.csv.partial"
    with partial.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [(method, metric) for method in scores.values for metric in METRICS]
        writer.writerow([*PROVENANCE, "range_k", *(f"{method}_{metric}" for method, metric in columns)])
        for i, origin in enumerate(scores.provenance):
            values = (f"{scores.values[method][metric][i]:.6g}" for method, metric in columns)
            writer.writerow([*origin.values(), f"{scores.range_k[i]:.6g}", *values])
    partial.replace(directory / "per_image.csv")
    return heading + "\n" + table


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
