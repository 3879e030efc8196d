"""All figures of an accelerator in one command: ``python -m benchmarks.accelerator --minutes M [--patches FILE.npz]``.

It runs where JAX, Flax (which brings orbax) and optax are, beside this tree: matrix product peak; step time and share
of the peak on one device, beside PyTorch's where it is installed (``--torch-python``); the guided network's step; a
whole scene; and for the minutes left the preset `paper` on the patches of a file, on all devices
(:mod:`benchmarks.accelerator_paper`), with its curve. Everything is measured in a process of its own and written at
once to ``--out``, as JSON, with a Markdown table beside it; what fails, runs out of memory or has no time is named, and
the rest goes on. On a CPU sizes are tiny.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import train_step
from benchmarks.accelerator_table import table
from benchmarks.child import figures_of
from benchmarks.devices import bf16_peak
from lstsr_jax.files import write_text

_PAPER_SHARE, _STEPS_SHARE = 0.5, 0.7
"""Of the minutes, kept for the training where patches are given; of the others, for the steps."""
_PARTS = ("steps", "scenes", "paper")
_LEAST_S, _LONGEST_SHARE = 10, 0.5
"""No part begins with less time left; none takes more of what is left for its kind."""


def cases(platform: str) -> list[tuple[str, str, int, int, str]]:
    """Model, guide, width, batch and precision of the steps, what matters most first; tiny on a CPU."""
    if platform == "cpu":
        guided = ("edsr", "ndvi", 8, 4, "float32")
        return [("mrunet", "none", 4, 4, "bfloat16"), guided, ("mrunet", "none", 4, 4, "float32")]
    plain = [
        ("mrunet", "none", width, batch, dtype)
        for width in (64, 16)
        for dtype in ("bfloat16", "float32")
        for batch in (128, 32, 512)
    ]
    return [*plain[:3], ("edsr", "ndvi", 64, 32, "float32"), *plain[3:]]


def probe() -> dict[str, Any]:
    """The device of this process and its matrix product peaks."""
    import jax

    device = jax.devices()[0]
    return {
        "platform": device.platform,
        "kind": device.device_kind,
        "devices": jax.device_count(),
        "memory_bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "bf16_peak": bf16_peak(device.device_kind),
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

    def run(self, what: str, command: list[str], until: float, **how: Any) -> dict[str, Any] | None:
        """The last figures of a command that is killed at ``until``; what is missing of it is named."""
        left = min(self.left(), until - time.monotonic())
        if left < _LEAST_S:
            self.add(left_out=f"{what}: no time")
            return None
        figures, missing = figures_of(command, left, **how)
        if missing:
            self.add(left_out=f"{what}: {missing}")
            print(f"{what}: {missing}", flush=True)
        return figures


def measure_steps(report: Report, device: dict[str, Any], torch_python: str | None, until: float) -> None:
    """Our step at each width, batch and precision, PyTorch's beside those in bf16 (its own on a GPU)."""
    for model, guide, width, batch, dtype in cases(device["platform"]):
        name = f"step of {model}, guide {guide}, width {width}, batch {batch}, {dtype}"
        beside = "compile" if torch_python and (model, guide, dtype) == ("mrunet", "none", "bfloat16") else "none"
        flags = ["--model", model, "--guide", guide, "--width", str(width), "--batch", str(batch), "--dtype", dtype]
        flags += ["--torch", beside, "--torch-python", torch_python or "", "--steps", "10"]
        flags += ["--torch-device", "cpu" if device["platform"] == "cpu" else "cuda"]
        args = train_step.parser().parse_args(flags)
        flops = None
        for number, command in enumerate(train_step.commands(args)):
            now = time.monotonic()
            latest = max(now + _LONGEST_SHARE * (until - now), min(until, now + 60))
            figures = report.run(f"{name}, {('ours', 'PyTorch', 'PyTorch compiled')[number]}", command, latest)
            if figures is None:
                continue
            if number == 0:
                counted = report.run(f"FLOP of {name}", train_step.counting(args), until,
                                     environment={"JAX_PLATFORMS": "cpu"})  # fmt: skip
                flops = counted and counted["flops"]
            best = min(figures["times"])
            rate = flops / best if flops else None
            product = device["matmul_flops"][dtype]
            row = {
                "model": model,
                "guide": guide,
                "width": width,
                "batch": batch,
                "dtype": dtype,
                "what": figures["name"],
                "best_s": best,
                "median_s": float(np.median(figures["times"])),
                "first_step_s": figures["first_step"],
                "memory_bytes": figures["memory"],
                "flops_per_s": rate,
                "share_of_matmul": rate / product if rate else None,
                "share_of_bf16_peak": rate / device["bf16_peak"] if rate and device["bf16_peak"] else None,
            }
            report.add(steps=row)
            print(f"{name}: {row['what']}, {1e3 * best:.1f} ms", flush=True)


