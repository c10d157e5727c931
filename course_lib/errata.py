"""The mistakes of the five sources and what shows them: course_lib/data/errata.toml as tables.

The file explains its fields. Links are relative to the folder chapters/.
"""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from IPython.display import Markdown, display

from course_lib.datasets import DATA_DIR


@dataclass(frozen=True)
class Erratum:
    """One mistake, in one or several places: section of the source by id, such as 004-12."""

    where: dict[str, str]
    topic: str
    chapters: list[int]
    says: str
    truth: str
    verdict: str
    shown_by: tuple[str, ...] = ()
    reason: str = ""  # why no check runs


def errata() -> list[Erratum]:
    """All entries of course_lib/data/errata.toml, in the order of the file."""
    return [Erratum(**entry) for entry in _file()["erratum"]]


def outside() -> dict[str, list[str]]:
    """The ids of mistakes about what the course does not treat, by what that is."""
    return _file()["outside"]


@cache
def _file() -> dict:
    return tomllib.loads((DATA_DIR / "errata.toml").read_text(encoding="utf-8"))


@cache
def places() -> dict[str, str]:
    """The notebook and cell of each equation, claim and card, as chapters/build.py finds them."""
    return json.loads((DATA_DIR / "places.json").read_text(encoding="utf-8"))


def show_errata(*, chapter: int | None = None, topic: str | None = None) -> None:
    """Display the table of a chapter or of a topic.

    Raises ValueError when there is nothing in it, as for a topic that is misspelt.
    """
    chosen = [e for e in errata() if chapter in e.chapters or e.topic == topic]
    if not chosen:
        raise ValueError(f"no erratum has chapter {chapter} or topic {topic!r}")
    display(Markdown(table(chosen)))


def table(entries: Iterable[Erratum]) -> str:
    """The entries as a table in Markdown."""
    rows = [
        f"| {'<br>'.join(f'{key} ({place})' for key, place in e.where.items())} | {e.says} "
        f"| {e.verdict} | {e.truth} | {', '.join(map(link, e.shown_by)) or f'*{e.reason}*'} |\n"
        for e in entries
    ]
    return "| source | says | verdict | is | shown by |\n|:--|:--|:--|:--|:--|\n" + "".join(rows)


def link(check: str) -> str:
    """A check in Markdown: claims and equations lead to their notebook, tests to their file."""
    kind, name = check.split(":", 1)
    if kind == "test":
        file, function = name.split("::")
        return f"[{function.replace('_', ' ')}](../tests/{file})"
    if kind == "exercise":
        return f"exercise {name}"
    shown = f"({name})" if kind == "equation" else name
    return f"[{shown}]({places()[name]})"
