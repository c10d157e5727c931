"""Tables of learning platforms are filled in, and all else in them stays as it is."""

import csv

import pytest

from course_lib.grading.grading import Graded, Result
from course_lib.grading.roster import InstructorError, Student
from course_lib.grading.tables import fill


def graded(points: float | None) -> Graded:
    said = "Not yet; μ < σ."
    return Graded("a.ipynb", (Result("a", "1", "1", "other", said, points),))


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


def test_an_unknown_table_is_refused(tmp_path):
    with pytest.raises(InstructorError, match="is no table of Moodle"):
        filled(tmp_path, "id,name\ns1,Zoë\n")
    with pytest.raises(InstructorError, match="names none of the students"):
        filled(tmp_path, "Identifier,Grade\nParticipant 9,\n")