def with_torch(platform: str, python: str) -> str | None:
    """The Python that has PyTorch, if PyTorch is to be measured: not beside a TPU, where it would run on the host."""
    if platform not in ("cpu", "gpu", "cuda"):
        return None
    there = subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    return python if there else None


def require_patches(path: Path) -> None:
    """Refuse a file of patches before the time is spent.

    Raises:
        SystemExit: if it is not there or holds no ``lst`` of square patches.
    """
    if not path.is_file():
        raise SystemExit(f"{path}: not there")
    with np.load(path) as file:
        shape = file["lst"].shape if "lst" in file.files else ()
    if len(shape) not in (3, 4) or shape[1] != shape[2] or shape[3:] not in ((), (1,)):
        raise SystemExit(f"{path}: holds {shape or 'no lst'}; give lst, (N, S, S) or (N, S, S, 1) K")


def main() -> None:
    """Measure, write JSON and Markdown, and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="for everything")
    parser.add_argument("--out", type=Path, default=Path("accelerator.json"))
    parser.add_argument("--patches", type=Path, help="npz with lst, (N, S, S) or (N, S, S, 1) K, NaN for gaps")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has PyTorch, if not this one")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS), help="where minutes are few")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.probe:
        print(json.dumps(probe()))
        return
    if args.patches:
        require_patches(args.patches)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is killed too
    # One process at a time has the device, so it may take nearly all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.92")
    report, module = Report(args.out, args.minutes), [sys.executable, "-m"]
    device = report.run("device", [*module, "benchmarks.accelerator", "--probe", "--minutes", "0"], report.deadline)
    if device is None:
        raise SystemExit(report.found["left_out"][-1])
    report.add(device=device)
    print(f"{device['kind']}, {device['devices']} devices", flush=True)
    tiny = device["platform"] == "cpu"
    trains = args.patches and "paper" in args.parts
    until = report.deadline - (_PAPER_SHARE * report.left() if trains and len(args.parts) > 1 else 0)
    if "steps" in args.parts:
        torch_python = with_torch(device["platform"], args.torch_python)
        if torch_python is None:
            report.add(left_out="PyTorch: not installed, or none for this device")
        share = _STEPS_SHARE if "scenes" in args.parts else 1.0
        measure_steps(report, device, torch_python, time.monotonic() + share * (until - time.monotonic()))
    if "scenes" in args.parts:
        for width, share in [(4, 0.02)] if tiny else [(64, 1.0), (16, 1.0)]:
            of = [*module, "benchmarks.scene", "--measure", "scene", str(width), str(share)]
            scene = report.run(f"scene of width {width}", of, until)
            if scene:
                report.add(scenes={"model": "mrunet", "width": width, "share": share, **scene})
    if trains:
        # It ends by itself; what it has said by then is kept if it does not.
        end = time.time() + report.left() - _LEAST_S
        training = [*module, "benchmarks.accelerator_paper", str(args.patches), "--until", f"{end:.0f}"]
        training += ["--model", "edsr", "--width", "8"] if tiny else []
        report.run("preset paper", training, report.deadline, each=lambda figures: report.add(paper=figures))
    elif "paper" in args.parts:
        report.add(left_out="preset paper: no --patches")
    print(table(report.found))
    print(f"figures: {args.out} and {args.out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
