"""What an instructor gives: rosters as platforms export them, secrets, and the last word."""

import re
from pathlib import Path

import pytest

from course_lib.grading.roster import (
    InstructorError,
    Override,
    Student,
    make_secret,
    read_overrides,
    read_roster,
    read_secret,
    safe,
)

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
        " Name ,ID,group\nZoë,s1,x\n 李雷 , 学2,\n,,\n",
        'id,name\n"s1","Zoe\u0308"\n学2,李雷\n',
        "id,name,,\ns1,Zoë,,\n学2,李雷\n",
        "id,name\ns1,Zoë,,,\n学2,李雷,\n",
        "id;name\ns1;Zoë\n学2;李雷\n",
        "id\tname\ns1\tZoë\n学2\t李雷\n".encode("utf-16"),
    ],
    ids=[
        "plain", "BOM", "Windows", "columns", "decomposed", "commas", "more commas", "semicolons",
        "UTF-16",
    ],
)  # fmt: skip
def test_good_rosters(tmp_path, content):
    assert roster(tmp_path, content) == [Student("s1", "Zoë"), Student("学2", "李雷")]


BAD_ROSTERS = [
    ("", "line 1: there must be one column 'id'"),
    ("nr;name\ns1;Zoë\n", "line 1: there must be one column 'id'"),
    ("id,name\na;=1,B\n", "line 2: the id 'a;=1' would be a formula"),
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
    ("id,name\ns1,Zoë\n".encode("utf-16-le"), "line 2: not UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ROSTERS)
def test_a_bad_roster_is_refused_by_line(tmp_path, content, message):
    with pytest.raises(InstructorError, match=re.escape(message)):
        roster(tmp_path, content)


def test_all_bad_lines_are_named_at_once_but_not_endlessly(tmp_path):
    with pytest.raises(InstructorError) as error:
        roster(tmp_path, "id,name\n" + ",A\n" * 30)
    assert "line 2:" in str(error.value) and "line 21:" in str(error.value)
    assert "line 22:" not in str(error.value) and "and 10 more" in str(error.value)


# Rosters as learning platforms export them

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,KL 1 (99)\n"
    "    Points Possible,,,,,3.00\n"
    '"Müller, Zoë",12345,s1,zoe@x.org,A,\n'
    '"Student, Test",7,,,A,\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)\n"
    "Participant 101,Zoë Müller,zoe@x.org,,,3.00,-\n"
)
PARTICIPANTS = 'First name,Surname,"ID number","Email address"\nZoë,Müller,s1,zoe@x.org\n'
BRIGHTSPACE = (
    "OrgDefinedId,Username,Last Name,First Name,KL 1 Points Grade <Numeric MaxPoints:3>,"
    "End-of-Line Indicator\n#s1,#zoe,Müller,Zoë,,#\n"
)
BLACKBOARD = (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"KL 1 [Total Pts: 3 Score] |12"\n'
    '"Müller"\t"Zoë"\t"zoe"\t"s1"\t""\n'
)
NBGRADER = (
    "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,max_score\n"
    "KL 1,,,s1,Müller,Zoë,zoe@x.org,,3\n"
)
GERMAN = (
    "ID,Vollständiger Name,ID-Nummer,E-Mail-Adresse,Bewertung\n"
    "Teilnehmer/in101,Zoë Müller,s1,zoe@x.org,\n"
)
PLATFORMS = [
    (CANVAS, Student("s1", "Müller, Zoë", "zoe@x.org")),
    (CANVAS.replace("s1,", ","), Student("12345", "Müller, Zoë", "zoe@x.org")),
    (MOODLE, Student("zoe@x.org", "Zoë Müller", "zoe@x.org", "101")),
    (MOODLE.replace("zoe@x.org", ""), Student("Participant 101", "Zoë Müller", "", "101")),
    (PARTICIPANTS, Student("s1", "Zoë Müller", "zoe@x.org")),
    (BRIGHTSPACE, Student("s1", "Zoë Müller")),
    (BLACKBOARD.encode("utf-16"), Student("s1", "Zoë Müller")),
    (NBGRADER, Student("s1", "Zoë Müller", "zoe@x.org")),
    (GERMAN, Student("s1", "Zoë Müller", "zoe@x.org", "101")),
    ("Vorname,Nachname,ID-Nummer\nZoë,Müller,s1\n", Student("s1", "Zoë Müller")),
]


@pytest.mark.parametrize(("content", "student"), PLATFORMS)
def test_rosters_of_platforms(tmp_path, content, student):
    assert roster(tmp_path, content) == [student]


# The secret

GOOD = "96843eb760fcce8569593f76dcbc543a"


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(), GOOD.upper().encode(), f" {GOOD}\r\n".encode(),
        f"\ufeff{GOOD}".encode(), GOOD.encode("utf-16"),
    ],
    ids=["plain", "capitals", "white space", "BOM", "UTF-16"],
)  # fmt: skip
def test_a_secret_is_the_same_however_an_editor_saves_it(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    assert read_secret(tmp_path / "secret") == GOOD.encode()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "\n",
        GOOD[:31],
        "0" * 16,
        "0" * 64,
        "0123" * 16,
        "my secret, which is very long indeed",
        "é" * 40,
    ],
)
def test_a_secret_that_could_be_guessed_is_refused(tmp_path, secret):
    (tmp_path / "secret").write_text(secret, "utf-8")
    with pytest.raises(InstructorError, match="32 or more hexadecimal digits"):
        read_secret(tmp_path / "secret")


