"""Grading: read the returned notebooks as data, and compare with variants made again.

Nothing in a notebook is executed, and nothing in it is believed but the text of the answers: the
student and the exercises stand in a label with a seal, the numbers follow from the secret. What
cannot be graded becomes a note for the instructor, and the rest is graded all the same.
"""

import hmac
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from course_lib.exercises import Variant, bank, check
from course_lib.exercises.answers import AnswerError
from course_lib.exercises.check import ROUNDED as FOUR_DIGITS
from course_lib.grading.assignments import numbers_digest, seal, student_variants
from course_lib.grading.check_cell import read_as
from course_lib.grading.roster import InstructorError, Override, listed
from course_lib.grading.submissions import FORMAT, Notebook, UnusableFile, read_notebook

RIGHT, OTHER, UNREADABLE, BLANK = "right", "other", "unreadable", "blank"
MOODLE = re.compile(r"_(\d+)_assignsubmission_")  # in the names of its folders
SAME_TIME = 2.0  # seconds; a ZIP file knows times no better
ROUNDED = "rounded"  # the right number with fewer than four digits
UNDECIDED = "undecided"  # different answers, of which somebody has to choose


@dataclass(frozen=True)
class Note:
    """Something the instructor should know. student, file: "" where it is about none."""

    student: str
    file: str
    text: str


@dataclass(frozen=True)
class Result:
    """One answer of one student.

    read: how the answer was understood. outcome: "right", the id of a catalogued mistake, "other"
        for one not recognised, "rounded", "unreadable", "blank" or "undecided". message: what the
        student is told, without the right value. points: None when somebody has to decide.
    """

    exercise: str
    answer: str
    read: str
    outcome: str
    message: str
    points: float | None
    place: int  # among the exercises handed out, from 1


@dataclass(frozen=True)
class Graded:
    """What counts of one student.

    file: the notebook, "" when there is none. about: what the student should know about it;
    notes: what the instructor should know besides.
    """

    file: str
    results: tuple[Result, ...]
    about: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float | None:
        """The sum of the points; None when somebody has to decide about one of them."""
        points = [result.points for result in self.results]
        return None if None in points else sum(p for p in points if p is not None)


