"""Answer cells and labels, whatever editors and students have done to them."""

import json
from pathlib import Path
from time import perf_counter

import pytest

from course_lib.grading.submissions import UnusableFile, digest, read_answer, read_notebook

HINT = "# kl-discrete: write between the quotes\n"


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('answer = ""', ""),
        ('answer = "24.1"', "24.1"),
        ("answer = '24.1'", "24.1"),
        ("answer = 24.1", "24.1"),
        ("answer=-24.1", "-24.1"),
        ("answer = log(3)/2", "log(3)/2"),
        ('answer = "24.1"  # nats', "24.1"),
        ("answer = 24.1  # nats", "24.1"),
        ('# by hand\nanswer = "24.1"', "24.1"),
        ("# by hand\n2.5", "2.5"),
        ("\n\n2.5\n", "2.5"),
        ('answer = "1"\nprint(answer)', "1"),
        ("answer = 1\nprint(answer)", "1"),
        ("answer = (1 +\n  log(2)  # one\n)/2\nprint(answer)", "(1 + log(2) )/2"),
        ('answer = """24.1"""', "24.1"),
        ('answer = """\n2.5\n"""', "2.5"),
        ("answer = '''\n1 +\n2\n'''", "1 + 2"),
        ('answer = "" 24.1', "24.1"),
        ("answer = “24.1”", "24.1"),
        ("answer = „24.1“", "24.1"),
        ("answer = «24.1»", "24.1"),
        ('answer = "24.1', "24.1"),
        ('answer = "24.1  # nats', "24.1"),
        ('Answer = "24.1"', "24.1"),
        ("24.1", "24.1"),
        ("answer == 3", "answer == 3"),
        ("", ""),
        ("answer =", ""),
        ("answer =\n2.5", "2.5"),
        ('answer = "C"', "C"),
        ("answer = __import__('os').system('id')", "__import__('os').system('id')"),
        ('answer = ("5.9")', '("5.9")'),
        ('answer = f"{kl}"', 'f"{kl}"'),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("hint", ["", HINT])
def test_answers_are_read_whole_with_and_without_quotes(source, answer, ends, hint):
    assert read_answer((hint + source).replace("\n", ends)) == (answer, "")


@pytest.mark.parametrize(
    ("source", "answer", "unread"),
    [
        ('answer = "1"\nanswer = "2"', "2", 'answer = "1"'),
        ('answer = ""\n24.1', "", "24.1"),
        ('answer = ""  # 2.5', "", "2.5"),
        ('# it is 2.5\nanswer = ""', "", "# it is 2.5"),
        ('answer = "0.5" + "x"', "0.5", '+ "x"'),
        ('answer = "0.5"\nkl = 3  # a try', "0.5", "kl = 3"),
        ("2.5\n3.5", "2.5", "3.5"),
        ('answer = "1\n+ 2"', "1", '+ 2"'),
    ],
)
def test_what_is_not_read_is_reported(source, answer, unread):
    assert read_answer(HINT + source) == (answer, unread)


@pytest.mark.parametrize("text", ['"', "(", "answer = ", "\n", "#", "(\n", '"""', "\r"])
def test_a_huge_answer_cell_costs_no_time(text):
    start = perf_counter()
    read_answer(text * 400_000)
    assert perf_counter() - start < 0.5


@pytest.mark.parametrize("other", ["a\r\nb", "a\rb", "a\nb\n", "a  \nb", "\na\nb\n\n", "a\u2028b"])
def test_line_ends_make_no_other_text(other):
    assert digest(other) == digest("a\nb")


def test_another_text_has_another_digest():
    assert len({digest(text) for text in ("a\nb", "ab", "a b", "a\n\nb", "A\nb")}) == 5


def saved(path: Path, **changes) -> Path:
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"course": {"x": 1}}, "cells": []}
    path.write_text(json.dumps(notebook | changes), "utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["x.ipynb", "x.ipynb.txt", "x.ipynb (1)", "x.json", "x", "x.IPYNB"]
)
@pytest.mark.parametrize("version", [4, 4.0])
def test_a_notebook_is_read_under_any_name(tmp_path, name, version):
    assert read_notebook(saved(tmp_path / name, nbformat=version)).label == {"x": 1}


def test_outputs_may_be_large(tmp_path):
    output = {
        "cell_type": "code",
        "source": "",
        "outputs": [{"data": {"image/png": "A" * 8_000_000}}],
    }
    assert read_notebook(saved(tmp_path / "x.ipynb", cells=[output])).label == {"x": 1}


def test_a_file_that_may_not_be_read_is_refused_like_any_other(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read all
    with pytest.raises(UnusableFile, match="cannot be read: Permission denied"):
        read_notebook(saved(tmp_path / "x.ipynb"))


def test_many_beginnings_of_a_label_cost_no_time(tmp_path):
    cell = {"cell_type": "markdown", "source": "<!-- course {" * 100_000}
    start = perf_counter()
    path = saved(tmp_path / "x.ipynb", metadata={}, cells=[cell])
    assert read_notebook(path).label == {}
    assert perf_counter() - start < 2


def test_half_a_character_is_none(tmp_path):
    cell = {"cell_type": "code", "id": "answer-a", "source": 'answer = "\ud800"'}
    path = saved(tmp_path / "x.ipynb", cells=[cell])
    assert read_notebook(path).answers["a"][0].answer == "?"
