"""A measurement in a process of its own: its figures line by line, and a word on why there are none."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_ERROR = re.compile(r"^[\w.]*(Error|Exception|Exit|Interrupt)\b")


def figures_of(
    command: Sequence[str],
    seconds: float,
    *,
    environment: Mapping[str, str] | None = None,
    each: Callable[[dict[str, Any]], None] = lambda figures: None,
) -> tuple[dict[str, Any] | None, str]:
    """Run a command that prints figures as JSON, an object a line.

    Args:
        command: what to run.
        seconds: after which it is killed, with all that it has started.
        environment: beside that of this process.
        each: told of every line of figures when it is there.

    Returns:
        The last figures, None without any, and why there are no more of them; empty if it ended as it should.
    """
    last: dict[str, Any] | None = None
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        ) as process:
            timer = threading.Timer(max(seconds, 0), os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    if line.startswith("{"):
                        last = json.loads(line)
                        each(last)
                process.wait()
            finally:
                timer.cancel()
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        errors.seek(0)
        said = errors.read()
    if process.returncode == 0:
        return last, "" if last else "printed no figures"
    if process.returncode == -signal.SIGKILL and time.monotonic() - begin >= seconds:
        return last, f"not done within {seconds:.0f} s"
    return last, f"exit status {process.returncode}, {reason(said)}"


def reason(said: str) -> str:
    """Of what a failed process wrote to stderr the line that says why; JAX adds remarks below it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in reversed(lines):
        if "RESOURCE_EXHAUSTED" in line or "out of memory" in line.lower():
            return f"out of memory: {line}"[:200]
    named = [line for line in lines if _ERROR.match(line)]
    return (named or lines or ["no message"])[-1][:200]
