"""One exercise as a card that checks answers in the page; what was answered survives a restart."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traitlets import Dict, List, Unicode

from course_lib.errata import places
from course_lib.exercises.answers import LETTERS
from course_lib.exercises.bank import bank
from course_lib.exercises.check import Variant, answer_key, check, variant
from course_lib.exercises.kept import ANSWERS, read_answers, write_answers
from course_lib.exercises.page import as_html
from course_lib.widgets.widget import Index, Widget, script

VARIANTS = 5  # with other numbers, where an exercise has numbers
TAG = re.compile(r"\(([A-Z][A-Z0-9]*\.\d+)\)")  # of a formula: (KL.3)


class ExerciseCard(Widget):
    """Statement, answer field, check, hints one at a time, other numbers, and what is said.

    exercise_id: a key of bank(). seed: which numbers; a button leads to those of the next seeds.
    path: the file that keeps the attempts of all cards in this folder, by default
    .course_answers.json beside the notebook.

    Once an answer has been checked the card links to the formulas, and says how many of the
    chapter's cards are right.
    The page checks an answer, at the button, at Enter, or when the field is left; the same answer
    twice counts once. It holds the right answers, so what is graded is no card: `course assign`.
    Where no JavaScript runs the card is its statement; on a page without a kernel the browser keeps
    the answers. When attempts cannot be kept the exception
    is shown in the card and raised, never swallowed.
    Raises ValueError for an unknown exercise or a bad seed.
    """

    _esm = script("exercise_card.js")

    variants = List().tag(sync=True)
    index = Index("count")
    answer = Unicode().tag(sync=True)
    kept = Dict().tag(sync=True)  # seed → {"attempts": [{"answer": …}, …], "hints": how many}
    error = Unicode().tag(sync=True)
    formulas = Dict().tag(sync=True)  # tag → the notebook and the cell where it stands
    chapter = Dict().tag(sync=True)  # exercise of the same notebook → whether it is right
    exercise_id = Unicode().tag(sync=True)

    def __init__(self, exercise_id: str, seed: int = 0, path: str | Path | None = None) -> None:
        drawn = [variant(exercise_id, seed)]
        if drawn[0].parameters:
            drawn += [variant(exercise_id, seed + i) for i in range(1, VARIANTS)]
        self.count = len(drawn)
        self.path = Path(path or ANSWERS)
        self.text = as_text(drawn[0])
        file, complaint = read_answers(self.path)
        seeds = {f"{exercise_id}/{one.seed}": str(one.seed) for one in drawn}
        kept = {seeds[key]: state for key, state in file.items() if key in seeds}
        attempts = kept.get(str(seed), {"attempts": []})["attempts"]
        ((mostly, _),) = Counter(m.see for m in bank()[exercise_id].mistakes).most_common(1)
        super().__init__(
            exercise_id=exercise_id,
            formulas={tag: places()[tag] for tag in TAG.findall(mostly)},
            chapter={id: is_right(id, file) for id in cards_beside(exercise_id)},
            variants=list(map(as_sent, drawn)),
            answer=attempts[-1]["answer"] if attempts else "",
            kept=kept,
            error=complaint,
            alt=self.text,
        )
        self.observe(self._keep, "kept")

    def _keep(self, _: object) -> None:
        """Write what the page says about this exercise; other cards share the file."""
        with self._errors_shown():
            file, self.error = read_answers(self.path)
            write_answers(
                self.path,
                file | {f"{self.exercise_id}/{seed}": state for seed, state in self.kept.items()},
            )

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/markdown": self.text}, metadata


def cards_beside(exercise_id: str) -> list[str]:
    """The exercises of the notebook that has this one; it alone when none has."""
    name = "exercise "
    cards = {key.removeprefix(name): place.partition("#")[0]
             for key, place in places().items() if key.startswith(name)}  # fmt: skip
    here = cards.get(exercise_id)
    return [id for id, notebook in cards.items() if notebook == here] or [exercise_id]


def is_right(exercise_id: str, kept: dict[str, Any]) -> bool:
    """Whether one of the attempts that were kept is right, with whatever numbers."""
    return any(
        check(variant(exercise_id, int(seed)), attempt["answer"]).correct
        for key, state in kept.items()
        for id, _, seed in [key.partition("/")]
        if id == exercise_id and seed.isdecimal()
        for attempt in state["attempts"]
    )


def as_text(variant: Variant) -> str:
    """The statement in Markdown, with the choices by their letters."""
    choices = zip(LETTERS, variant.choices, strict=False)
    return variant.statement + "".join(f"\n\n{letter}. {choice}" for letter, choice in choices)


def as_sent(variant: Variant) -> dict[str, Any]:
    """What the page needs to show a variant and to check answers to it."""
    key = answer_key(variant)
    return {
        "seed": variant.seed,
        "kind": variant.kind,
        "unit": variant.unit,
        "integer": variant.integer,
        "statement": as_html(variant.statement),
        "choices": [{"text": choice, "html": as_html(choice)} for choice in variant.choices],
        "hints": list(map(as_html, variant.hints)),
        "points": [{name: point[name] for name in variant.names} for point in key.points],
        "names": variant.names,
        "truth": key.truth,
        "mistakes": [
            {"id": id, "wrong": wrong, "says": says} for id, (wrong, says) in key.mistakes.items()
        ],
    }
