"""Tables of learning platforms are filled in, and all else in them stays as it is."""

import csv

import pytest

from course_lib.grading.grading import Graded, Result
from course_lib.grading.roster import InstructorError, Student
from course_lib.grading.tables import fill


def graded(points: float | None) -> Graded:
    said = "Not yet; μ < σ."
    return Graded("a.ipynb", (Result("a", "1", "1", "other", said, points, 1),))


ZOE = Student("s1", "Zoë Müller", "Zoe@x.org", "101"), graded(1.5)
LEI = Student("s2", "李雷", "lei@x.org", "102"), graded(None)
JOE = Student("s3", "Joe", "joe@x.org", "103"), None
MAXIMUM = 3


def filled(tmp_path, text, encoding="utf-8", delimiter=","):
    (tmp_path / "t.csv").write_text(text, encoding)
    fill(tmp_path / "t.csv", "KL 1", [ZOE, LEI, JOE], MAXIMUM, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_moodles_grading_worksheet(tmp_path):
    head = "Identifier,Full name,Grade,Maximum Grade,Last modified (grade),Feedback comments"
    rows = [
        "Participant 103,=Joe,7,100.00,-,old",
        "Participant 102,李雷,8,100.00,-,old",
        "Participant 101,Zoë,,100.00,-,",
        "Participant 999,Eve,9,100.00,-,old",
    ]
    out = filled(tmp_path, "\n".join([head, *rows]), "utf-8-sig")
    assert out[0] == head.split(",")
    assert out[1:3] == [row.split(",") for row in rows[:2]]  # nothing to say about these
    assert out[3] == ["Participant 101", "Zoë", "50", "100.00", "-", "1. Not yet; μ &lt; σ."]
    assert out[4] == rows[3].split(",")


CANVAS = "Student,ID,SIS User ID,SIS Login ID,Section"


def test_canvas_with_the_assignments_column(tmp_path):
    text = (
        f"{CANVAS},KL 10 (8),KL 1 (9),Total (read only)\n    Points Possible,,,,,5,6.00,\n"
        "Zoë,77,s1,zoe@x.org,A,2,,80\nJoe,78,s3,joe,A,2,4,80\n"
    )
    out = filled(tmp_path, text)
    assert out[1][5:] == ["5", "6", ""]
    assert out[2][5:] == ["2", "3", "80"]
    assert out[3][5:] == ["2", "4", "80"]


def test_canvas_without_it(tmp_path):
    out = filled(tmp_path, f"{CANVAS}\n    Points Possible,,,,\nZoë,77,,ZOE@x.org,A\n")
    assert out == [
        [*CANVAS.split(","), "KL 1"],
        ["    Points Possible", "", "", "", "", "3"],
        ["Zoë", "77", "", "ZOE@x.org", "A", "1.5"],
    ]


BRIGHTSPACE = "OrgDefinedId,Username,Last Name{},End-of-Line Indicator\n#s1,#zoe,M{},#\n"


@pytest.mark.parametrize(
    ("column", "name", "points"),
    [
        ("", "KL 1 Points Grade", "1.5"),
        (",KL 1 Points Grade", "KL 1 Points Grade", "1.5"),
        (",KL 1 Points Grade <Numeric MaxPoints:10 Weight:5>", None, "5"),
    ],
)
def test_brightspace(tmp_path, column, name, points):
    text = BRIGHTSPACE.format(column, "," if column else "")
    out = filled(tmp_path, text)
    assert out[0][3] == (name or column[1:])
    assert out[1] == ["#s1", "#zoe", "M", points, "#"]


def test_blackboard(tmp_path):
    text = "Last Name\tUsername\tStudent ID\tKL 1 [Total Pts: 30 Score] |12\nM\tzoe\ts1\t\n"
    out = filled(tmp_path, text, "utf-16", "\t")
    assert out[1] == ["M", "zoe", "s1", "15"]


def test_no_line_gets_the_grade_of_somebody_else(tmp_path):
    # The internal ID of Joe, who has no grade, is the SIS id of Zoë, and both have one e-mail.
    (tmp_path / "t.csv").write_text(
        f"{CANVAS}\nJoe,s1,s3,zoe@x.org,A\nZoë,s3,s1,zoe@x.org,A\n", "utf-8"
    )
    joe = Student("s3", "Joe", "zoe@x.org"), None
    assert fill(tmp_path / "t.csv", "KL 1", [ZOE, joe], MAXIMUM, tmp_path / "out.csv") == []
    rows = list(csv.reader((tmp_path / "out.csv").read_text("utf-8").splitlines()))
    assert [row[-1] for row in rows[1:]] == ["", "1.5"]


@pytest.mark.parametrize(
    "other", ["KL 1 Bonus (77)", "KL 1 Text Grade <Text>", "KL 1b (5)", "KL 11"]
)
def test_a_column_of_a_similar_name_stays(tmp_path, other):
    out = filled(tmp_path, f"{CANVAS},{other},KL 1 (9)\nZoë,77,s1,zoe@x.org,A,4,\n")
    assert out[1][5:] == ["4", "1.5"]


def test_two_columns_of_the_assignment_are_refused(tmp_path):
    with pytest.raises(InstructorError, match=r"several columns for 'KL 1': KL 1 \(9\), KL 1"):
        filled(tmp_path, f"{CANVAS},KL 1 (9),KL 1 (8)\nZoë,77,s1,zoe@x.org,A,,\n")


@pytest.mark.parametrize(
    ("cell", "points"),
    [
        ("100.00", "50"),
        ('"100,00"', "50"),
        ('"1,000"', "500"),
        ("", "1.5"),
        (" ", "1.5"),
        ("7", "3.5"),
    ],
)
def test_the_most_points_however_they_are_written(tmp_path, cell, points):
    out = filled(tmp_path, f"Identifier,Grade,Maximum Grade\nParticipant 101,,{cell}\n")
    assert out[1][1] == points


@pytest.mark.parametrize("cell", ["0", "-", "Satisfactory", "nan", "-3"])
def test_the_most_points_must_be_a_number(tmp_path, cell):
    with pytest.raises(InstructorError, match="the most points must be a number above 0"):
        filled(tmp_path, f"Identifier,Grade,Maximum Grade\nParticipant 101,,{cell}\n")


def test_moodle_in_german(tmp_path):
    head = "ID,Vollständiger Name,E-Mail-Adresse,Bewertung,Bestwertung,Feedback als Kommentar"
    out = filled(tmp_path, f'{head}\nTeilnehmer/in101,Zoë,,,"100,00",\n')
    assert out[1][3:] == ["50", "100,00", "1. Not yet; μ &lt; σ."]


def test_whom_the_table_does_not_name_is_reported(tmp_path):
    (tmp_path / "t.csv").write_text("Identifier,Grade\nParticipant 101,\n", "utf-8")
    students = [ZOE, (Student("s9", "Eve"), graded(1.0)), (Student("s8", "Ian"), None)]
    assert fill(tmp_path / "t.csv", "KL 1", students, MAXIMUM, tmp_path / "out.csv") == ["s9"]


def test_an_unknown_table_is_refused(tmp_path):
    with pytest.raises(InstructorError, match="is no table of Moodle"):
        filled(tmp_path, "id,name\ns1,Zoë\n")
    with pytest.raises(InstructorError, match="names none of the students"):
        filled(tmp_path, "Identifier,Grade\nParticipant 9,\n")
