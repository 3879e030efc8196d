"""Every shell command of README, CONTRIBUTING and docs is known to docs/run_commands.py, and its flags exist."""

import argparse
import contextlib
import importlib
import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from lstsr_jax.cli import build, download, eval, export, predict, torch_import, train

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("docs_commands", ROOT / "docs/commands.py")
docs = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = docs  # dataclasses look their module up
_spec.loader.exec_module(docs)

DOORS = {
    "train.py": train.train_arguments,
    "eval.py": eval.eval_arguments,
    "predict.py": predict.predict_arguments,
    "data_builders.build": build.build_arguments,
    "data_builders.download": lambda words: download._parser().parse_args(words),
    "lstsr_jax.cli.export": export.export_arguments,
    "lstsr_jax.models.torch_import": lambda words: torch_import._parser().parse_args(words),
}
INSTALLED = {
    "lstsr-train": "train.py",
    "lstsr-eval": "eval.py",
    "lstsr-predict": "predict.py",
    "lstsr-build": "data_builders.build",
    "lstsr-download": "data_builders.download",
    "lstsr-export": "lstsr_jax.cli.export",
}
KNOWN = docs.declared()
FOUND = {command.text: command for page in docs.pages() for command in docs.commands(page)}
NAMED = {text for text, reason in KNOWN.left.items() if reason == "named without its arguments"}


class Parsed(Exception):
    """The flags were taken."""


def words_of(command):
    """Program and arguments of each part of a command line that calls this package."""
    settings = dict(
        (name, value.strip('"'))
        for name, _, value in (setting.removeprefix("export ").partition("=") for setting in command.settings)
    )
    line = f"{command.text} {KNOWN.shorter.get(command.text, '')}"
    for _ in range(2):  # a setting may name others
        line = re.sub(r"\$([A-Z]+)\b", lambda match: settings.get(match[1], match[0]), line)
    for part in re.split(r"&&|(?<=[^|])\|(?=[^|])", line.replace("{}", "0")):  # what xargs fills in
        words = shlex.split(part)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        for start, word in enumerate(words):
            name = Path(word).name
            if name in INSTALLED:
                yield INSTALLED[name], words[start + 1 :]
                break
            if name == "python" and words[start + 1 : start + 2] == ["-m"]:
                yield words[start + 2], words[start + 3 :]
                break
            if name == "python":
                yield words[start + 1], words[start + 2 :]
                break


CALLS = [
    pytest.param(program, words, id=" ".join([program, *words])[:80])
    for command in FOUND.values()
    if command.text not in NAMED
    for program, words in words_of(command)
    if program in DOORS or program.startswith(("studies.", "benchmarks."))
]


def test_every_command_is_declared():
    assert not sorted(set(FOUND) - KNOWN.texts()), "add them to docs/commands.toml"


def test_nothing_is_declared_that_no_page_says():
    assert not sorted(KNOWN.texts() - set(FOUND)) and not sorted(set(KNOWN.limit) - set(FOUND))


def test_calls_are_found():
    assert len(CALLS) > 60
    assert {program for parameters in CALLS for program in [parameters.values[0]]} >= {"train.py", "eval.py"}


@pytest.mark.parametrize(("program", "words"), CALLS)
def test_its_flags_exist(program, words, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)  # no run of that name is there
    parse = argparse.ArgumentParser.parse_known_args

    def parse_and_stop(parser, args=None, namespace=None):
        _, unknown = parse(parser, args, namespace)
        if unknown and program != "studies.pairs_cross_validation":  # which hands them to train.py
            parser.error(f"unknown {unknown}")
        raise Parsed

    try:
        if program in DOORS:
            DOORS[program](words)
        else:
            monkeypatch.setattr(sys, "argv", [program, *words])
            monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse_and_stop)
            with pytest.raises(Parsed):
                module = importlib.import_module(program)
                (importlib.import_module(f"{program}.__main__") if hasattr(module, "__path__") else module).main()
    except SystemExit as end:
        assert end.code == 0 and "--help" in words, capsys.readouterr()


@pytest.mark.parametrize("text", sorted(NAMED))
def test_what_is_named_without_arguments_is_there(text):
    (call,) = words_of(docs.Command("", text))
    assert call[0] in DOORS or importlib.util.find_spec(call[0])


OTHERS = {"--parallel", "--array", "--cov", "--keep-going", "--epochs", "--width", "--blocks", "--data"}
OTHERS |= {"--copies", "--seed", "--only"}
"""Flags of curl, sbatch, pytest, sphinx-build, studies, benchmarks and docs/run_commands.py."""
BEGINNINGS = {"--train.checkpoint"}
"""Of several flags (``--train.checkpoint-*``)."""


@pytest.fixture(scope="module")
def flags():
    """All flags of the commands, as ``--help`` prints them."""
    said = io.StringIO()
    for door in DOORS.values():
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            door(["--help"])
    return set(re.findall(r"--[a-z][\w.-]*[a-z0-9]", said.getvalue()))


@pytest.mark.parametrize("page", docs.pages())
def test_flags_that_a_page_names_exist(page, flags):
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    code = [span for span in re.findall(r"`([^`]+)`", prose) if not span.startswith("python -m benchmarks")]
    named = {flag for span in code for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*[a-z0-9]", span)}
    assert not sorted(named - flags - OTHERS - BEGINNINGS)


PAGE = """
```sh
V="--width 4"            # a setting
python train.py $V \\
    --workdir 'a
b'   # a comment
mkdir -p c && rm -r c
```
Then `python predict.py
--demo`, not `predict.py`.

```python
x = 1  # `python no.py x`
```
"""


def test_commands_are_found_as_written():
    found = docs.commands("page", PAGE)
    assert [one.text for one in found] == [
        "python train.py $V --workdir 'a\nb'",
        "mkdir -p c && rm -r c",
        "python predict.py --demo",
    ]
    assert found[0].settings == ('V="--width 4"',)
    assert list(words_of(found[0])) == [("train.py", ["--width", "4", "--workdir", "a\nb"])]


def test_a_block_without_a_language_is_named():
    with pytest.raises(ValueError, match="page: a block without a language"):
        docs.commands("page", "```\npython train.py\n```\n")