def test_a_secret_that_is_not_there_is_not_made_by_grading(tmp_path):
    with pytest.raises(InstructorError, match="does not exist; course assign makes"):
        read_secret(tmp_path / "secret")


def test_a_secret_is_made_once_and_for_its_owner(tmp_path):
    secrets = {make_secret(tmp_path / name) for name in "abc"}
    assert len(secrets) == 3
    assert read_secret(tmp_path / "a") in secrets
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        make_secret(tmp_path / "a")


# Cells of tables


@pytest.mark.parametrize(
    ("text", "disarmed"),
    [
        *((text, f"'{text}") for text in ("=1+1", "+1", "-1", "@x", "＝1", "= 1")),
        ("x;=1+1;y.ipynb", "x;'=1+1;y.ipynb"),
        ("a,+1", "a,'+1"),
        ("a\t@x|-1", "a\t'@x|'-1"),
        ("a; =1", "a; '=1"),
        ("b\n=cmd|x", "b\n'=cmd|x"),
    ],
)
def test_formulas_are_disarmed_at_every_separator(text, disarmed):
    assert safe(text) == disarmed


def test_other_cells_stay_as_they_are():
    for cell in ("", "-", "Ann-Lee", "李", "a;b", "a - b", 0, -1):
        assert safe(cell) == cell


# The last word


def overrides(folder: Path, text: str):
    (folder / "overrides.csv").write_text(text, "utf-8")
    return read_overrides(folder / "overrides.csv", ["s1", "s2"], ["a", "b"])


def test_overrides(tmp_path):
    text = "id,exercise,points,comment\ns1,a,0.5,half\ns2,b,2,\n"
    wanted = {("s1", "a"): Override(0.5, "half"), ("s2", "b"): Override(2, "")}
    assert overrides(tmp_path, text) == wanted
    assert overrides(tmp_path, "points,id,exercise\n1,s1,a") == {("s1", "a"): Override(1, "")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s3,a,1", "line 2: 's3' is not on the roster"),
        ("s1,c,1", "line 2: the assignment has no exercise 'c'"),
        ("s1,a,one", "line 2: points are a number such as 0.5, got 'one'"),
        ("s1,a,-1", "line 2: points are a number"),
        ("s1,a,1\ns1,a,2", "line 3: a of s1 has points already"),
    ],
)
def test_bad_overrides_are_refused_by_line(tmp_path, line, message):
    with pytest.raises(InstructorError, match=re.escape(message)):
        overrides(tmp_path, f"id,exercise,points\n{line}\n")
    with pytest.raises(InstructorError, match="the columns are id, exercise, points"):
        overrides(tmp_path, "id,points\n")
