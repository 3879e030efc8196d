"""Do the commands of the documentation work? ``python docs/run_commands.py`` runs each once, as written.

They run in a fresh clone of the last commit, page after page, and a Markdown table says how each ended: page, command,
exit status, seconds. What their placeholders stand for (``DIR``, ``NDVI_DIR``, ...; see placeholders.py) is simulated,
or taken from the folder of real data that ``--data`` names, which holds files or links of these names. commands.toml
says which commands are shortened or not run, and why; the table says it too. Exit status 1 if a command failed or is
not declared.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from commands import ROOT, TABLE, Command, Declared, commands, declared, pages
from placeholders import FOLDERS, lay_out

LIMIT_S = 900
RUNS = ("runs/mine", "W", "C")
"""Placeholders of a run, on pages that do not train it themselves."""
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""Flags of XLA, unless the environment has others: the commands compile much and compute little."""
INSTALL = 'python3 -m venv .venv && .venv/bin/pip install -q -e ".[dms,export,netcdf]"'


class Scratch:
    """A clone in which commands are run, with an environment that they make themselves."""

    def __init__(self, place: Path) -> None:
        """Clone the last commit, unless it is there."""
        self.place, self.log = place, place.with_name(f"{place.name}.log")
        if not place.exists():
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        paths = f"{place / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": paths, "TFDS_DATA_DIR": str(place / ".tfds"), "MPLBACKEND": "agg"}
        self.environment = {"XLA_FLAGS": QUICK} | kept | own

    def run(self, command: str, limit_s: int = LIMIT_S) -> tuple[str, float]:
        """Run it as a shell does; exit status and seconds. What it prints goes to the log."""
        start = time.monotonic()
        with self.log.open("a") as log:
            print(f"$ {command}", file=log, flush=True)
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.place,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = str(process.wait(limit_s))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = f"more than {limit_s} s"
        return status, time.monotonic() - start

    def tidy(self) -> None:
        """Remove what a page has made, and give back what it has changed; environment, data and placeholders stay."""
        subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=self.place, check=True)
        kept = [part for name in (".venv", ".tfds", ".trained", *FOLDERS) for part in ("-e", f"/{name}")]
        subprocess.run(["git", "clean", "-fdxq", *kept], cwd=self.place, check=True)

    def lend_runs(self, made: str) -> None:
        """A small run under the names of placeholders that the commands of the page do not make."""
        trained = self.place / ".trained"
        if not trained.exists():
            small = "--granules DIR --model.width 4 --train.epochs 1 --workdir .trained"
            if self.run(f"python train.py {small}")[0] != "0":
                sys.exit(f"no small run could be trained: see {self.log}")
        for name in RUNS:
            if f"--workdir {name} " not in f"{made} " and f"--out {name} " not in f"{made} ":
                shutil.copytree(trained, self.place / name)


def run_page(scratch: Scratch, page: str, known: Declared, seen: set[str]) -> Counter[str]:
    """Run the commands of a page, print their rows, and count how they ended."""
    ends: Counter[str] = Counter()
    found = list({command.text: command for command in commands(page)}.values())
    if page != "README.md" and any(command.text not in known.left for command in found):
        scratch.lend_runs(" ".join(command.text for command in found))
    for command in found:
        if command.text in known.left:
            end, seconds = f"not run: {known.left[command.text]}", None
        elif command.text in known.once and command.text in seen:
            end, seconds = "as above", None
        else:
            end, seconds = scratch.run(_line(command, known), known.limit.get(command.text, LIMIT_S))
        seen.add(command.text)
        ends["failed" if seconds is not None and end != "0" else "run" if seconds is not None else end] += 1
        added = known.shorter.get(command.text)
        shown = f"`{' '.join(command.text.split())}`".replace("|", "\\|") + (f" and `{added}`" if added else "")
        print(f"| {page} | {shown} | {end} | {'' if seconds is None else f'{seconds:.0f}'} |", flush=True)
    scratch.tidy()
    return ends


def _line(command: Command, known: Declared) -> str:
    return "\n".join([*command.settings, f"{command.text} {known.shorter.get(command.text, '')}".strip()])


def main() -> None:
    """Run the commands of the pages that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", help="such as README.md or docs/scale.md; default: all")
    parser.add_argument("--data", type=Path, help="folder of real data under the names of placeholders")
    parser.add_argument("--scratch", type=Path, help="where to clone to, and go on; default: a temporary folder")
    parser.add_argument("--list", action="store_true", help="only the commands, and what is declared of them")
    arguments = parser.parse_args()
    chosen, known = arguments.page or pages(), declared()
    texts = {command.text for page in chosen for command in commands(page)}
    if missing := sorted(texts - known.texts()):
        sys.exit(f"{TABLE.name} does not say how to run:\n" + "\n".join(missing))
    if arguments.list:
        for page in chosen:
            print(*(f"{page}: {one.text} -> {known.left.get(one.text, 'run')}" for one in commands(page)), sep="\n")
        return
    with tempfile.TemporaryDirectory(prefix="lstsr-commands-") as temporary:
        scratch = Scratch((arguments.scratch or Path(temporary) / "clone").resolve())
        if not (scratch.place / "DIR").exists():
            lay_out(scratch.place, arguments.data)
        if chosen[0] != "README.md" and not (scratch.place / ".venv").exists():
            scratch.run(INSTALL)
        print("| page | command | exit status | seconds |\n| --- | --- | --- | --- |", flush=True)
        ends: Counter[str] = Counter()
        seen: set[str] = set()
        for page in chosen:
            ends += run_page(scratch, page, known, seen)
        print("\n" + "; ".join(f"{count} {end}" for end, count in ends.most_common()))
        if ends["failed"]:
            tail = scratch.log.read_text(errors="replace")
            print(tail if arguments.scratch is None else f"what they printed: {scratch.log}", file=sys.stderr)
    sys.exit(bool(ends["failed"]))


if __name__ == "__main__":
    main()
