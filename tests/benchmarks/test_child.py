"""Measurements in processes of their own: what they said is kept, and why they said no more."""

import sys
import time

from benchmarks.child import figures_of, reason
from benchmarks.devices import bf16_peak


def python(code):
    return [sys.executable, "-S", "-c", code]


def test_the_last_figures_of_a_child_are_kept_and_each_is_told():
    told = []
    code = "print('hello'); print('{\"a\": 1}'); print('{\"a\": 2}')"
    assert figures_of(python(code), 60, each=told.append) == ({"a": 2}, "")
    assert told == [{"a": 1}, {"a": 2}]
    assert figures_of(python("pass"), 60) == (None, "printed no figures")


def test_a_child_that_outlives_its_time_is_killed_with_its_children_and_keeps_what_it_said():
    code = "import subprocess, time; print('{\"a\": 1}', flush=True); subprocess.run(['sleep', '60'])"
    begin = time.monotonic()
    figures, why = figures_of(python(code), 2)
    assert figures == {"a": 1} and why == "not done within 2 s"
    assert time.monotonic() - begin < 30  # the pipe is closed: nothing is left that holds it


def test_a_failure_is_named_by_its_error_and_memory_first():
    assert figures_of(python("raise ValueError('no such width')"), 60)[1] == (
        "exit status 1, ValueError: no such width"
    )
    said = (
        "Traceback (most recent call last):\n"
        "jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes.\n"
        "--------------------\n"
        "For simplicity, JAX has removed its internal frames from the traceback of the following exception.\n"
    )
    assert reason(said).startswith("out of memory: jax.errors.JaxRuntimeError")
    assert reason("a\nXlaRuntimeError: INTERNAL: b\n---\nFor simplicity, JAX\n") == "XlaRuntimeError: INTERNAL: b"
    assert reason("") == "no message"


def test_peaks_of_devices_by_what_jax_calls_them():
    kinds = ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA A100-SXM4-80GB", "TPU v5 lite", "TPU v5p", "cpu")
    assert [bf16_peak(kind) for kind in kinds] == [989e12, 756e12, 312e12, 197e12, 459e12, None]