@dataclass(frozen=True)
class Marking:
    """How outcomes become points.

    weights: exercise → points of a right answer, 1 where none is named. credit: a mistake, or
    exercise/mistake, → the share of the points that it earns. dropped: exercises that do not count.
    take: "last" or "best" of different answers of one student; "" leaves them to somebody.
    overrides: (student, exercise) → the last word.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    credit: Mapping[str, float] = field(default_factory=dict)
    dropped: Collection[str] = ()
    take: str = ""
    overrides: Mapping[tuple[str, str], Override] = field(default_factory=dict)

    def points(self, exercise: str, outcome: str) -> float | None:
        """What an outcome is worth."""
        if outcome == UNDECIDED:
            return None
        share = self.credit.get(f"{exercise}/{outcome}", self.credit.get(outcome, 0.0))
        return self.weights.get(exercise, 1.0) * (1.0 if outcome == RIGHT else share)

    def maximum(self, exercises: Sequence[str]) -> float:
        """The points of all exercises."""
        return sum(self.weights.get(exercise, 1.0) for exercise in exercises)


@dataclass(frozen=True)
class Returned:
    """A notebook that was handed in, with a label whose seal is right."""

    file: str
    time: float
    notebook: Notebook


@dataclass(frozen=True)
class Collected:
    """What lies in the folder of submissions: the notebooks of each student, in order of path.

    exercises: those that count, with their places in what was handed out.
    """

    exercises: dict[str, int]
    returned: dict[str, list[Returned]]
    notes: list[Note]


# Finding the notebooks


def collect(
    folder: Path,
    assignment: str,
    secret: bytes,
    students: Mapping[str, str],
    dropped: Collection[str] = (),
) -> Collected:
    """Find the notebooks of an assignment anywhere below a folder, whatever they are called.

    students: the ids on the roster, each with the number of a Moodle participant or "".

    Links are not followed. Hidden files are passed over. Where notebooks hold different lists of
    exercises, the list that most of them have counts.
    Raises InstructorError when there is no folder, none of the files is a notebook of this
    assignment, or an exercise that is not dropped is no longer what was handed out.
    """
    if not folder.is_dir():
        raise InstructorError(f"{folder} is not a folder")
    found: list[tuple[tuple[str, ...], str, Returned]] = []
    notes: list[Note] = []
    for name in _file_names(folder, notes):
        try:
            notebook = read_notebook(folder / name)
            student, exercises = _identify(notebook, assignment, secret)
            if student not in students:
                raise UnusableFile(f"belongs to {student!r}, who is not on the roster")
            folder_of = MOODLE.search(name)
            if folder_of and students[student] and folder_of[1] != students[student]:
                raise UnusableFile(
                    f"belongs to {student!r} and was handed in by participant {folder_of[1]}"
                )
            if not any(notebook.answers.get(exercise) for exercise in exercises):
                raise UnusableFile(
                    "has none of its answer cells: they were deleted, or lost both their metadata "
                    "and their first lines; the file as it was saved in JupyterLab is needed"
                )
        except UnusableFile as error:
            notes.append(Note("", printable(name), str(error)))
            continue
        returned = Returned(name, (folder / name).stat().st_mtime, notebook)
        found.append((exercises, student, returned))
    if not found:
        raise InstructorError(_nothing(folder, assignment, notes, students))
    ((exercises, _),) = Counter(exercises for exercises, _, _ in found).most_common(1)
    returned_by: dict[str, list[Returned]] = defaultdict(list)
    for theirs, student, returned in found:
        if theirs == exercises:
            returned_by[student].append(returned)
        else:
            text = f"holds other exercises, {', '.join(theirs)}; grade it from a folder of its own"
            notes.append(Note(student, printable(returned.file), text))
    check_named("dropped", dropped, exercises)
    places = {e: place for place, e in enumerate(exercises, start=1) if e not in dropped}
    if not places:
        raise InstructorError("all exercises were dropped")
    gone = [exercise for exercise in places if exercise not in bank()]
    if gone:
        raise InstructorError(f"the bank no longer has {', '.join(gone)}; use the course as it was")
    _check_numbers(assignment, secret, tuple(places), returned_by)
    return Collected(places, dict(returned_by), notes)


def check_named(what: str, named: Collection[str], exercises: Sequence[str]) -> None:
    """Raises InstructorError for an exercise that was not handed out."""
    others = [exercise for exercise in named if exercise not in exercises]
    if others:
        raise InstructorError(
            f"{what}: {', '.join(others)} was not handed out, but {', '.join(exercises)}"
        )


def _file_names(folder: Path, notes: list[Note]) -> Iterator[str]:
    """Every file and link below the folder, relative to it, in an order that does not vary."""

    def unreadable(error: OSError) -> None:
        name = os.path.relpath(error.filename, folder)
        notes.append(
            Note("", printable(name), f"is a folder that cannot be read: {error.strerror}")
        )

    for where, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(filter(_counts, folders))
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in sorted([*filter(_counts, files), *links]):
            yield str(Path(where, name).relative_to(folder))


def _counts(name: str) -> bool:
    return not name.startswith(".")  # such as .ipynb_checkpoints, and all that macOS adds


def _nothing(folder: Path, assignment: str, notes: list[Note], students: Collection[str]) -> str:
    found = "\n".join(f"  {note.file} {note.text}" for note in notes[:5])
    return (
        f"{folder} holds no notebook that was handed out for {assignment!r} "
        f"with this secret to a student on this roster\n{found}\n"
        f"The ids on the roster are such as {next(iter(students), '')!r}; they come from the best "
        "column in which no cell is empty"
    )


def _identify(notebook: Notebook, assignment: str, secret: bytes) -> tuple[str, tuple[str, ...]]:
    """The student and the exercises of a notebook whose seal is right."""
    label = notebook.label
    name, student, found = (label.get(part) for part in ("assignment", "student", "seal"))
    if not all(isinstance(part, str) for part in (name, student, found)):
        raise UnusableFile("carries no label of an assignment: it was not handed out, or remade")
    if name != assignment:
        raise UnusableFile(f"belongs to the assignment {printable(str(name))!r}")
    if label.get("format") != FORMAT:
        raise UnusableFile(
            f"has a label of format {label.get('format')!r:.20}, not {FORMAT}: grade it with the "
            "version of the course that handed it out"
        )
    if not hmac.compare_digest(str(found).encode(errors="replace"), seal(secret, label).encode()):
        raise UnusableFile(
            f"says it belongs to {printable(str(student))!r}, but its label was changed, "
            "or sealed with another secret"
        )
    return str(student), tuple(exercise["id"] for exercise in label["exercises"])


def _check_numbers(
    assignment: str,
    secret: bytes,
    exercises: tuple[str, ...],
    returned_by: Mapping[str, Sequence[Returned]],
) -> None:
    """Raises InstructorError when an exercise has other numbers, choices or truths than before."""
    changed: Counter[str] = Counter()
    for student, notebooks in returned_by.items():
        variants = student_variants(secret, assignment, student, exercises)
        label = notebooks[0].notebook.label
        handed_out = {exercise["id"]: exercise for exercise in label["exercises"]}
        for drawn in variants:
            then = handed_out[drawn.exercise_id]
            changed[drawn.exercise_id] += (
                numbers_digest(secret, drawn) != then["numbers"]
                or drawn.unit != then["unit"]
                # A choice may be reworded, but not stand for another one.
                or any(
                    now != old and old in drawn.choices
                    for now, old in zip(drawn.choices, then["choices"], strict=True)
                )
            )
    n_all = len(returned_by)
    other = [f"{exercise}: for {n} of {n_all} students" for exercise, n in changed.items() if n]
    if other:
        raise InstructorError(
            "these exercises have other numbers, choices or right answers than those handed out:\n"
            f"{listed(other)}\nGrade with the version of the course that handed them out"
        )


def printable(text: str, length: int = 200) -> str:
    """Text from outside, fit for UTF-8 and for one line."""
    text = text[:length].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in text)


# Grading one student


def grade_student(
    returned: Sequence[Returned], variants: Sequence[Variant], marking: Marking, student: str = ""
) -> Graded:
    """Grade the notebooks of one student; of different answers, as `marking` says.

    Which came last is known by the times of the files alone. Equal notebooks, and untouched ones
    beside others, do no harm.
    """
    all_graded = [_grade_notebook(one, variants, marking) for one in returned]
    filled = [g for g in all_graded if any(_answers(g))] or all_graded[:1]
    chosen, notes = filled[0], []
    if len(set(map(_answers, filled))) > 1:
        listing = ", ".join(f"{printable(g.file)} ({_right(g)} right)" for g in filled)
        if marking.take == "best":
            chosen = max(filled, key=lambda graded: sum(r.points or 0 for r in graded.results))
            what = f"the best counts, {printable(chosen.file)}"
        elif marking.take == "last":
            times = {one.file: one.time for one in returned}
            chosen = max(filled, key=lambda graded: times[graded.file])
            what = f"the last counts, {printable(chosen.file)}"
            latest = [g for g in filled if times[chosen.file] - times[g.file] < SAME_TIME]
            if len(set(map(_answers, latest))) > 1:
                chosen = _undecided(latest)
                what = "the last ones have the same time: where they differ there is no grade"
        else:
            chosen = _undecided(filled)
            what = (
                "where they differ there is no grade: --take last or best decides, or --overrides"
            )
        notes.append(f"{len(filled)} different notebooks of this student: {listing}; {what}")
    graded = replace(chosen, notes=(*notes, *chosen.notes))
    return _overridden(graded, marking, student)


def _answers(graded: Graded) -> tuple[str, ...]:
    return tuple(result.answer for result in graded.results)


def _right(graded: Graded) -> int:
    return sum(result.outcome == RIGHT for result in graded.results)


def _undecided(all_graded: Sequence[Graded]) -> Graded:
    """What the notebooks that answer agree on, and nothing about the rest."""
    results = []
    for same in zip(*(graded.results for graded in all_graded), strict=True):
        by_answer = {result.answer: result for result in same if result.answer} or {"": same[0]}
        one, *others = by_answer.values()
        results.append(_conflict(one, list(by_answer)) if others else one)
    return replace(all_graded[0], results=tuple(results))


def _conflict(one: Result, answers: Sequence[str]) -> Result:
    message = "There are different answers, of which none was graded."
    answer = " / ".join(answers)
    return replace(one, answer=answer, read="", outcome=UNDECIDED, message=message, points=None)


def _overridden(graded: Graded, marking: Marking, student: str) -> Graded:
    results = []
    for result in graded.results:
        override = marking.overrides.get((student, result.exercise))
        if override:
            message = override.comment or f"Your instructor gave {override.points:g} points."
            result = replace(result, points=override.points, message=message)
        results.append(result)
    return replace(graded, results=tuple(results))


def _grade_notebook(one: Returned, variants: Sequence[Variant], marking: Marking) -> Graded:
    results, about = [], []
    described = {exercise["id"]: exercise for exercise in one.notebook.label["exercises"]}
    places = {exercise: place for place, exercise in enumerate(described, start=1)}
    for drawn in variants:
        exercise = drawn.exercise_id
        choices = described[exercise]["choices"]
        typed = one.notebook.answers.get(exercise, [])
        # A copied cell has another id, and does not displace the one that was handed out.
        originals = [cell for cell in typed if cell.original and cell.answer] or typed
        answers = list(dict.fromkeys(cell.answer for cell in originals if cell.answer))
        result = _result(drawn, answers[0] if answers else "", choices, marking, places[exercise])
        results.append(_conflict(result, answers) if len(answers) > 1 else result)
        if not typed:
            about.append(f"{exercise}: its answer cell was deleted")
        others = {cell.answer for cell in typed if cell.answer} - set(answers[:1])
        if others:
            about.append(f"{exercise}: it has answer cells with different answers")
        unread = " ".join(cell.unread for cell in typed if cell.unread)
        if unread:
            about.append(
                f"{exercise}: beside the answer stands what was not read: {printable(unread)}"
            )
        statements = set(one.notebook.statements.get(exercise, []))
        # Some programs lose which cells are statements, of all of them together.
        if one.notebook.statements and statements != {described[exercise]["statement"]}:
            about.append(f"{exercise}: its statement was edited or deleted, which changes nothing")
    if one.notebook.added and any(result.outcome == BLANK for result in results):
        about.append("an answer cell is blank, and there is text in added cells; is it the answer?")
    return Graded(one.file, tuple(results), tuple(about))


def _result(
    drawn: Variant, answer: str, choices: Sequence[str], marking: Marking, place: int
) -> Result:
    """choices: as they were handed out, in which an answer may be copied."""
    exercise = drawn.exercise_id
    if not answer:
        points = marking.points(exercise, BLANK)
        return Result(exercise, "", "", BLANK, "There is no answer.", points, place)
    try:
        read = read_as(answer, drawn.kind, drawn.names, choices, drawn.unit)
    except AnswerError:
        read = ""
    feedback = check(drawn, read if drawn.kind == "choice" and read else answer)
    outcome = feedback.mistake or (OTHER if feedback.readable else UNREADABLE)
    if feedback.correct:
        outcome = RIGHT
    elif feedback.message == FOUR_DIGITS:
        outcome = ROUNDED
    points = marking.points(exercise, outcome)
    message = printable(feedback.message, 1000)
    return Result(exercise, printable(answer), printable(read), outcome, message, points, place)


def graded_by_hand(exercises: Mapping[str, int], marking: Marking, student: str) -> Graded | None:
    """A student without a notebook, to whom somebody has given points; None without any."""
    if not any((student, exercise) in marking.overrides for exercise in exercises):
        return None
    blank = (
        Result(exercise, "", "", BLANK, "There is no answer.", 0.0, place)
        for exercise, place in exercises.items()
    )
    return _overridden(Graded("", tuple(blank)), marking, student)
