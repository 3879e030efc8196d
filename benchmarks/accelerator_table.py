"""The figures of :mod:`benchmarks.accelerator` as Markdown."""

from typing import Any


def table(found: dict[str, Any]) -> str:
    """Steps, scenes and the curve of the training; a figure that is not known stays empty."""
    device = found.get("device") or {}
    lines = [f"# {device.get('kind', 'no device')}, JAX {device.get('jax', '?')}, {found['minutes']:g} minutes", ""]
    peaks = device.get("matmul_flops", {})
    lines += [f"Matrix product: {', '.join(f'{v / 1e12:.2f} TFLOP/s in {k}' for k, v in peaks.items())}."]
    if device.get("bf16_peak"):
        lines[-1] += f" By its data sheet {device['bf16_peak'] / 1e12:.0f} TFLOP/s in bfloat16."
    lines += ["", "| step | what | best ms | patches/s | TFLOP/s | of matrix product | of bf16 peak | peak MB "
              "| first step s |", "| --- " * 9 + "|"]  # fmt: skip
    for row in found["steps"]:
        step = f"{row['model']} {row['width']}, batch {row['batch']}, {row['dtype']}"
        step += ", guided" if row["guide"] != "none" else ""
        speed = f"{1e3 * row['best_s']:.1f} | {row['batch'] / row['best_s']:.0f}"
        known = [
            _shown(row["flops_per_s"], 1e-12, ".3f"),
            _shown(row["share_of_matmul"], 1, ".0%"),
            _shown(row["share_of_bf16_peak"], 1, ".0%"),
            _shown(row["memory_bytes"], 1e-6, ".0f"),
        ]
        lines.append(f"| {step} | {row['what']} | {speed} | {' | '.join(known)} | {row['first_step_s']:.1f} |")
    lines += ["", "| scene of 1200x1200 x4, width | part run | first call s | scene s | peak GiB |", "| --- " * 5 + "|"]
    for row in found["scenes"]:
        figures = f"{row['first_s']:.1f} | {row['scene_s']:.1f} | {row['peak_gib']:.2f}"
        lines.append(f"| {row['model']} {row['width']} | {row['share']:.0%} | {figures} |")
    if found["paper"]:
        lines += _curve(found["paper"])
    if found["left_out"]:
        lines += ["", "Left out:", "", *(f"- {what}" for what in found["left_out"])]
    return "\n".join(lines) + "\n"


def _curve(paper: dict[str, Any]) -> list[str]:
    """The training of the preset ``paper``."""
    return [
        "",
        f"Preset paper, {paper['network']}: {paper['patches']} patches, {paper['epochs']} epochs in "
        f"{paper['seconds']:.0f} s; the last epoch's training {paper['epoch_s']:.2f} s; an epoch against its steps "
        f"alone {paper['epoch_over_steps']:.3f}; peak memory {_shown(paper['memory_bytes'], 1e-6, '.0f') or '?'} MB.",
        "",
        "| epoch | s | train RMSE K | validation RMSE K | bicubic K |",
        "| --- " * 5 + "|",
        *(
            f"| {epoch} | {seconds:.1f} | {train:.4f} | {score:.4f} | {ilr:.4f} |"
            for epoch, seconds, train, score, ilr in paper["curve"]
        ),
    ]


def _shown(value: float | None, unit: float, form: str) -> str:
    return "" if value is None else f"{value * unit:{form}}"
