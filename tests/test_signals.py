"""Ctrl-C is answered at once, whatever the process is doing, and never with a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMAND = """
import hashlib, sys, time
from lstsr_jax.cli.door import door

def compile_for_long():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000_000)  # one call into C that takes a minute
    print("done", flush=True)

def command():
    {body}

door({door})
"""
TRAINING = """
    from lstsr_jax.training.interrupts import Interrupts
    with Interrupts(0):
        compile_for_long()
"""
CLEANING = """
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned", flush=True)
"""


def start(tmp_path, body="compile_for_long()", door="command"):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(body=body.strip(), door=door)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


@pytest.mark.parametrize(
    ("body", "answer"),
    [("compile_for_long()", "interrupted: stopping"), (TRAINING, "stopping after this step and saving; press again")],
    ids=["a command", "a training"],
)
def test_the_first_is_answered_while_a_compiler_works_and_the_second_stops_it(tmp_path, body, answer):
    process = start(tmp_path, body)
    process.send_signal(signal.SIGINT)
    lines = [process.stderr.readline()]
    while not lines[-1].strip():
        lines.append(process.stderr.readline())
    assert lines[-1].startswith(answer)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and "done" not in out and "Traceback" not in err


def test_a_command_that_does_not_return_from_a_compiler_is_ended(tmp_path):
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and "done" not in out
    assert err.splitlines() == ["interrupted: stopping; press again to stop now"]


def test_a_command_cleans_up_when_it_can(tmp_path):
    process = start(tmp_path, CLEANING)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and out == "cleaned\n" and err.count("\n") == 1


def test_an_import_is_cut_short_with_one_line(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    process = start(tmp_path, door='"slow"')
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130 and err == "interrupted\n"
