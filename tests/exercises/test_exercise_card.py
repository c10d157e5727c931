"""The card of one exercise: what it shows, what it keeps, and how errors surface."""

import json
import re

import pytest

from course_lib.exercises import bank, card, variant
from course_lib.exercises.card import ExerciseCard, as_html, read_answers, write_answers

NUMBER = "kl-to-standard-normal"
FORMULA = "formula-kl-to-standard-normal"
CHOICE = "what-kl-measures"
RIGHT = {
    NUMBER: str(bank()[NUMBER].truth(**variant(NUMBER, 0).parameters)),
    FORMULA: "(mu**2 + sigma**2 - log(sigma**2) - 1)/2",
    CHOICE: bank()[CHOICE].truth,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.json"


def text(widget):
    """What a widget says, without the tags."""
    return re.sub("<[^>]*>", "", widget.value)


@pytest.mark.parametrize("exercise_id", RIGHT)
def test_a_right_answer(exercise_id, path):
    shown = ExerciseCard(exercise_id, path=path)
    shown.answer.value = RIGHT[exercise_id]
    shown.check_button.click()
    assert text(shown.feedback) == "Right."
    assert shown.attempts == [{"answer": RIGHT[exercise_id]}]


def test_a_wrong_answer_shows_its_diagnosis(path):
    shown = ExerciseCard(NUMBER, path=path)
    shown.answer.value = str(2 * float(RIGHT[NUMBER]))
    assert text(shown.feedback).startswith("Not yet. A factor of one half is missing.")


def test_enter_checks_and_the_button_does_not_count_again(path):
    shown = ExerciseCard(NUMBER, path=path)
    assert not shown.answer.continuous_update  # the value arrives with Enter
    for answer in ("1", "2", "1"):
        shown.answer.value = answer
        shown.check_button.click()
    assert [attempt["answer"] for attempt in shown.attempts] == ["1", "2", "1"]


@pytest.mark.parametrize("exercise_id", RIGHT)
def test_no_answer_is_no_attempt(exercise_id, path):
    shown = ExerciseCard(exercise_id, path=path)
    shown.check_button.click()
    assert text(shown.feedback) == "There is no answer yet."
    assert not path.exists()


def test_no_choice_is_made_beforehand(path):
    shown = ExerciseCard(CHOICE, 5, path)
    assert shown.answer.value is None
    assert shown.answer.options == variant(CHOICE, 5).choices


def test_another_choice_takes_back_what_was_said(path):
    shown = ExerciseCard(CHOICE, 5, path)
    shown.answer.value = shown.variant.choices[0]
    shown.check_button.click()
    assert text(shown.feedback)
    shown.answer.value = shown.variant.choices[1]
    assert text(shown.feedback) == ""


def test_hints_come_one_at_a_time(path):
    shown = ExerciseCard(NUMBER, path=path)
    hints = shown.variant.hints
    assert text(shown.hints) == ""
    for number in range(len(hints)):
        assert shown.hint_button.description == f"Hint {number + 1} of {len(hints)}"
        assert not shown.hint_button.disabled
        shown.hint_button.click()
        assert text(shown.hints).count("Hint: ") == number + 1
    assert shown.hint_button.disabled


@pytest.mark.parametrize("exercise_id", RIGHT)
def test_work_survives_a_restart(exercise_id, path):
    before = ExerciseCard(exercise_id, path=path)
    before.answer.value = RIGHT[exercise_id]
    before.check_button.click()
    before.hint_button.click()
    after = ExerciseCard(exercise_id, path=path)
    for name in ("answer", "feedback", "hints"):
        assert getattr(after, name).value == getattr(before, name).value
    assert after.attempts == before.attempts
    assert after.hint_button.description == before.hint_button.description


def test_cards_share_a_file_and_keep_to_themselves(path):
    first, second = ExerciseCard(NUMBER, 1, path), ExerciseCard(NUMBER, 2, path)
    first.answer.value = "1"
    second.answer.value = "2"
    kept, _ = read_answers(path)
    assert {key: state["attempts"] for key, state in kept.items()} == {
        f"{NUMBER}/1": [{"answer": "1"}],
        f"{NUMBER}/2": [{"answer": "2"}],
    }
    assert ExerciseCard(CHOICE, 1, path).answer.value is None


def test_the_file_stands_beside_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ExerciseCard(NUMBER).answer.value = "1"
    assert [file.name for file in tmp_path.iterdir()] == [".course_answers.json"]


DAMAGED = [
    b"", b"{", b"\xff", b"[]", b"[" * 100_000, b'{"x": 1}', b'{"x": {"attempts": 1, "hints": 0}}',
    b'{"x": {"attempts": [], "hints": -1}}', b'{"x": {"attempts": [{"answer": 1}], "hints": 0}}',
    b'{"x": {"attempts": [1], "hints": 0}}', b'{"x": {"hints": 0}}', b'{"x": {"attempts": []}}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: ascii(content[:40]))
def test_a_damaged_file_is_put_aside(content, path):
    aside = path.with_name("answers.json.damaged-2")
    path.with_name("answers.json.damaged-1").write_bytes(b"older")
    path.write_bytes(content)
    shown = ExerciseCard(NUMBER, path=path)
    assert aside.read_bytes() == content
    assert text(shown.error) == (
        "The kept answers could not be read; the file is now called answers.json.damaged-2."
    )
    shown.answer.value = "1"
    assert ExerciseCard(NUMBER, path=path).answer.value == "1"


def test_a_file_damaged_while_the_card_is_open_is_put_aside_too(path):
    shown = ExerciseCard(NUMBER, path=path)
    path.write_text("damaged", "utf-8")
    shown.answer.value = "1"
    assert "damaged-1" in text(shown.error)
    assert text(shown.feedback)
    assert ExerciseCard(NUMBER, path=path).answer.value == "1"


def test_an_interruption_leaves_the_old_file(path, monkeypatch):
    write_answers(path, {"old": {"attempts": [], "hints": 1}})
    monkeypatch.setattr(card.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_answers(path, {"new": {"attempts": [], "hints": 1}})
    assert json.loads(path.read_text("utf-8")) == {"old": {"attempts": [], "hints": 1}}
    assert list(path.parent.iterdir()) == [path]


def test_what_is_kept_may_hold_any_text(path):
    answer = 'ﷺ "\\ \ud800\n'
    write_answers(path, {"x": {"attempts": [{"answer": answer}], "hints": 0}})
    assert read_answers(path) == ({"x": {"attempts": [{"answer": answer}], "hints": 0}}, "")


def test_a_choice_that_no_longer_exists_is_not_restored(path):
    write_answers(path, {f"{CHOICE}/0": {"attempts": [{"answer": "old words"}], "hints": 99}})
    shown = ExerciseCard(CHOICE, path=path)
    assert shown.answer.value is None
    assert shown.hint_button.disabled


def test_an_error_is_shown_and_raised(tmp_path, caplog):
    shown = ExerciseCard(NUMBER, path=tmp_path / "<no folder>" / "answers.json")
    with pytest.raises(FileNotFoundError):
        shown.answer.value = "1"
    assert "FileNotFoundError" in text(shown.error)
    assert "&lt;no folder&gt;" in shown.error.value
    assert text(shown.feedback)  # said before the file failed
    shown.error.value = ""
    shown.hint_button.click()  # ipywidgets catches what a click raises, and reports it
    assert "FileNotFoundError" in text(shown.error)
    assert "FileNotFoundError" in caplog.text
    shown.path = tmp_path / "answers.json"
    shown.answer.value = "2"
    assert shown.error.value == ""
    shown.error.value = "an old error"
    shown.check_button.click()  # the same answer again, which is not kept again
    assert shown.error.value == ""


def test_what_a_student_typed_is_not_html(path):
    shown = ExerciseCard(NUMBER, path=path)
    shown.answer.value = "<b>"
    assert "The character &#x27;&lt;&#x27; has no meaning here." in shown.feedback.value


def test_every_control_has_a_label(path):
    for exercise_id in RIGHT:
        shown = ExerciseCard(exercise_id, path=path)
        controls = (shown.answer, shown.check_button, shown.hint_button)
        assert all(control.description for control in controls)


@pytest.mark.parametrize("exercise_id", bank())
def test_without_a_kernel_the_card_is_its_statement(exercise_id, path):
    shown = ExerciseCard(exercise_id, 3, path)
    bundle = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == bundle["text/markdown"]
    assert bundle["text/markdown"].startswith(shown.variant.statement)
    for letter, choice in zip("ABCDE", shown.variant.choices, strict=False):
        assert f"\n\n{letter}. {choice}" in bundle["text/markdown"]


def test_an_unknown_exercise():
    with pytest.raises(ValueError, match="exercise_id must be one of"):
        ExerciseCard("kl")


def test_markdown_as_html():
    assert as_html("a < b, `x` and $y \\| z$\n\nend") == (
        "a &lt; b, <code>x</code> and $y \\| z$<br><br>end"
    )
