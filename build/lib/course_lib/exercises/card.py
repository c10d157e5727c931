"""One exercise as a card in a notebook; what was answered survives a restart."""

import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets

from course_lib.exercises.check import LETTERS, check, variant

ANSWERS = ".course_answers.json"  # beside the notebook


class ExerciseCard(ipywidgets.VBox):
    """Statement, answer field, check, hints one at a time, and what the checker says.

    exercise_id: a key of bank(). seed: which numbers. path: the file that keeps the attempts of
    all cards in this folder, by default .course_answers.json beside the notebook.

    An answer is checked by the button, by Enter, or by leaving the field; the same answer twice
    counts once. Where no kernel answers the card is its statement. An exception in a callback is
    shown in the card and raised, never swallowed.
    Raises ValueError for an unknown exercise or a bad seed.
    """

    def __init__(self, exercise_id: str, seed: int = 0, path: str | Path | None = None) -> None:
        self.variant = variant(exercise_id, seed)
        self.path = Path(path or ANSWERS)
        self.statement = ipywidgets.HTMLMath(as_html(self.variant.statement))
        self.answer = self._answer_field()
        self.check_button = ipywidgets.Button(description="Check")
        self.hint_button = ipywidgets.Button()
        self.hints = ipywidgets.HTMLMath()
        self.feedback = ipywidgets.HTML()
        self.error = ipywidgets.HTML()
        buttons = ipywidgets.HBox([self.check_button, self.hint_button])
        super().__init__(
            [self.statement, self.answer, buttons, self.feedback, self.hints, self.error]
        )
        self.attempts: list[dict[str, str]] = []
        self.hints_shown = 0
        self._restore()
        self._show_hints()
        self.check_button.on_click(self._check)
        self.hint_button.on_click(self._next_hint)
        is_choice = self.variant.kind == "choice"
        self.answer.observe(self._forget if is_choice else self._check, names="value")

    def _answer_field(self) -> ipywidgets.ValueWidget:
        if self.variant.kind == "choice":
            return ipywidgets.RadioButtons(
                options=self.variant.choices, value=None, description="answer",
                layout=ipywidgets.Layout(width="max-content"),
            )  # fmt: skip
        is_formula = self.variant.kind == "formula"
        return ipywidgets.Text(
            description="answer", placeholder="a formula" if is_formula else "a number",
            continuous_update=False, layout={"width": "36em" if is_formula else "20em"},
        )  # fmt: skip

    def _check(self, _: object) -> None:
        """Say what the checker says, and keep the attempt."""
        with self._errors_shown():
            given = self.answer.value or ""
            self._show_feedback(given)
            if given and [given] != [attempt["answer"] for attempt in self.attempts[-1:]]:
                self.attempts.append({"answer": given})
                self._keep()

    def _forget(self, _: object) -> None:
        """What was said about another choice."""
        self.feedback.value = ""

    def _show_feedback(self, given: str) -> None:
        self.feedback.value = announced(check(self.variant, given).message)

    def _next_hint(self, _: object) -> None:
        with self._errors_shown():
            self.hints_shown += 1
            self._show_hints()
            self._keep()

    def _show_hints(self) -> None:
        total = len(self.variant.hints)
        shown = self.variant.hints[: self.hints_shown]
        self.hints.value = "".join(f"<p>Hint: {as_html(hint)}</p>" for hint in shown)
        self.hint_button.description = f"Hint {min(self.hints_shown + 1, total)} of {total}"
        self.hint_button.disabled = self.hints_shown >= total

    @property
    def _key(self) -> str:
        return f"{self.variant.exercise_id}/{self.variant.seed}"

    def _keep(self) -> None:
        kept = self._read_kept()
        kept[self._key] = {"attempts": self.attempts, "hints": self.hints_shown}
        write_answers(self.path, kept)

    def _read_kept(self) -> dict[str, Any]:
        kept, complaint = read_answers(self.path)
        self.error.value = announced(complaint) if complaint else ""
        return kept

    def _restore(self) -> None:
        """The state before the kernel was restarted."""
        state = self._read_kept().get(self._key, {"attempts": [], "hints": 0})
        self.attempts = state["attempts"]
        self.hints_shown = min(state["hints"], len(self.variant.hints))
        if self.attempts:
            last = self.attempts[-1]["answer"]
            if self.variant.kind != "choice" or last in self.variant.choices:
                self.answer.value = last
            self._show_feedback(last)

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        self.error.value = ""
        try:
            yield
        except Exception as error:
            self.error.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"
            raise

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        choices = zip(LETTERS, self.variant.choices, strict=False)
        listed = "".join(f"\n\n{letter}. {choice}" for letter, choice in choices)
        text = self.variant.statement + listed
        bundle = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": text, "text/markdown": text}


def as_html(markdown: str) -> str:
    """The little Markdown of statements as HTML: paragraphs, code, and formulas left alone."""
    text = html.escape(markdown, quote=False)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", text)
    return text.replace("\n\n", "<br><br>")


def announced(message: str) -> str:
    """A message that a screen reader announces when it changes."""
    return f'<div role="status" style="line-height: 1.4">{html.escape(message)}</div>'


def read_answers(path: Path) -> tuple[dict[str, Any], str]:
    """What was kept in a file, and a complaint or nothing.

    A damaged file is renamed aside, so that nothing in it is lost.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if is_answers(kept):
            return kept, ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):  # no UTF-8 or no JSON
        pass
    aside = free_name(path)
    path.rename(aside)
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
