"""A process that has loaded what the commands load and forks for each one: their start is most of what a trial takes.

It reads a line of JSON per command on stdin and answers with two: the process, and its status when it has ended.
"""

import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

MODULES = (
    "jax", "rasterio", "rasterio.shutil", "matplotlib.figure", "matplotlib.backends.backend_agg", "tqdm", "h5netcdf",
    "zarr", "rioxarray", "xarray", "lstsr_jax.cli.predict", "lstsr_jax.cli.train", "lstsr_jax.cli.eval",
    "lstsr_jax.cli.build", "lstsr_jax.cli.export", "lstsr_jax.cli.download", "lstsr_jax.product", "data_builders",
    "lstsr_jax.training", "lstsr_jax.evaluation", "lstsr_jax.export", "lstsr_jax.product.mosaic", "filelock",
)  # fmt: skip


def main() -> None:
    """Load, then serve until stdin ends."""
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:  # of an extra: the command says so
            print(f"{name} is not here", file=sys.stderr)
    print("ready", flush=True)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked)
            return
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(asked: dict[str, Any]) -> None:
    """In the child: be the command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["place"])
    out = os.open(asked["out"], os.O_WRONLY | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(out, number)
    _, *arguments = asked["command"]
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<command>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
