"""The equation ledger is complete, and each of its checks can fail."""

from pathlib import Path

import ledger
import pytest

ROOT = Path(__file__).parent.parent

CHAPTER = r"""
# %% [markdown]
# The loss is
# $$
# L = \sum_i (x_i - \hat x_i)^2  \tag{AE.1}
# $$
# and $$E = mc^2 \tag{AE.2}$$

# %%
claim("AE.two-holes", "There are two holes.", holes == 2)
"""
TEST = """
@pytest.mark.slow
@pytest.mark.equation("AE.1")
@pytest.mark.equation("AE.2")
def test_loss(): pass
"""


def texts(pattern: str) -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for path in sorted(ROOT.glob(pattern), key=lambda path: path.stem)
    }


def test_the_course_has_no_problem():
    chapters = texts("chapters/source/*.py")
    tests, library = texts("tests/**/test_*.py"), texts("course_lib/**/*.py")
    assert ledger.equation_problems(chapters, tests) == []
    assert ledger.display_problems(chapters) == []
    assert ledger.order_problems(chapters) == []
    assert ledger.reference_problems(chapters, library) == []
    assert ledger.claim_problems(chapters) == []


@pytest.mark.parametrize(
    "test",
    [
        TEST,
        TEST.replace('@pytest.mark.equation("AE.1")\n', "").replace('"AE.2"', '"AE.1", "AE.2"'),
        TEST.replace("def test_loss(): pass", "class TestLoss: pass"),
    ],
    ids=["two marks", "one mark for two", "class"],
)
def test_a_complete_ledger_has_no_problem(test):
    chapters = {"01.py": CHAPTER}
    assert ledger.equation_problems(chapters, {"test_ae.py": test}) == []
    assert ledger.display_problems(chapters) == []
    assert ledger.reference_problems(chapters, {"ae.py": '"""The loss (AE.1)."""'}) == []
    assert ledger.claim_problems(chapters) == []


@pytest.mark.parametrize(
    ("chapters", "test", "problem"),
    [
        ([CHAPTER], TEST.replace('@pytest.mark.equation("AE.1")\n', ""), "(AE.1) in 0 has no test"),
        ([CHAPTER], TEST.replace("test_loss", "helper"), "(AE.1) in 0 has no test"),
        ([CHAPTER], TEST.replace('"AE.2"', '"AE.2", "AE.3"'), "test.py::test_loss tests (AE.3)"),
        ([CHAPTER, CHAPTER], TEST, "(AE.1) is used twice: 0, 1"),
        ([CHAPTER.replace("AE.2", "AE.1")], TEST, "(AE.1) is used twice: 0, 0"),
        ([CHAPTER.replace("# and", "\n# %%\n#")], TEST, "tests (AE.2)"),
    ],
    ids=["untested", "not a test", "no formula", "twice", "twice in one chapter", "tag in code"],
)
def test_a_problem_with_equations_is_found(chapters, test, problem):
    chapters = {str(number): text for number, text in enumerate(chapters)}
    assert problem in "\n".join(ledger.equation_problems(chapters, {"test.py": test}))


def test_tags_out_of_order_are_found():
    later = CHAPTER.replace("AE.1", "AE.3").replace("AE.2", "AE.4")
    assert ledger.order_problems({"01.py": CHAPTER, "02.py": later}) == []
    problems = ledger.order_problems({"01.py": later, "02.py": CHAPTER})
    assert problems[0] == "(AE.3) in 01.py should be (AE.1)"


@pytest.mark.parametrize(
    "chapter",
    [CHAPTER.replace(r"\tag{AE.2}", ""), CHAPTER.replace(r"\tag{AE.1}", r"\tag{AE.1} \tag{AE.3}")],
    ids=["no tag", "two tags"],
)
def test_a_display_without_exactly_one_tag_is_found(chapter):
    (problem,) = ledger.display_problems({"01.py": chapter})
    assert problem.startswith("a formula in 01.py has")


@pytest.mark.parametrize(
    "library",
    ['"""As in (AE.1) and (AE.9)."""', 'class A:\n    def f(self):\n        """(AE.9)"""'],
    ids=["module", "method"],
)
def test_a_reference_to_no_equation_is_found(library):
    problems = ledger.reference_problems({"01.py": CHAPTER}, {"ae.py": library})
    assert problems == ["ae.py refers to (AE.9), which is in no chapter"]


@pytest.mark.parametrize("name", ['"two-holes"', '"AE.two holes"', '"AE.Holes"', "name"])
def test_a_badly_named_claim_is_found(name):
    chapter = CHAPTER.replace('"AE.two-holes"', name)
    (problem,) = ledger.claim_problems({"01.py": chapter})
    assert "is not named like" in problem


def test_a_claim_made_twice_is_found():
    problems = ledger.claim_problems({"01.py": CHAPTER, "02.py": CHAPTER})
    assert problems == ["claim AE.two-holes is made 2 times"]
