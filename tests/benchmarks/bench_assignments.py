"""Handing out and grading ten exercises, on one core and with the memory that it takes.

Time grows in proportion to the class and memory does not: compare the rows of 100 and 1,000
students. The most memory the process ever held, in MB, is among the row's "extra_info" (pytest
--benchmark-json=FILE writes it). On one idle core 1,000 students should take less than 5 s to hand
out and 15 s to grade, and less than 320 MB.
"""

import json
import subprocess
import sys

import pytest

from course_lib.exercises import bank
from course_lib.grading.assignments import Student, hand_out

NAME, SECRET = "KL 1", b"0123456789abcdef0123456789abcdef"
FORMULAS = [exercise.id for exercise in bank().values() if exercise.kind == "formula"]
OTHERS = [exercise.id for exercise in bank().values() if exercise.kind != "formula"]
EXERCISES = FORMULAS[:3] + OTHERS[:7]  # formulas, compared at many points, take longest
MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "course_lib", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture(params=[100, 1000])
def course(request, tmp_path):
    """A roster, a secret and, in handed/, notebooks with a wrong answer in each cell."""
    students = [Student(f"s{number:04}", f"Student {number}") for number in range(request.param)]
    lines = [f"{student.id},{student.name}" for student in students]
    (tmp_path / "roster.csv").write_text("\n".join(["id,name", *lines]), "utf-8")
    (tmp_path / "secret").write_bytes(SECRET)
    hand_out(NAME, EXERCISES, students, SECRET, tmp_path / "handed")
    for path in (tmp_path / "handed").iterdir():
        notebook = json.loads(path.read_bytes())
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["source"] = 'answer = "-12345.6"'  # compared with every mistake in vain
        path.write_text(json.dumps(notebook), "utf-8")
    return tmp_path


def measure(benchmark, course, *arguments: str) -> None:
    options = ["--roster", f"{course}/roster.csv", "--secret-file", f"{course}/secret"]
    outs = iter(range(100))
    memory = []

    def step():
        command = [sys.executable, "-c", MEASURED, *arguments, *options]
        out = ["--out", f"{course}/out{next(outs)}"]
        run = subprocess.run(command + out, check=True, capture_output=True, text=True)
        memory.append(int(run.stdout.splitlines()[-1]) // 1024)  # Linux counts in KB

    benchmark.pedantic(step, rounds=2)
    benchmark.extra_info["MB"] = max(memory)


def test_handing_out(benchmark, course):
    measure(benchmark, course, "assign", NAME, "--exercises", ",".join(EXERCISES))


def test_grading(benchmark, course):
    measure(benchmark, course, "grade", NAME, "--submissions", f"{course}/handed")
