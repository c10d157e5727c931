"""Handing out: the roster and the secret are checked, and every student gets the own numbers."""

import base64
import email
import email.policy
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank
from course_lib.grading.assignments import (
    file_name,
    seal,
    seed,
    student_notebook,
    student_variants,
    whole_folder,
)
from course_lib.grading.roster import InstructorError, Student

SECRET = b"0123456789abcdef0123456789abcdef"
EXERCISES = ["kl-to-standard-normal", "formula-kl-to-standard-normal", "posterior-collapse"]
NAMES = ["Zoë Müller", "李雷", "Дарья Иванова", "محمد علي", "นภา", "O'Brien, *Bob* <b>"]


@pytest.fixture
def course(tmp_path):
    """A folder with a roster of names in several scripts and a secret."""
    lines = [f's{number},"{name}",x@y.org' for number, name in enumerate(NAMES)]
    (tmp_path / "roster.csv").write_text("\n".join(["id,name,email", *lines]), "utf-8-sig")
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path


def assign(folder: Path, *, name="KL 1", exercises=EXERCISES, out="out", more=()):
    command = ["assign", name, "--exercises", ",".join(exercises), "--roster"]
    command += [f"{folder}/roster.csv", "--secret-file", f"{folder}/secret", "--out"]
    return CliRunner().invoke(app, [*command, f"{folder}/{out}", *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# What is handed out


def test_every_student_gets_a_valid_notebook_with_own_numbers(course):
    run = assign(course)
    assert run.exit_code == 0, run.output
    assert "6 notebooks with 3 exercises each" in run.stdout
    assert "handing out" in run.stderr  # the progress bar
    notebooks = contents(course / "out")
    assert set(notebooks) == {f"s{number}.ipynb" for number in range(6)}
    statements = set()
    for content in notebooks.values():
        notebook = nbformat.reads(content.decode(), as_version=4)
        nbformat.validate(notebook)
        cells = {cell.id: cell for cell in notebook.cells}
        assert len(cells) == len(notebook.cells) == 3 + 2 * len(EXERCISES)
        for exercise in EXERCISES:
            empty = f'# {exercise}: write between the quotes\nanswer = ""'
            assert cells[f"answer-{exercise}"].source == empty
        statements.add(cells["statement-kl-to-standard-normal"].source)
    assert len(statements) == 6
    assert "李雷" in notebooks["s1.ipynb"].decode()
    assert r"O'Brien, \*Bob\* \<b\>" in json.loads(notebooks["s5.ipynb"])["cells"][0]["source"][2]


def test_every_exercise_of_the_bank_fits_into_a_notebook():
    content = student_notebook("all", list(bank()), Student("s", "S"), SECRET)
    nbformat.validate(nbformat.reads(content.decode(), as_version=4))


def test_a_choice_is_listed_by_letter():
    (drawn,) = student_variants(SECRET, "KL 1", "s", ["posterior-collapse"])
    text = student_notebook("KL 1", ["posterior-collapse"], Student("s", "S"), SECRET).decode()
    for letter, choice in zip("ABCDEFGH", drawn.choices, strict=False):
        assert json.dumps(f"- **{letter}.** {choice}", ensure_ascii=False)[1:-1] in text


def test_neither_secret_nor_seed_nor_answer_is_handed_out():
    student = Student("s1", "Zoë")
    text = student_notebook("KL 1", EXERCISES, student, SECRET).decode()
    hidden = [SECRET.decode(), SECRET.hex(), base64.b64encode(SECRET).decode().rstrip("=")]
    for drawn in student_variants(SECRET, "KL 1", "s1", EXERCISES):
        hidden += [str(drawn.seed), f"{drawn.seed:x}"]
        exercise = bank()[drawn.exercise_id]
        if drawn.kind == "number":
            hidden += [f"{exercise.truth(**drawn.parameters):.3f}"]
        hidden += [mistake.says for mistake in exercise.mistakes]
        hidden += [mistake.id for mistake in exercise.mistakes]
    assert [secret for secret in hidden if secret in text] == []


def test_the_same_bytes_every_time_and_the_second_run_changes_nothing(course):
    assert assign(course).exit_code == 0
    first = contents(course / "out")
    assert assign(course).exit_code == 0
    assert assign(course, out="again").exit_code == 0
    assert contents(course / "out") == contents(course / "again") == first


def test_seeds_stay_as_they_are_for_regrading_years_later():
    # echo -n '["seed", "KL 1", "s1", "kl-to-standard-normal"]' | openssl dgst -sha256 -hmac …
    assert seed(SECRET, "KL 1", "s1", "kl-to-standard-normal") == 0x3212692D6771278A
    # echo -n '["seal", {"format": 2, "student": "s1"}]' | openssl dgst -sha256 -hmac …
    label = {"student": "s1", "format": 2, "seal": "whatever"}
    assert seal(SECRET, label)[:16] == "0f260ff00b58cfe8"


def test_every_part_changes_seed_and_seal():
    parts = [("KL 1", "s1", "a"), ("KL 2", "s1", "a"), ("KL 1", "s2", "a"), ("KL 1", "s1", "b")]
    parts += [("KL 1s", "1", "a"), ("KL 1", "s1a", ""), ("KL 1", 's1", "a', "")]
    seeds = {seed(secret, *three) for three in parts for secret in (SECRET, SECRET[::-1])}
    assert len(seeds) == 2 * len(parts)
    label = json.loads(student_notebook("KL 1", EXERCISES, Student("s", "S"), SECRET))
    label = label["metadata"]["course"]
    changed = [label, *({**label, part: "other"} for part in label if part != "seal")]
    for number in range(len(EXERCISES)):
        for part in label["exercises"][number]:
            other = json.loads(json.dumps(label))
            other["exercises"][number][part] = "other"
            changed.append(other)
    assert len(changed) == 1 + 4 + 7 * len(EXERCISES)
    assert len({seal(SECRET, other) for other in changed}) == len(changed)


# File names


@pytest.mark.parametrize("plain", ["s1", "S-3", "007", "a.b@example.org"])
def test_a_plain_id_is_its_own_file_name(plain):
    assert file_name(plain) == plain


HOSTILE = [
    "../../etc/passwd", "/etc/passwd", "..", ".", ".hidden", "a/b", "a\\b", "a:b", "a b", "con",
    "COM1.x", "学生2", "a?", "a*", "a.", "~", "a~b", "x" * 5000, "é" * 300, "a\u202eb",
]  # fmt: skip


def test_what_can_stay_of_an_id_stays():
    assert file_name("学生2").startswith("学生2~")
    assert file_name("a/b c").startswith("a-b-c~")


def test_other_ids_get_safe_names_of_their_own(tmp_path):
    names = [file_name(student_id) for student_id in HOSTILE]
    assert len({name.lower() for name in names}) == len(HOSTILE)
    for name in names:
        assert re.fullmatch(r"[\w-]*~[0-9a-f]{16}", name)
        path = tmp_path / f"{name}.ipynb"
        path.write_text("", "utf-8")
        assert path.resolve().parent == tmp_path.resolve()


# The other arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exercises": ["kl-diag"]}, "no exercise is called 'kl-diag'; similar are kl-diagonal"),
        ({"exercises": ["xyzzy"]}, "no exercise is called 'xyzzy'; python -m"),
        ({"exercises": ["kl-discrete", "kl-discrete"]}, "name each exercise once"),
        ({"exercises": [""]}, "no exercise is called ''"),
        ({"name": ""}, "the name of an assignment is printable text"),
        ({"name": "KL 1 "}, "the name of an assignment is printable text"),
        ({"name": "KL\n1"}, "the name of an assignment is printable text"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_written(course, arguments, message):
    run = assign(course, **arguments)
    assert run.exit_code == 2
    assert message in run.stderr
    assert not (course / "out").exists()


def test_a_missing_file_is_a_message(course):
    (course / "roster.csv").unlink()
    run = assign(course)
    assert run.exit_code == 2
    assert "No such file" in run.stderr


def test_a_bad_roster_is_a_message_and_nothing_is_written(course):
    (course / "roster.csv").write_text("id,name\n", "utf-8")
    run = assign(course)
    assert run.exit_code == 2
    assert "has no students" in run.stderr
    assert {path.name for path in course.iterdir()} == {"roster.csv", "secret"}


def test_the_command_makes_the_secret_and_says_so(course):
    (course / "secret").unlink()
    first = assign(course)
    assert first.exit_code == 0, first.output
    assert "secret is new: keep it" in first.stdout
    assert "is new" not in assign(course).stdout
    assert "the same text for all students, in another order: posterior-collapse" in first.stdout


# What Moodle and mail programs take


def test_folders_as_moodle_takes_feedback_files(course):
    rows = [
        f'Participant {n},"{name}",,{n}' for n, name in enumerate(["Zoë_B  Müller", "李雷"], 100)
    ]
    lines = ["Identifier,Full name,Grade,ID number", *rows]
    (course / "roster.csv").write_text("\n".join(lines), "utf-8")
    assert assign(course, more=["--layout", "moodle"]).exit_code == 0
    # As importziplib.php reads it: the parts between "_" are name, number, plugin type and plugin.
    for path in (course / "out").rglob("*.ipynb"):
        name, participant, *plugin = path.parent.name.split("_")
        assert name in ("Zoë B Müller", "李雷")
        assert plugin == ["assignsubmission", "file"]
        assert json.loads(path.read_bytes())["metadata"]["course"]["student"] == participant


def test_drafts_of_messages(course):
    assert assign(course, more=["--layout", "mail"]).exit_code == 0
    paths = sorted((course / "out").iterdir())
    assert [path.name for path in paths] == [f"s{n}.eml" for n in range(6)]
    message = email.message_from_bytes(paths[0].read_bytes(), policy=email.policy.default)
    assert message["To"] == "x@y.org"
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "s0.ipynb"
    notebook = json.loads(attached.get_content())
    assert notebook["metadata"]["course"]["student"] == "s0"


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("moodle", "layout moodle needs the column Identifier"),
        ("mail", "layout mail needs the column email"),
        ("post", "the layout is one of plain, moodle, mail, got 'post'"),
    ],
)
def test_a_layout_needs_its_column(course, layout, message):
    (course / "roster.csv").write_text("id,name\ns1,A\n", "utf-8")
    run = assign(course, more=["--layout", layout])
    assert run.exit_code == 2
    assert message in run.stderr
    assert not (course / "out").exists()


@pytest.mark.parametrize(
    "address",
    ["a@", "@x.org", "a@x", "a@x.org\nBcc: v@x.org", "a@x.org, b@x.org", "=?utf-8?q?=0A?=@x.org"],
)
def test_an_address_is_one_address(course, address):
    (course / "roster.csv").write_text(f'id,name,email\ns1,A,"{address}"\n', "utf-8")
    run = assign(course, more=["--layout", "mail"])
    assert run.exit_code == 2
    assert "these are no e-mail addresses:" in run.stderr
    assert not (course / "out").exists()


def test_no_two_students_share_a_folder_and_long_names_fit(course):
    lines = ["Identifier,Full name,ID number", f"Participant 1,{'A' * 300},s1"]
    (course / "roster.csv").write_text("\n".join(lines), "utf-8")
    assert assign(course, more=["--layout", "moodle"]).exit_code == 0
    (course / "roster.csv").write_text("\n".join([*lines, "Participant 1,B,s2"]), "utf-8")
    run = assign(course, more=["--layout", "moodle"], out="other")
    assert run.exit_code == 2 and "several students have the same Identifier" in run.stderr


# An instructor's own exercises

OWN = """
from course_lib.exercises import Exercise, Mistake
from course_lib.exercises.exercise import on_grid
EXERCISES = (
    Exercise(
        id="my-sum", title="A sum", kind="number", statement="What is <a> + 1?",
        draw=lambda random: {"a": on_grid(random, 1, 900)}, truth=lambda a: a + 1,
        mistakes=(Mistake("minus", lambda a: a - 1, "It was subtracted.", "Look at a sum."),),
        hints=("Add.",),
    ),
)
"""


def test_exercises_of_ones_own(course, monkeypatch):
    module = sys.modules["course_lib.exercises.bank"]  # a function has its name
    monkeypatch.setattr(module, "EXERCISES", bank())
    (course / "my_bank.py").write_text(OWN, "utf-8")
    run = assign(course, exercises=["my-sum"], more=["--bank", f"{course}/my_bank.py"])
    assert run.exit_code == 0, run.output
    assert "What is " in contents(course / "out")["s1.ipynb"].decode()
    again = assign(course, exercises=["my-sum"], more=["--bank", f"{course}/my_bank.py"])
    assert again.exit_code == 2
    assert "the ids my-sum are taken" in again.stderr
    for n, wrong in enumerate(("lambda a: a + 1", "lambda a: 1 / 0")):
        text = OWN.replace("lambda a: a - 1", wrong).replace("my-sum", f"my-{n}")
        (course / "my_bank.py").write_text(text, "utf-8")
        run = assign(course, more=["--bank", f"{course}/my_bank.py"])
        assert run.exit_code == 2 and f"my_bank.py, my-{n}: " in run.stderr
    (course / "my_bank.py").write_text("EXERCISES = 3", "utf-8")
    assert "must define EXERCISES" in assign(course, more=["--bank", f"{course}/my_bank.py"]).stderr


# The check cell


def run_check_cell(notebook: dict, folder: Path, capsys) -> str:
    """What the last cell prints, run in a namespace of its own and without this library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in [name for name in sys.modules if name.startswith("course_lib")]:
            patch.setitem(sys.modules, name, None)
        own = ModuleType("check")
        patch.setitem(sys.modules, "check", own)
        exec("".join(notebook["cells"][-1]["source"]), vars(own))
    return capsys.readouterr().out


def test_the_check_cell_says_how_answers_are_read_and_not_whether_they_are_right(tmp_path, capsys):
    notebook = json.loads(student_notebook("KL 1", EXERCISES, Student("s1", "Zoë"), SECRET))
    answers = {cell["id"]: cell for cell in notebook["cells"] if cell["id"].startswith("answer")}
    for cell, answer in zip(answers.values(), ["log(2)/2 + 5", "mu**2", "b"], strict=True):
        cell["source"] = f'answer = "{answer}"'
    (tmp_path / "another.ipynb").write_text("{}", "utf-8")
    (tmp_path / "s1.ipynb").write_text(json.dumps(notebook), "utf-8")
    assert run_check_cell(notebook, tmp_path, capsys).splitlines() == [
        "s1.ipynb, as it was last saved:",
        "kl-to-standard-normal: read as 5.34657",
        "formula-kl-to-standard-normal: read as mu**2",
        "posterior-collapse: read as B",
    ]
    sources = ['answer = "2.5x"', 'answer = ""  # 3', "answer = B\nanswer = C\nD"]
    for cell, source in zip(answers.values(), sources, strict=True):
        cell["source"] = source
    (tmp_path / "s1.ipynb").write_text(json.dumps(notebook), "utf-8")
    said = run_check_cell(notebook, tmp_path, capsys).splitlines()
    assert said[1].startswith("kl-to-standard-normal: cannot be read. ")
    assert said[2] == "formula-kl-to-standard-normal: no answer; not read: 3"
    assert said[3] == "posterior-collapse: read as C; not read: answer = B D"
    (tmp_path / "s1.ipynb").unlink()
    assert run_check_cell(notebook, tmp_path, capsys).startswith("s1.ipynb is not in the folder")


def test_a_label_survives_as_text(tmp_path):
    notebook = json.loads(student_notebook("KL 1", EXERCISES, Student("s1", "-->"), SECRET))
    text = "".join(notebook["cells"][0]["source"])
    assert text.count("-->") == 1
    assert (
        json.loads(text.split("<!-- course ")[1].split(" -->")[0]) == notebook["metadata"]["course"]
    )


def test_exercises_may_be_separated_or_repeated(course):
    both = assign(course)
    command = ["assign", "KL 1", "--roster", f"{course}/roster.csv", "--secret-file"]
    command += [f"{course}/secret", "--out", f"{course}/repeated"]
    for exercise in EXERCISES:
        command += ["--exercises", exercise]
    assert both.exit_code == CliRunner().invoke(app, command).exit_code == 0
    assert contents(course / "out") == contents(course / "repeated")


def test_bank_lists_and_previews():
    listed = CliRunner().invoke(app, ["bank"]).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(bank())
    preview = CliRunner().invoke(app, ["bank", "posterior-collapse", "--seed", "3"]).stdout
    assert "- **A.**" in preview
    numbers = [CliRunner().invoke(app, ["bank", EXERCISES[0], "--seed", seed]) for seed in "123"]
    assert len({run.stdout for run in numbers}) == 3
    assert all(mistake.says in preview for mistake in bank()["posterior-collapse"].mistakes)


# Whole or not at all


def fill(out: Path, content: str = "one") -> None:
    with whole_folder(out) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text(content, "utf-8")


def test_a_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "new" / "out") as folder:
        (folder / "file").write_text("one", "utf-8")
        assert not (tmp_path / "new" / "out").exists()
    assert contents(tmp_path / "new" / "out") == {"file": b"one"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_folder_that_cannot_be_finished_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)), whole_folder(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "file").write_text("half", "utf-8")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_differs_is_left_as_it_is(tmp_path):
    fill(tmp_path / "out")
    fill(tmp_path / "out")
    with pytest.raises(InstructorError, match="exists and holds something else"):
        fill(tmp_path / "out", "two")
    assert (tmp_path / "out" / "sub" / "file").read_text("utf-8") == "one"
    (tmp_path / "out" / "added").write_text("", "utf-8")
    with pytest.raises(InstructorError, match="exists and holds something else"):
        fill(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "file").read_text("utf-8") == "one"


def test_an_empty_folder_is_filled_where_a_folder_cannot_be_replaced(tmp_path, monkeypatch):
    def replace_as_windows_does(self, target, replace=Path.replace):
        if Path(target).exists():
            raise PermissionError(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_as_windows_does)
    test_an_empty_folder_is_filled(tmp_path)


def test_a_file_in_place_of_the_folder_is_kept(tmp_path):
    (tmp_path / "out").write_text("precious", "utf-8")
    with pytest.raises(InstructorError, match="exists and holds something else"):
        fill(tmp_path / "out")
    assert (tmp_path / "out").read_text("utf-8") == "precious"
