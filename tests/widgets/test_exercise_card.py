"""The card of one exercise: what the page says, what is kept, and how errors surface."""

import json
import os
import random
import re
from dataclasses import asdict

import pytest

from course_lib.exercises import bank, check, variant
from course_lib.exercises.answers import FUNCTIONS
from course_lib.exercises.kept import read_answers, write_answers
from course_lib.exercises.page import as_html
from course_lib.widgets import ExerciseCard
from course_lib.widgets.exercise_card import as_sent, cards_beside

NUMBER = "kl-to-standard-normal"
FORMULA = "formula-kl-to-standard-normal"
CHOICE = "what-kl-measures"
RIGHT = {
    NUMBER: str(bank()[NUMBER].truth(**variant(NUMBER, 0).parameters)),
    FORMULA: f"{variant(FORMULA, 0).parameters['weight']}*(mu**2 + sigma**2 - log(sigma**2) - 1)/2",
    CHOICE: bank()[CHOICE].truth,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.json"


# --- The page reads and checks as exercises/answers.py and exercises/check.py do ---------------

WRITTEN = [
    "2.5", " 2.5 ", "-2.5", "−2.5", "–2.5", "+2.5", "2.", ".5", "1e3", "1E-3", "3/4", "3÷4",
    "3·4", "3×4", "3\u00a0*4", "\ufeff3", "2**3", "2^3", "2**3**2", "-2**2", "2**-1",
    "(-8)**(1/3)", "0**-1", "0**0", "log(2)", "ln(2)", "log2(8)", "sqrt(2)", "exp(1)", "e", "pi",
    "log(0)", "log(-1)", "ln(0)", "sqrt(-1)", "1/0", "0/0", "1e101", "-1e101", "1e60*1e60",
    "exp(1000)", "-exp(1000)", "9**999", "(-1e60)**11", "1e400", "", " ", "\t\n", "2,5", "5%",
    "x=2", "2²", "√2", "σ", "π", "μ", "2 nats", "2 bits", "nats", "2 3", "2)", "(2", "((2)",
    "2*(3+4", "()", "*2", "2*", "log", "log 2", "log()", "mu", "sin(2)", "toString",
    "constructor", "__proto__", "a" * 40, "2 " + "b" * 40, "'", '"', "\\", "<b>", "ﷺ", "🙂",
    "2\x1c+3", "2\x85+3", "1_000", "0x10", "1e", "1e+", "..", "2..3", "1.2.3", "--2",
    "-" * 19 + "2", "-" * 20 + "2", "-" * 21 + "2", "(" * 19 + "2" + ")" * 19,
    "(" * 20 + "2" + ")" * 20, "1+" * 99 + "1", "1+" * 100 + "1", "🙂" * 101, "true", "NaN",
    "Infinity", "2//3", "2***3", "[2]", "2;3", "import os", "1-1-1", "8/4/2", "1 - -1", "2*-3",
    "e**2",
    # Other spellings of what is clear, and what is not.
    "0,874", "-0,874", "1,234", "1,234.5", "1,2,3", "1.2,3", "log(8,2)", "2*(0,5)", "(0,5)", ",5",
    "0.874 nats", "0.874nats", "0.874 nat", "0.874 bits", "0.874 bit", "nats nats", "2 nats 3",
    "np.float64(2.5)", "tensor(2.5)", " torch.tensor( -2.5 ) ", "'np.float64(2.5)'", "np.float64()",
    "tensor(2.5, dtype=torch.float64)", "tensor(log(2))", "nptensor(2)", "npxfloat64(2)", "tensor",
    "2.5 Nats", "2.5 Bits", "\u200e2.5", "2.5\u200f",
    "np.log(2)", "numpy.log2(8)", "math.log(3)", "torch.exp(1)", "np.pi", "math.e",
    "np.sin(2)", "np", "np.", "anp.log(2)", "os.log(2)", 'f"{kl:.4f}"', "{kl}", "}", '("5.9")',
    "'5.9'", '"""5.9"""',
    "“5.9”", "„5.9“", "«5.9»", "`5.9`", '"5" + "9"', '5"9', '"5.9', "5.9;", "5.9 ; ", ";", "5.9;;",
    "½", "-¾", "2½", "2 ½", "½ + ⅓", "½(3)", "½ ln 2", "√(2)", "2√2", "√2/2", "log₂(8)", "2₂",
    "mu²", "μ²", "2³", "2²³", "10⁻³", "2⁻", "²",
    "σ", "µ", "σ²", "μσ", "2π", "2πσ", "ρ", "ε", "λ", "log σ", "log σ²", "log(σ²)", "Σ", "1/2 ln 2",
    "-1/2 ln 2", "1/2 ln(2)", "1/2(3)", "1/2 mu", "1/2 pi", "1/mu ln 2", "1/(2) ln 2", "2/-3(4)",
    "ln 2/3", "ln 2 + 1", "ln 2 3", "ln 2**2", "ln -2", "ln ln 2", "(ln 2)(3)", "sqrt 2 pi", "2pi",
    "2 pi", "2e", "2 e", "2e pi", "2(3)", "(2)3", "(2)(3)", "(2) mu", "mu(2)", "pi(2)", "mu sigma",
    "mu 2", "2**3(4)", "-2(3)", "2(-3)", "mu^2(1-mu)^2", "2exp(1)", "2 log", "3mu/2sigma",
    "3/2*4 mu", "\u200b5.9", "5\u200b.9", "\u200b", "1\ufeff2", "\u00ad5.9\u2060", "1\u20442",
    "2\u22173", "2⋅3", "5.9\u202f",
]  # fmt: skip
PIECES = [
    *"0123456789..eE+-*/^()()  ", "**", "pi", "mu", "sigma", "1/3", "0.5", *FUNCTIONS, *"½²πσμ,;",
    "np.", "nats", "\u200b",
]  # fmt: skip


def odd(seed):
    """A text of pieces of formulas in any order."""
    chance = random.Random(seed)
    return "".join(chance.choices(PIECES, k=chance.randint(1, 12)))


def shaped(seed, depth=3):
    """A formula of mu and sigma that can be read, whether it has a value or not."""
    chance = random.Random(seed)

    def part(depth):
        if depth == 0 or chance.random() < 0.2:
            return chance.choice(["mu", "sigma", "2", "0.5", "pi", "e", "0", "3"])
        kind = chance.choice(["binary", "binary", "function", "sign", "parentheses"])
        if kind == "binary":
            operator = chance.choice(["+", "-", "*", "/", "**"])
            return f"{part(depth - 1)} {operator} {part(depth - 1)}"
        if kind == "function":
            return f"{chance.choice([*FUNCTIONS])}({part(depth - 1)})"
        return f"-{part(depth - 1)}" if kind == "sign" else f"({part(depth - 1)})"

    return part(depth)


def said_in_python(handed_out, answer):
    said = asdict(check(handed_out, answer))
    return {name: said[name] for name in ("correct", "mistake", "message", "readable")}


@pytest.fixture(scope="module")
def said_in_the_page(javascript):
    """said_in_the_page(variants, [(which variant, answer), …]): what the page says about each."""

    def say(variants, answers):
        expression = "answers.map(([i, answer]) => checked(variants[i], answer))"
        sent = [as_sent(handed_out) for handed_out in variants]
        return javascript("answers.js", expression, variants=sent, answers=answers)

    return say


@pytest.mark.parametrize("exercise_id", [NUMBER, FORMULA])
def test_odd_answers_are_read_alike(said_in_the_page, exercise_id):
    handed_out = variant(exercise_id, 0)
    answers = [*WRITTEN, *map(odd, range(2000)), *map(shaped, range(1000))]
    page = said_in_the_page([handed_out], [(0, answer) for answer in answers])
    for answer, said in zip(answers, page, strict=True):
        assert said == said_in_python(handed_out, answer), answer
    messages = {re.sub("'.*?'|known are .*", "…", said["message"]) for said in page}
    assert len(messages) >= 20  # they come to different ends


def test_right_answers_and_mistakes_are_told_alike(said_in_the_page):
    variants = [variant(id, seed) for id in bank() for seed in (0, 1)]
    answers = []
    for i, handed_out in enumerate(variants):
        exercise = bank()[handed_out.exercise_id]
        for answer in (exercise.truth, *(mistake.wrong for mistake in exercise.mistakes)):
            if handed_out.kind == "number":
                value = answer(**handed_out.parameters)
                # On both sides of the tolerance as well.
                edges = (0.999 * 1e-3, 1.003 * 1e-3)
                near = (value + factor * max(1e-3, abs(value)) for factor in (0, *edges))
                answers += [(i, repr(number)) for number in near]
                answers += [(i, f"{value:.{digits}g}") for digits in (1, 2, 3, 4)]
            elif handed_out.kind == "choice":
                answers.append((i, answer))
    assert len(answers) > 1000
    page = said_in_the_page(variants, answers)
    for (i, answer), said in zip(answers, page, strict=True):
        assert said == said_in_python(variants[i], answer), (variants[i].exercise_id, answer)
    assert {said["correct"] for said in page} == {True, False}
    assert sum(said["message"].startswith("Right so far") for said in page) > 100


# --- What the page shows ------------------------------------------------------------------------


def status(page):
    return page.get_by_role("status")


@pytest.mark.parametrize("exercise_id", [NUMBER, FORMULA])
def test_a_typed_answer(shown, path, exercise_id):
    page = shown(ExerciseCard(exercise_id, path=path))
    field, check_button = page.get_by_label("answer"), page.get_by_role("button", name="Check")
    assert status(page).inner_text() == ""
    check_button.click()
    status(page).filter(has_text="There is no answer yet.").wait_for()
    field.fill("1")
    field.press("Enter")
    status(page).filter(has_text="This is none of the usual mistakes").wait_for()
    field.fill(RIGHT[exercise_id])
    status(page).filter(has_not_text="none").wait_for()  # it was said of another answer
    check_button.click()
    status(page).filter(has_text="Right.").wait_for()
    field.fill("<b>")
    page.get_by_role("button", name="Hint").focus()  # the field is left
    status(page).filter(has_text="The character '<' has no meaning here.").wait_for()


def test_a_mistake_is_told(shown, path):
    page = shown(ExerciseCard(NUMBER, path=path))
    page.get_by_label("answer").fill(str(2 * float(RIGHT[NUMBER])))
    page.get_by_role("button", name="Check").click()
    status(page).filter(has_text="Not yet. A factor of one half is missing.").wait_for()


def test_a_choice_by_keys(shown, path):
    page = shown(ExerciseCard(CHOICE, 5, path))
    choices = page.get_by_role("radio")
    assert choices.count() == len(variant(CHOICE, 5).choices)
    assert page.get_by_role("radio", checked=True).count() == 0
    assert page.get_by_role("button", name="Other numbers").count() == 0
    choices.first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Check").click()
    status(page).filter(has_text=re.compile("Right|Not yet")).wait_for()
    choices.first.press("ArrowDown")
    status(page).filter(has_text=re.compile("^$")).wait_for()
    page.get_by_label(RIGHT[CHOICE]).check()
    page.get_by_role("button", name="Check").click()
    status(page).filter(has_text="Right.").wait_for()


def test_hints_come_one_at_a_time(shown, path):
    page = shown(ExerciseCard(NUMBER, path=path))
    hints, more = variant(NUMBER, 0).hints, page.get_by_role("button", name="Hint")
    for number in range(len(hints)):
        assert page.get_by_text("Hint: ").count() == number
        assert more.inner_text() == f"Hint {number + 1} of {len(hints)}"
        more.click()
        page.get_by_text("Hint: ").nth(number).wait_for()
    assert more.is_disabled()


def test_other_numbers(shown, path):
    page = shown(ExerciseCard(NUMBER, path=path))
    field, statement = page.get_by_label("answer"), page.locator(".statement")
    field.fill("1")
    page.get_by_role("button", name="Hint").click()
    texts = [statement.inner_text()]
    for seed in range(1, 5):
        page.get_by_role("button", name="Other numbers").click()
        page.wait_for_function("text => document.querySelector('.statement').innerText !== text",
                               arg=texts[-1])  # fmt: skip
        texts.append(statement.inner_text())
        assert field.input_value() == ""
        assert status(page).inner_text() == ""
        assert page.get_by_text("Hint: ").count() == 0
        right = bank()[NUMBER].truth(**variant(NUMBER, seed).parameters)
        field.fill(f"{right:.4f}")
        field.press("Enter")
        status(page).filter(has_text="Right.").wait_for()
    assert len(set(texts)) == 5
    page.get_by_role("button", name="Other numbers").click()
    page.wait_for_function("document.querySelector('.answer input').value === '1'")
    assert statement.inner_text() == texts[0]
    assert "none of the usual" in status(page).inner_text()
    assert page.get_by_text("Hint: ").count() == 1


def test_what_was_answered_before_is_shown(shown, path):
    state = {"attempts": [{"answer": "2"}, {"answer": RIGHT[NUMBER]}], "hints": 2}
    write_answers(path, {f"{NUMBER}/0": state})
    page = shown(ExerciseCard(NUMBER, path=path))
    assert page.get_by_label("answer").input_value() == RIGHT[NUMBER]
    assert status(page).inner_text() == "Right."
    assert page.get_by_text("Hint: ").count() == 0  # what remains is the reason, the hints together
    assert page.get_by_text("Why: ").count() == 1
    page.get_by_label("answer").fill("2")
    page.get_by_text("Hint: ").nth(1).wait_for()
    assert page.get_by_text("Why: ").count() == 0


def test_a_choice_that_no_longer_exists_is_not_restored(shown, path):
    write_answers(path, {f"{CHOICE}/0": {"attempts": [{"answer": "old words"}], "hints": 99}})
    page = shown(ExerciseCard(CHOICE, path=path))
    assert page.get_by_role("radio", checked=True).count() == 0
    assert page.get_by_role("button", name="Hint").is_disabled()


@pytest.mark.parametrize("exercise_id", bank())
def test_formulas_of_the_bank_become_mathml(exercise_id):
    (sent, *_) = ExerciseCard(exercise_id, 3).variants
    texts = [sent["statement"], *sent["hints"], *(choice["html"] for choice in sent["choices"])]
    for text in texts:
        assert not re.search(r"[$\\`]|mathvariant=\"(?!normal)", text)
        assert text.count("<math") == text.count("</math>")


def test_markdown_as_html():
    assert as_html("a < b, `x` and $y$\n\nend") == (
        'a &lt; b, <code>x</code> and <math display="inline"><mrow><mi>y</mi></mrow></math>'
        "<br><br>end"
    )
    assert as_html("$m = -1$").count('<mo form="prefix">') == 1
    assert "\N{MATHEMATICAL SCRIPT CAPITAL N}" in as_html(r"$\mathcal N(0, 1)$")


def test_a_formula_is_linked_where_it_stands(javascript):
    place = '"06_evidence_lower_bound.ipynb#cell-id=ELBO-8"'

    def address(where):
        return javascript("exercise_card.js", f'address("ELBO.8", {place}, {where})')

    on_the_site = address('{ pathname: "/exercises/meaning.html", root: "../" }')
    assert on_the_site == {"href": "../chapters/06_evidence_lower_bound.html#ELBO.8"}
    in_notebook7 = address('{ pathname: "/notebooks/chapters/05_kl_divergence.ipynb" }')
    assert in_notebook7 == {"href": place.strip('"'), "target": "_blank"}
    in_lab = address('{ pathname: "/lab/tree/my%20chapters/05_kl_divergence.ipynb" }')
    assert in_lab["command"] == "rendermime:handle-local-link"
    assert json.loads(in_lab["args"]) == {
        "path": "my chapters/06_evidence_lower_bound.ipynb", "id": "#cell-id=ELBO-8",
    }  # fmt: skip
    assert address('{ pathname: "/index.html" }') is None  # Colab, VS Code


def test_the_chapters_cards_are_counted(shown, path):
    first, second = cards_beside(ELBO)[:2]
    assert second != first
    write_answers(path, {f"{first}/0": {"attempts": [{"answer": truth(first)}], "hints": 0}})
    card = ExerciseCard(second, path=path)
    total = len(card.chapter)
    assert [id for id, right in card.chapter.items() if right] == [first]
    page = shown(card)
    page.get_by_text(f"1 of {total} cards of its chapter are right").wait_for()
    assert page.get_by_text("Where it stands").is_hidden()
    answer(page, second)
    page.get_by_text(f"2 of {total} cards of its chapter are right").wait_for()
    assert page.get_by_text("Where it stands").is_visible()
    page.evaluate("document.dispatchEvent(new CustomEvent('course-right', { detail: 'other' }))")
    assert page.get_by_text(f"2 of {total} cards of its chapter are right").count() == 1


def test_without_a_kernel_the_browser_keeps_answers(shown, path):
    first, second = cards_beside(ELBO)[:2]
    page = shown(ExerciseCard(first, path=path))
    total = len(cards_beside(ELBO))
    answer(page, first)
    page.get_by_text(f"1 of {total} cards of its chapter are right").wait_for()
    again = shown(ExerciseCard(first, path=path), page=page)
    status(again).filter(has_text="Right.").wait_for()
    another = shown(ExerciseCard(second, path=path), page=page)
    another.get_by_text(f"1 of {total} cards of its chapter are right").wait_for()
    another.evaluate("localStorage.setItem('course_answers', '{damaged')")
    empty = shown(ExerciseCard(first, path=path), page=page)
    empty.get_by_text(f"0 of {total} cards of its chapter are right").wait_for()
    assert status(empty).inner_text() == ""
    answer(empty, first)
    status(empty).filter(has_text="Right.").wait_for()
    assert not path.exists()  # no kernel has written anything


def test_a_browser_that_keeps_nothing_still_checks(shown, path):
    page = shown(ExerciseCard(ELBO, path=path))
    page.evaluate("Object.defineProperty(window, 'localStorage', { get() { throw Error('no'); } })")
    answer(page, ELBO)
    status(page).filter(has_text="Right.").wait_for()


ELBO = "elbo-from-its-parts"


def truth(exercise_id):
    drawn, right = variant(exercise_id, 0), bank()[exercise_id].truth
    return right if drawn.kind == "choice" else repr(right(**drawn.parameters))


def answer(page, exercise_id):
    if variant(exercise_id, 0).kind == "choice":
        page.get_by_label(truth(exercise_id)).check()
    else:
        page.get_by_label("answer").fill(truth(exercise_id))
    page.get_by_role("button", name="Check").click()


# --- What is kept -------------------------------------------------------------------------------


def attempt(card, answer, hints=0):
    """What the page sends when an answer is checked."""
    seed = str(card.variants[card.index]["seed"])
    state = card.kept.get(seed, {"attempts": []})
    attempts = [*state["attempts"], {"answer": answer}]
    card.kept = card.kept | {seed: {"attempts": attempts, "hints": hints}}


def test_work_survives_a_restart(path):
    card = ExerciseCard(NUMBER, path=path)
    attempt(card, "1")
    card.index = 2
    attempt(card, "2", hints=1)
    again = ExerciseCard(NUMBER, path=path)
    assert again.kept == card.kept == {
        "0": {"attempts": [{"answer": "1"}], "hints": 0},
        "2": {"attempts": [{"answer": "2"}], "hints": 1},
    }  # fmt: skip
    assert again.answer == "1"
    assert ExerciseCard(NUMBER, 2, path).answer == "2"
    with pytest.raises(ValueError, match="index must be from 0 to 4, got 5"):
        card.index = 5


def test_cards_share_a_file_and_keep_to_themselves(path):
    first, second = ExerciseCard(NUMBER, 1, path), ExerciseCard(FORMULA, 1, path)
    attempt(first, "1")
    attempt(second, "2")
    kept, _ = read_answers(path)
    assert {key: state["attempts"] for key, state in kept.items()} == {
        f"{NUMBER}/1": [{"answer": "1"}],
        f"{FORMULA}/1": [{"answer": "2"}],
    }
    assert ExerciseCard(CHOICE, 1, path).answer == ""


def test_the_file_stands_beside_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    attempt(ExerciseCard(NUMBER), "1")
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
    card = ExerciseCard(NUMBER, path=path)
    assert aside.read_bytes() == content
    assert card.error == (
        "The kept answers could not be read; the file is now called answers.json.damaged-2."
    )
    attempt(card, "1")
    assert card.error == ""
    assert ExerciseCard(NUMBER, path=path).answer == "1"


def test_a_file_damaged_while_the_card_is_open_is_put_aside_too(path):
    card = ExerciseCard(NUMBER, path=path)
    path.write_text("damaged", "utf-8")
    attempt(card, "1")
    assert "damaged-1" in card.error
    assert ExerciseCard(NUMBER, path=path).answer == "1"


def test_what_is_no_file_is_left_where_it_is(path):
    path.symlink_to(os.devnull)
    with pytest.raises(ValueError, match="path must name a file in which answers can be kept, got"):
        ExerciseCard(NUMBER, path=path)
    assert path.is_symlink()


def test_an_interruption_leaves_the_old_file(path, monkeypatch):
    write_answers(path, {"old": {"attempts": [], "hints": 1}})
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_answers(path, {"new": {"attempts": [], "hints": 1}})
    assert json.loads(path.read_text("utf-8")) == {"old": {"attempts": [], "hints": 1}}
    assert list(path.parent.iterdir()) == [path]


def test_what_is_kept_may_hold_any_text(path):
    answer = 'ﷺ "\\ \ud800\n'
    write_answers(path, {"x": {"attempts": [{"answer": answer}], "hints": 0}})
    assert read_answers(path) == ({"x": {"attempts": [{"answer": answer}], "hints": 0}}, "")


def test_an_error_is_shown_and_raised(shown, tmp_path):
    card = ExerciseCard(NUMBER, path=tmp_path / "<no folder>" / "answers.json")
    with pytest.raises(FileNotFoundError, match="<no folder>"):
        attempt(card, "1")
    assert card.error.startswith("FileNotFoundError: ")
    alert = shown(card).get_by_role("alert")
    assert "<no folder>" in alert.inner_text()
    card.path = tmp_path / "answers.json"
    attempt(card, "2")
    assert card.error == ""
    assert [kept["answer"] for kept in card.kept["0"]["attempts"]] == ["1", "2"]  # nothing is lost


@pytest.mark.parametrize("exercise_id", bank())
def test_without_javascript_the_card_is_its_statement(exercise_id, path):
    card = ExerciseCard(exercise_id, 3, path)
    handed_out = variant(exercise_id, 3)
    data, _ = card._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "image/png" not in data
    assert data["text/plain"] == data["text/markdown"] == card.alt
    assert card.alt.startswith(handed_out.statement)
    for letter, choice in zip("ABCDE", handed_out.choices, strict=False):
        assert f"\n\n{letter}. {choice}" in card.alt


def test_an_unknown_exercise():
    with pytest.raises(ValueError, match="exercise_id must be one of"):
        ExerciseCard("kl")
