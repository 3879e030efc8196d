"""What an evaluation leaves behind: ``metrics.json``, ``per_image.csv``, ``table.md`` and figures."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.evaluation.table import METRICS, PROVENANCE, Scores

_HEADINGS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "rmse": "RMSE (K)"}
_FORMATS = {"psnr": "{:.2f}", "ssim": "{:.3f}", "rmse": "{:.3f}"}


def markdown_table(means: dict[str, dict[str, Any]]) -> str:
    """Means per method, as a Markdown table."""
    lines = [
        "| method | " + " | ".join(_HEADINGS[metric] for metric in METRICS) + " | images |",
        "| --- " * (len(METRICS) + 2) + "|",
    ]
    for method, row in means.items():
        cells = ["-" if row[metric] is None else _FORMATS[metric].format(row[metric]) for metric in METRICS]
        lines.append(f"| {method} | " + " | ".join(cells) + f" | {row['n_images']} |")
    return "\n".join(lines)


def write_report(
    directory: Path, scores: Scores, protocol: Protocol, description: dict[str, Any], remarks: Sequence[str] = ()
) -> str:
    """Write the report and return its table.

    Args:
        directory: receives the files; older ones of the same name are replaced, each only once the new one is whole.
        scores: of all methods.
        protocol: by which they were scored.
        description: ``split``, ``data`` and ``checkpoint`` of the evaluation.
        remarks: lines below the table.
    """
    directory.mkdir(parents=True, exist_ok=True)
    summary = {
        "protocol": protocol.name,
        **description,
        "n_images": len(scores.provenance),
        "methods": scores.means(),
    }
    common = scores.common
    if not common.all():
        summary["common"] = {"n_images": int(common.sum()), "methods": scores.means(common)}
    _replace(directory / "metrics.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
    by = description.get("coarsened_by", 1)
    pooled = f" pooled {by} x {by}" if by > 1 else ""
    heading = (
        f"{len(scores.provenance)} images{pooled} of {description['data']}, "
        f"split `{description['split']}`, protocol `{protocol.name}`: "
        f"{protocol.description}.\n"
    )
    text = heading + "\n" + markdown_table(scores.means()) + "\n"
    if not common.all():
        text += f"\nOver the {common.sum()} images common to all methods:\n\n{markdown_table(scores.means(common))}\n"
    text += "".join(f"\n{line}\n" for line in remarks)
    _replace(directory / "table.md", text)
    partial = directory / "per_image.csv.partial"
    with partial.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [(method, metric) for method in scores.values for metric in METRICS]
        writer.writerow([*PROVENANCE, "range_k", *(f"{method}_{metric}" for method, metric in columns)])
        for i, origin in enumerate(scores.provenance):
            values = (
                f"{scores.values[method][metric][i]:.6g}" if scores.counted[method][i] else ""
                for method, metric in columns
            )
            writer.writerow([*origin.values(), f"{scores.range_k[i]:.6g}", *values])
    partial.replace(directory / "per_image.csv")
    return text.rstrip("\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
