"""Handing out: the roster and the secret are checked, and every student gets the own numbers."""

import base64
import json
import re
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank
from course_lib.grading.assignments import (
    InstructorError,
    Student,
    file_name,
    read_roster,
    read_secret,
    seal,
    seed,
    student_notebook,
    student_variants,
    whole_folder,
)

SECRET = b"0123456789abcdef0123456789abcdef"
EXERCISES = ["kl-to-standard-normal", "formula-kl-to-standard-normal", "posterior-collapse"]
NAMES = ["Zoë Müller", "李雷", "Дарья Иванова", "محمد علي", "นภา", "O'Brien, *Bob* <b>"]


@pytest.fixture
def course(tmp_path):
    """A folder with a roster of names in several scripts and a secret."""
    lines = [f's{number},"{name}",x@y' for number, name in enumerate(NAMES)]
    (tmp_path / "roster.csv").write_text("\n".join(["id,name,email", *lines]), "utf-8-sig")
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path


def assign(folder: Path, *, name="KL 1", exercises=EXERCISES, out="out"):
    command = ["assign", name, "--exercises", ",".join(exercises), "--roster"]
    command += [f"{folder}/roster.csv", "--secret-file", f"{folder}/secret", "--out"]
    return CliRunner().invoke(app, [*command, f"{folder}/{out}"])


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
        assert len(cells) == len(notebook.cells) == 1 + 2 * len(EXERCISES)
        assert all(cells[f"answer-{exercise}"].source == 'answer = ""' for exercise in EXERCISES)
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
    assert seal(SECRET, "KL 1", "s1", EXERCISES)[:16] == "8757ad8f257d122f"


def test_every_part_changes_seed_and_seal():
    parts = [("KL 1", "s1", "a"), ("KL 2", "s1", "a"), ("KL 1", "s2", "a"), ("KL 1", "s1", "b")]
    parts += [("KL 1s", "1", "a"), ("KL 1", "s1a", ""), ("KL 1", 's1", "a', "")]
    seeds = {seed(secret, *three) for three in parts for secret in (SECRET, SECRET[::-1])}
    assert len(seeds) == 2 * len(parts)
    lists = [["a", "b"], ["b", "a"], ["ab"], ["a"], ["a", "b", ""]]
    assert len({seal(SECRET, "KL 1", "s1", exercises) for exercises in lists}) == len(lists)


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


# The roster


def roster(folder: Path, content: bytes | str) -> list[Student]:
    path = folder / "roster.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_roster(path)


@pytest.mark.parametrize(
    "content",
    [
        "id,name\ns1,Zoë\n学2,李雷\n",
        "\ufeffid,name\ns1,Zoë\n学2,李雷\n",
        "id,name\r\ns1,Zoë\r\n\r\n学2,李雷",
        " Name ,ID,email\nZoë,s1,x\n 李雷 , 学2,\n,,\n",
        'id,name\n"s1","Zoe\u0308"\n学2,李雷\n',
    ],
    ids=["plain", "BOM", "Windows", "columns", "decomposed"],
)
def test_good_rosters(tmp_path, content):
    assert roster(tmp_path, content) == [Student("s1", "Zoë"), Student("学2", "李雷")]


BAD_ROSTERS = [
    ("", "line 1: there must be one column 'id'"),
    ("id;name\ns1;Zoë\n", "line 1: there must be one column 'id'"),
    ("id\ns1\n", "line 1: there must be one column 'name'"),
    ("id,name,id\ns1,Zoë,s2\n", "line 1: there must be one column 'id'"),
    ("id,name\n", "has no students"),
    ("id,name\ns1,A\ns2,B\ns1,C\n", "line 4: the id 's1' is already that of line 2"),
    ("id,name\ns1,A\nS1,B\n", "line 3: the id 'S1' is already that of line 2"),
    ("id,name\n\u00e9,A\ne\u0301,B\n", "line 3: the id 'é' is already that of line 2"),
    ("id,name\n ,A\n", "line 2: the id is empty"),
    ('id,name\ns1,"two\nlines"\n,B\n', "line 4: the id is empty"),
    ("id,name\ns1,Müller, Zoë\n", "line 2: 3 cells under 2 columns"),
    ("id,name\ns1\n", "line 2: 1 cells under 2 columns"),
    ("id,name\n=1+1,A\n", "line 2: the id '=1+1' would be a formula"),
    ("id,name\ns\u200b1,A\n", "line 2: the id 's\\u200b1' holds characters that cannot be seen"),
    ('id,name\ns1,A\ns2,"B\n', "line 3: not CSV"),
    ("id,name\ns1,Zoë\n".encode("latin-1"), "line 2: not UTF-8"),
    ("id,name\ns1,Zoë\n".encode("utf-16"), "line 1: not UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ROSTERS)
def test_a_bad_roster_is_refused_by_line_and_nothing_is_written(course, content, message):
    with pytest.raises(InstructorError, match=re.escape(message)):
        roster(course, content)
    run = assign(course)
    assert run.exit_code == 2
    assert message in run.stderr
    assert {path.name for path in course.iterdir()} == {"roster.csv", "secret"}


def test_all_bad_lines_are_named_at_once_but_not_endlessly(tmp_path):
    with pytest.raises(InstructorError) as error:
        roster(tmp_path, "id,name\n" + ",A\n" * 30)
    assert "line 2:" in str(error.value) and "line 21:" in str(error.value)
    assert "line 22:" not in str(error.value) and "and 10 more" in str(error.value)


# The other arguments


@pytest.mark.parametrize("secret", [b"", b"\n", b"short", b"fifteen bytes..\n"])
def test_a_short_secret_is_refused(tmp_path, secret):
    (tmp_path / "secret").write_bytes(secret)
    with pytest.raises(InstructorError, match="secrets.token_hex"):
        read_secret(tmp_path / "secret")


def test_an_editor_may_add_a_newline_to_the_secret(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET + b"\r\n")
    assert read_secret(tmp_path / "secret") == SECRET


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
    (course / "secret").unlink()
    run = assign(course)
    assert run.exit_code == 2
    assert "No such file" in run.stderr


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
