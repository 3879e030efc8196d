"""All figures of an accelerator in one command: ``python -m benchmarks.accelerator --minutes M [--patches FILE.npz]``.

It runs where JAX, Flax and optax are, beside this tree: matrix product peak; step time and share of that peak, beside
PyTorch's where it is installed; the guided network's step; a whole scene; and for the minutes left the preset `paper`
on the patches of a file (:mod:`benchmarks.accelerator_paper`), with its curve. Everything is measured in a process of
its own and written at once to ``--out``, as JSON, with a Markdown table beside it. On a CPU sizes are tiny.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import train_step
from lstsr_jax.files import write_text

_PAPER_SHARE = 0.5
"""Of the minutes, kept for the training where patches are given."""
_LEAST_S = 10


def sizes(platform: str) -> dict[str, Any]:
    """What is measured: in full on an accelerator, tiny on a CPU."""
    if platform == "cpu":
        return {"model": "edsr", "widths": [8], "batches": [4], "guided": (8, 4), "scenes": [8], "share": 0.02}
    widths, batches = [64, 16], [32, 128, 512]
    return {"model": "mrunet", "widths": widths, "batches": batches, "guided": (64, 32), "scenes": widths, "share": 1.0}


def probe() -> dict[str, Any]:
    """The device of this process and its matrix product peaks."""
    import jax

    device = jax.devices()[0]
    return {
        "platform": device.platform,
        "kind": device.device_kind,
        "devices": jax.device_count(),
        "memory_bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "matmul_flops": {dtype: train_step.matmul_peak(dtype) for dtype in ("float32", "bfloat16")},
        "jax": jax.__version__,
    }


class Report:
    """What was measured so far, on disk.

    Attributes:
        found: the JSON.
        deadline: by ``time.monotonic``.
    """

    def __init__(self, out: Path, minutes: float) -> None:
        """Of ``minutes`` from now on, into ``out``."""
        self._out, self.deadline = out, time.monotonic() + 60 * minutes
        self.found: dict[str, Any] = {"minutes": minutes, "steps": [], "scenes": [], "paper": None, "left_out": []}

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def add(self, **what: Any) -> None:
        """Keep figures; lists grow."""
        for name, value in what.items():
            self.found[name] = [*self.found[name], value] if isinstance(self.found.get(name), list) else value
        write_text(self._out, json.dumps(self.found, indent=1))
        write_text(self._out.with_suffix(".md"), table(self.found))

    def run(self, what: str, command: list[str], until: float | None = None) -> dict[str, Any] | None:
        """The JSON that a module prints in its last line; None, and a word on why, if it has none or time is up."""
        left = min(self.left(), self.left() if until is None else until - time.monotonic())
        if left < _LEAST_S:
            self.add(left_out=f"{what}: no time")
            return None
        try:
            done = subprocess.run(
                [sys.executable, "-m", *command], capture_output=True, text=True, timeout=left, env=os.environ
            )
        except subprocess.TimeoutExpired:
            self.add(left_out=f"{what}: not done within {left:.0f} s")
            return None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
            self.add(left_out=f"{what}: exit status {done.returncode}, {reason}")
            return None
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


def measure_steps(report: Report, size: dict[str, Any], until: float) -> None:
    """Our step at each width, batch and precision, PyTorch's beside those in bf16 (its own on a GPU)."""
    torch = "compile" if importlib.util.find_spec("torch") and size["model"] == "mrunet" else "none"
    cases = [(size["model"], "none", w, b, dtype) for w in size["widths"] for b in size["batches"]
             for dtype in ("bfloat16", "float32")]  # fmt: skip
    cases.insert(1, ("edsr", "ndvi", *size["guided"], "float32"))
    for model, guide, width, batch, dtype in cases:
        name = f"step of {model}, guide {guide}, width {width}, batch {batch}, {dtype}"
        if until - time.monotonic() < _LEAST_S:
            report.add(left_out=f"{name}: no time")
            continue
        beside = torch if dtype == "bfloat16" and guide == "none" else "none"
        flags = ["--model", model, "--guide", guide, "--width", str(width), "--batch", str(batch), "--dtype", dtype]
        args = train_step.parser().parse_args([*flags, "--steps", "10", "--rounds", "1", "--torch", beside])
        results = train_step.in_turns(args, until)
        if not results:
            report.add(left_out=f"{name}: not done in time, or failed")
        for result in results:
            ours = result["name"].startswith("lstsr_jax")
            best = min(result["times"])
            rate = results[0]["flops"] / best if results[0].get("flops") else None
            row = {
                **dict(
                    zip(("model", "guide", "width", "batch", "dtype"), (model, guide, width, batch, dtype), strict=True)
                ),
                "what": result["name"],
                "best_s": best,
                "median_s": float(np.median(result["times"])),
                "first_step_s": result["first_step"],
                "memory_bytes": result["memory"],
                "flops_per_s": rate,
                "share_of_peak": rate / result["peak"] if ours and rate and result.get("peak") else None,
            }
            report.add(steps=row)
            print(f"{name}: {row['what']}, {1e3 * best:.1f} ms", flush=True)


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    device = found.get("device") or {}
    lines = [f"# {device.get('kind', 'no device')}, JAX {device.get('jax', '?')}, {found['minutes']:g} minutes", ""]
    peaks = device.get("matmul_flops", {})
    lines += [f"Matrix product: {', '.join(f'{v / 1e12:.2f} TFLOP/s in {k}' for k, v in peaks.items())}.", ""]
    lines += [
        "| step | what | best ms | patches/s | TFLOP/s | share of peak | peak MB | first step s |",
        "| --- " * 8 + "|",
    ]
    for row in found["steps"]:
        step = f"{row['model']} {row['width']}, batch {row['batch']}, {row['dtype']}"
        step += ", guided" if row["guide"] != "none" else ""
        rate = "" if row["flops_per_s"] is None else f"{row['flops_per_s'] / 1e12:.3f}"
        share = "" if row["share_of_peak"] is None else f"{row['share_of_peak']:.0%}"
        speed = f"{1e3 * row['best_s']:.1f} | {row['batch'] / row['best_s']:.0f}"
        lines.append(f"| {step} | {row['what']} | {speed} | {rate} | {share} | {row['memory_bytes'] / 1e6:.0f} "
                     f"| {row['first_step_s']:.1f} |")  # fmt: skip
    lines += ["", "| scene of 1200x1200 x4, width | part run | first call s | scene s | peak GiB |", "| --- " * 5 + "|"]
    for row in found["scenes"]:
        figures = f"{row['first_s']:.1f} | {row['scene_s']:.1f} | {row['peak_gib']:.2f}"
        lines.append(f"| {row['model']} {row['width']} | {row['share']:.0%} | {figures} |")
    paper = found["paper"]
    if paper:
        lines += ["", f"Preset paper, {paper['network']}: {paper['patches']} patches, {paper['epochs']} epochs in "
                  f"{paper['seconds']:.0f} s; an epoch against its steps alone {paper['epoch_over_steps']:.3f}.", "",
                  "| epoch | s | train RMSE K | validation RMSE K | bicubic K |", "| --- " * 5 + "|"]  # fmt: skip
        lines += [f"| {epoch} | {seconds:.1f} | {train:.4f} | {score:.4f} | {ilr:.4f} |"
                  for epoch, seconds, train, score, ilr in paper["curve"]]  # fmt: skip
    if found["left_out"]:
        lines += ["", "Left out:", "", *(f"- {what}" for what in found["left_out"])]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write JSON and Markdown, and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="for everything")
    parser.add_argument("--out", type=Path, default=Path("accelerator.json"))
    parser.add_argument("--patches", type=Path, help="npz with lst, (N, S, S) or (N, S, S, 1) K, NaN for gaps")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.probe:
        print(json.dumps(probe()))
        return
    if args.patches and not args.patches.is_file():
        raise SystemExit(f"{args.patches}: not there")
    report = Report(args.out, args.minutes)
    device = report.run("device", ["benchmarks.accelerator", "--probe", "--minutes", "0"])
    if device is None:
        raise SystemExit(report.found["left_out"][-1])
    report.add(device=device)
    print(f"{device['kind']}, {device['devices']} devices", flush=True)
    size = sizes(device["platform"])
    share = 1 - _PAPER_SHARE if args.patches else 1.0
    until = report.deadline - (1 - share) * 60 * args.minutes
    measure_steps(report, size, time.monotonic() + 0.7 * (until - time.monotonic()))
    for width in size["scenes"]:
        of = ["benchmarks.scene", "--model", size["model"], "--measure", "scene", str(width), str(size["share"])]
        scene = report.run(f"scene of width {width}", of, until)
        if scene:
            report.add(scenes={"model": size["model"], "width": width, "share": size["share"], **scene})
    if args.patches:
        left = max(0.0, report.left() - _LEAST_S)
        training = ["benchmarks.accelerator_paper", str(args.patches), "--seconds", f"{left:.0f}"]
        training += ["--model", "edsr", "--width", "8"] if device["platform"] == "cpu" else []
        trained = report.run("preset paper", training)
        if trained:
            report.add(paper=trained)
    else:
        report.add(left_out="preset paper: no --patches")
    print(table(report.found))
    print(f"figures: {args.out} and {args.out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
