"""The shell commands of README.md, CONTRIBUTING.md and the pages of docs/, and what commands.toml declares of each.

Commands are the lines of ```` ```sh ```` blocks, and what stands in backticks and begins with ``python``,
``pip install``, ``lstsr-...`` and their like and an argument. They are known by their text, without comments and line
breaks.
"""

import re
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".toml")

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[^\n`]*)\n(?P<body>.*?)^ *(?P=ticks) *$", re.M | re.S)
_SETTING = re.compile(r'(export )?[A-Z_]+=("[^"]*"|\S*)')
_COMMENT = re.compile(r"(^|\s+)#(?=\s).*$")
_PROGRAMS = r"python3?|pytest|pre-commit|sphinx-build|gdal\w+|sbatch|scontrol|lstsr-[a-z]+|pip install"
_INLINE = re.compile(rf"(?<!`)`((?:{_PROGRAMS}) [^`]+|\.ci/[^`]+)`")


@dataclass(frozen=True)
class Command:
    """A command of a page."""

    page: str
    text: str
    settings: tuple[str, ...] = ()
    """Assignments of the page before it, such as ``V="--train.use-validation"``."""


@dataclass
class Declared:
    """What commands.toml says: how each command is run, or why it is not."""

    run: set[str] = field(default_factory=set)
    once: set[str] = field(default_factory=set)
    shorter: dict[str, str] = field(default_factory=dict)
    limit: dict[str, int] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __contains__(self, text: str) -> bool:
        """Is it known how to run the command, or why not to?"""
        return text in self.texts()

    def texts(self) -> set[str]:
        """All commands that are declared."""
        return self.run | self.once | set(self.shorter) | set(self.left)


def declared(table: Path = TABLE) -> Declared:
    """Read the table."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))
    left = {text: reason for reason, texts in rows["not-run"].items() for text in texts}
    return Declared(set(rows["run"]), set(rows["once"]), rows["shorter"], rows["limit"], left)


def pages() -> list[str]:
    """README.md, CONTRIBUTING.md, then the pages of the site in the order of its contents."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    named = [f"docs/{name}.md" for name in ["index", *re.findall(r"^([\w/-]+)$", index, re.M)]]
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
    return ["README.md", "CONTRIBUTING.md", *(name for name in dict.fromkeys([*named, *found]) if name in found)]


def commands(page: str, text: str | None = None) -> list[Command]:
    """The commands of a page, in reading order.

    Args:
        page: its path in the repository.
        text: its content, if it is not to be read.

    Raises:
        ValueError: a block without a language, which may hold commands and may not.
    """
    text = (ROOT / page).read_text(encoding="utf-8") if text is None else text
    found: list[Command] = []
    settings: list[str] = []
    end = 0
    for block in _FENCE.finditer(text):
        found += _inline(page, text[end : block.start()], settings)
        end = block.end()
        language = block["language"].strip()
        if not language:
            raise ValueError(f"{page}: a block without a language: sh if it holds commands, else text")
        for line in _lines(block["body"]) if language == "sh" else ():
            if _SETTING.fullmatch(line):
                settings.append(line)
            else:
                found.append(Command(page, line, tuple(settings)))
    return found + _inline(page, text[end:], settings)


def _inline(page: str, text: str, settings: list[str]) -> list[Command]:
    return [Command(page, " ".join(match[1].split()), tuple(settings)) for match in _INLINE.finditer(text)]


def _lines(body: str) -> list[str]:
    """The logical lines: a line goes on after a backslash and within quotes."""
    lines, waiting = [], ""
    for line in body.splitlines():
        waiting += _COMMENT.sub("", line.strip())
        if waiting.endswith("\\"):
            waiting = waiting[:-1].rstrip() + " "
            continue
        try:
            shlex.split(waiting)
        except ValueError:  # no closing quotation yet
            waiting += "\n"
            continue
        if waiting:
            lines.append(waiting)
        waiting = ""
    return lines
