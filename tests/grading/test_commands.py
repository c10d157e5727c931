"""What can be said on the command line of grading, and what is refused there."""

import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.grading.assignments import hand_out
from course_lib.grading.roster import Student, read_secret

SECRET = "96843eb760fcce8569593f76dcbc543a"
EXERCISE = "kl-to-standard-normal"


@pytest.fixture
def grade(tmp_path):
    """A class of two who handed in what they got; a function that grades it with more options."""
    (tmp_path / "roster.csv").write_text("id,name\ns1,A\ns2,B\n", "utf-8")
    (tmp_path / "secret").write_text(SECRET, "utf-8")
    (tmp_path / "t.csv").write_text("Identifier,Grade,ID number\nParticipant 1,,s1\n", "utf-8")
    (tmp_path / "o.csv").write_text(f"id,exercise,points\ns2,{EXERCISE},1\n", "utf-8")
    students = [Student("s1", "A"), Student("s2", "B")]
    hand_out("KL 1", [EXERCISE], students, read_secret(tmp_path / "secret"), tmp_path / "in")

    def run(*more):
        options = {
            "roster": "roster.csv",
            "secret-file": "secret",
            "submissions": "in",
            "out": "out",
        }
        command = ["grade", "KL 1"]
        for name, path in options.items():
            command += [f"--{name}", f"{tmp_path}/{path}"]
        return CliRunner().invoke(app, [*command, *(text.format(tmp_path) for text in more)])

    return run


def test_all_options_together(grade, tmp_path):
    run = grade(
        "--take", "best", "--worksheet", "{}/t.csv", "--overrides", "{}/o.csv", "--weight",
        f"{EXERCISE}=2", "--credit", "lost-half=0.5", "--credit", f"{EXERCISE}/dropped-mean=0.25",
        "--credit", f"{EXERCISE}/rounded=0.5", "--only", "s2",
    )  # fmt: skip
    assert run.exit_code == 2  # the table has s1 alone
    assert "names none of the students" in run.stderr
    assert "have the same name" in grade(*["--worksheet", "{}/t.csv"] * 2).stderr
    run = grade("--worksheet", "{}/t.csv", "--overrides", "{}/o.csv", "--weight", f"{EXERCISE}=2")
    assert run.exit_code == 0, run.output
    assert "2 of 2 students were graded" in run.stdout
    assert "s2,B,1" in (tmp_path / "out" / "moodle.csv").read_text("utf-8")
    assert "Participant 1,0,s1" in (tmp_path / "out" / "filled-t.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--take", "first", "--take is last or best, got 'first'"),
        ("--only", "s3", "s3 is not on the roster"),
        ("--weight", "kl-to-standard=2", "there is no 'kl-to-standard'; similar are: kl-to-"),
        ("--weight", EXERCISE, f"expected NAME=NUMBER, as in {EXERCISE}=0.5"),
        ("--weight", f"{EXERCISE}=-1", "expected NAME=NUMBER, as in"),
        ("--credit", "lost-hal=0.5", "there is no 'lost-hal'; similar are: lost-half"),
        ("--credit", "lost-half=2", "expected NAME=NUMBER up to 1, as in lost-half=0.5"),
        ("--drop", "kl", "no exercise is called 'kl'"),
        ("--drop", EXERCISE, "all exercises were dropped"),
        ("--drop", "kl-discrete", "dropped: kl-discrete was not handed out, but"),
        ("--weight", "kl-discrete=2", "weights and overrides: kl-discrete was not handed out"),
        ("--weight", f"{EXERCISE}={'9' * 400}", "expected NAME=NUMBER"),
        ("--worksheet", "{}/roster.csv", "is no table of Moodle"),
        ("--worksheet", "{}/none.csv", "No such file"),
        ("--overrides", "{}/roster.csv", "the columns are id, exercise, points"),
        ("--bank", "{}/none.py", "is not a file"),
        ("--bank", "{}/roster.csv", "roster.csv: NameError: name 'name' is not defined"),
    ],
)
def test_bad_options_are_messages_and_nothing_is_written(grade, tmp_path, option, value, message):
    run = grade(option, value)
    assert run.exit_code == 2, run.output
    assert message in run.stderr
    assert not (tmp_path / "out").exists()
