"""Try the properties of ``tests/properties`` on many more examples than the suite does, and count.

``python -m benchmarks.properties --examples 20000``: the numbers that the tests name in their settings are the shares
of the properties, of which each has at least a hundredth. Prints examples and failures of each, and the sums; exit
status 1 on any failure. Examples are the same in every run; ``--seed`` draws others.
"""

import argparse
import importlib.util
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import hypothesis
from hypothesis.errors import UnsatisfiedAssumption

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "properties"


def load(path: Path) -> ModuleType:
    """A module of tests by its file."""
    spec = importlib.util.spec_from_file_location(f"properties_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def properties() -> Iterator[tuple[str, Callable[[], None]]]:
    """Every property by its name, with the settings of the suite."""
    load(FOLDER / "conftest.py")
    for path in sorted(FOLDER.glob("test_*.py")):
        module = load(path)
        for name, test in vars(module).items():
            if name.startswith("test_") and hasattr(test, "hypothesis"):
                yield f"{path.stem.removeprefix('test_')}: {name.removeprefix('test_').replace('_', ' ')}", test


def share_of(test: Any) -> int:
    """Examples that the suite takes."""
    share: int = test._hypothesis_internal_use_settings.max_examples
    return share


def tried(test: Any, examples: int, seed: int | None) -> tuple[int, int, str]:
    """Try a property.

    Args:
        test: made by ``hypothesis.given``.
        examples: at most so many.
        seed: None for those of the test's name.

    Returns:
        How many examples were tried, how many failed before the search ended, and the traceback of the smallest.
    """
    counts = [0, 0]
    inner = test.hypothesis.inner_test

    def counted(*args: Any, **kwargs: Any) -> None:
        try:
            inner(*args, **kwargs)
        except UnsatisfiedAssumption:
            raise
        except Exception:
            counts[0] += 1
            counts[1] += 1
            raise
        counts[0] += 1

    before = test._hypothesis_internal_use_settings
    test.hypothesis.inner_test = counted
    chosen = hypothesis.settings(before, max_examples=examples, derandomize=seed is None)
    test._hypothesis_internal_use_settings = chosen
    said = ""
    try:
        (test if seed is None else hypothesis.seed(seed)(test))()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        said = "".join(traceback.format_exception(error, limit=-3))
        counts[1] = max(counts[1], 1)
    finally:
        test.hypothesis.inner_test, test._hypothesis_internal_use_settings = inner, before
    return counts[0], counts[1], said


def main() -> None:
    """Print a line for every property, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=20000, help="of all properties together, at least")
    parser.add_argument("--only", default="", help="only properties whose names hold this")
    parser.add_argument("--seed", type=int, help="other examples")
    args = parser.parse_args()
    every = [(name, test) for name, test in properties() if args.only in name]
    shares = sum(share_of(test) for _, test in every)
    sums = [0, 0]
    print("| property | examples | failures |\n| --- | --- | --- |", flush=True)
    for name, test in every:
        start = time.perf_counter()
        wanted = max(-(-args.examples * share_of(test) // shares), args.examples // 100)
        count, failures, said = tried(test, wanted, args.seed)
        print(f"| {name} | {count} | {failures} |", flush=True)
        print(f"{name}: {time.perf_counter() - start:.1f} s\n{said}", end="", file=sys.stderr, flush=True)
        sums = [sums[0] + count, sums[1] + failures]
    print(f"| {len(every)} properties | {sums[0]} | {sums[1]} |")
    sys.exit(bool(sums[1]))


if __name__ == "__main__":
    main()
