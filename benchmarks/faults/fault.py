"""What a fault is: how a command is started so that something goes wrong with it."""

import errno
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("shim.c")


@dataclass(frozen=True)
class Fault:
    """How a command is started.

    Attributes:
        environment: variables that are set; None: unset.
        shim: variables of ``shim.c``, without FAULT_; with any, it is loaded.
        limits: of the process, by number of :mod:`resource`.
        space: ``""``, ``"tmpfs SIZE"`` (the place is a file system of so many kB beyond what is in it) or
            ``"read-only FOLDER"`` (a folder of the place is).
        closed: standard streams that are closed: of ``"stdin"``, ``"stdout"``, ``"stderr"``; ``"pipe"``: stdout is a
            pipe that nobody reads.
        before: called with the place before the command.
        after: called with the place when the command has ended: takes away what ``before`` did.
        start: the fault is one of starting, so the interpreter is started anew.
    """

    environment: Mapping[str, str | None] = field(default_factory=dict)
    shim: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)
    space: str = ""
    closed: tuple[str, ...] = ()
    before: Callable[[Path], None] = lambda place: None
    after: Callable[[Path], None] = lambda place: None
    start: bool = False

    @property
    def is_of_the_start(self) -> bool:
        """Whether the command needs an interpreter of its own."""
        return self.start or bool(self.environment or self.limits or self.space or self.closed)

    @property
    def needs(self) -> str:
        """A program that this fault needs and that is not here; ``""`` if all are."""
        if self.shim and not shutil.which("gcc"):
            return "gcc"
        return "unshare" if self.space and not shutil.which("unshare") else ""


def inject(
    calls: str, path: str = "", what: int = errno.ENOSPC, *, first: int = 1, last: int = 0, of: str = ""
) -> Fault:
    """System calls that fail.

    Args:
        calls: of those in ``shim.c``, separated by commas.
        path: pattern of the file.
        what: number of the error.
        first: number of the matching call from which on they fail.
        last: number of the last that does; 0: all.
        of: what the command line of the process contains.
    """
    shim = {"CALLS": calls, "PATH": path, "ERRNO": str(what), "FIRST": str(first), "OF": of}
    return Fault(shim={**shim, **({"LAST": str(last)} if last else {})})


def at_moment(
    calls: str, path: str, *, run: str = "", number: int = 0, times: int = 1, first: int = 1, of: str = ""
) -> Fault:
    """Something that happens just before a call: a shell command (``{place}``, ``{path}`` of it), or a signal."""
    shim = {"CALLS": calls, "PATH": path, "FIRST": str(first), "LAST": str(first), "RUN": run, "OF": of}
    return Fault(shim={**shim, "SIGNAL": str(number), "SIGNALS": str(times)})


def compile_shim(folder: Path) -> Path:
    """The shared library of ``shim.c``."""
    library = folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl", "-lpthread"], check=True)
    return library


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: exit status; negative: the number of the signal.
        text: what it wrote on stdout and stderr.
        hit: whether the fault was met.
    """

    status: int
    text: str
    hit: bool


class Runner:
    """Runs commands, those without limits of their own as children of a process that is warm."""

    def __init__(self, shim: Path | None) -> None:
        """Start that process; ``shim``: the library that makes calls fail."""
        self._shim = shim
        environment = {**os.environ, **({"LD_PRELOAD": str(shim)} if shim else {})}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.zygote"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def run(self, command: Sequence[str], place: Path, fault: Fault, *, seconds: float = 400) -> Ended:
        """Run a command in a place with a fault; one that takes too long is killed."""
        mark = Path(tempfile.mktemp(prefix="fault-hit-"))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        for name, value in fault.environment.items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value.replace("{place}", str(place))
        if fault.shim:
            told = {f"FAULT_{name}": value.replace("{place}", str(place)) for name, value in fault.shim.items()}
            environment |= {"LD_PRELOAD": str(self._shim), "FAULT_MARK": str(mark), **told}
        fault.before(place)
        try:
            with tempfile.NamedTemporaryFile() as out:
                begin = self._exec if fault.is_of_the_start else self._fork
                status = begin([*_space(fault.space, place), *command], place, fault, environment, out, seconds)
                text = Path(out.name).read_bytes().decode(errors="replace")
        finally:
            fault.after(place)
        hit = mark.exists() or not fault.shim or "CLOCK" in fault.shim or "CLOCK_STEP" in fault.shim
        mark.unlink(missing_ok=True)
        return Ended(status, text, hit)

    def close(self) -> None:
        """End the warm process."""
        self._zygote.communicate()

    def _answer(self) -> str:
        assert self._zygote.stdout is not None
        return self._zygote.stdout.readline().strip()

    def _fork(
        self,
        command: Sequence[str],
        place: Path,
        fault: Fault,
        environment: Mapping[str, str],
        out: Any,
        seconds: float,
    ) -> int:
        asked = {"command": list(command), "place": str(place), "environment": dict(environment), "out": out.name}
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(asked) + "\n")
        self._zygote.stdin.flush()
        process = int(self._answer())
        late = threading.Timer(seconds, os.killpg, (process, signal.SIGKILL))
        late.start()
        status = int(self._answer())
        if late.finished.is_set() and status == -signal.SIGKILL:
            return 124
        late.cancel()
        return status

    def _exec(
        self,
        command: Sequence[str],
        place: Path,
        fault: Fault,
        environment: Mapping[str, str],
        out: Any,
        seconds: float,
    ) -> int:
        def prepare() -> None:
            for number, most in fault.limits.items():
                resource.setrlimit(number, (most, most))
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                if name in fault.closed:
                    os.close(number)

        stdout = out
        if "pipe" in fault.closed:
            read, stdout = os.pipe()
            os.close(read)
        process = subprocess.Popen(
            command, cwd=place, env=environment, preexec_fn=prepare,
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=out, start_new_session=True,
        )  # fmt: skip
        if "pipe" in fault.closed:
            os.close(stdout)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return 124


def _space(space: str, place: Path) -> list[str]:
    """The beginning of a command line that runs the rest in another view of the file system."""
    if not space:
        return []
    kind, what = space.split()
    here = shlex.quote(str(place))
    if kind == "read-only":
        folder = shlex.quote(str(place / what))
        script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && cd {here} && exec "$@"'
    else:  # what is in the place goes into a small file system, and out again when the command has ended
        held = sum(-(-path.stat().st_size // 4096) * 4096 + 1024 for path in place.rglob("*")) // 1024
        script = (
            f"mkdir -p {here}.was && mount --bind {here} {here}.was && "
            f"mount -t tmpfs -o size={held + int(what)}k none {here} && cp -a {here}.was/. {here} && cd {here} && "
            f'"$@"; status=$?; cd /; rm -rf {here}.was/* {here}.was/.[!.]*; cp -a {here}/. {here}.was; '
            f"umount {here}; exit $status"
        )
    return ["unshare", "-rm", "sh", "-c", script, "sh"]
