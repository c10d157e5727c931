"""What students answered on cards, kept in a file that survives a restart."""

import json
import os
from pathlib import Path
from typing import Any

ANSWERS = ".course_answers.json"  # beside the notebook


def read_answers(path: Path) -> tuple[dict[str, Any], str]:
    """What was kept in a file, and a complaint or nothing.

    A damaged file is renamed aside, so that nothing in it is lost.
    Raises ValueError for what is no file, such as a device.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if is_answers(kept):
            return kept, ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):  # no UTF-8 or no JSON
        pass
    if not path.is_file():
        raise ValueError(f"path must name a file in which answers can be kept, got {path}")
    aside = free_name(path)
    path.replace(aside)
    return {}, f"The kept answers could not be read; the file is now called {aside.name}."


def is_answers(kept: object) -> bool:
    """Whether this is what the cards write."""
    return isinstance(kept, dict) and all(
        isinstance(state, dict)
        and isinstance(state.get("hints"), int)
        and state["hints"] >= 0
        and isinstance(state.get("attempts"), list)
        and all(
            isinstance(attempt, dict) and isinstance(attempt.get("answer"), str)
            for attempt in state["attempts"]
        )
        for state in kept.values()
    )


def free_name(path: Path) -> Path:
    """The first of x.damaged-1, x.damaged-2, … that is free."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def write_answers(path: Path, kept: dict[str, Any]) -> None:
    """Replace the file as a whole, so that an interruption leaves the old one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
