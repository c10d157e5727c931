"""The equation ledger: every displayed formula has a tag, and every tag has a test.

The functions take texts by name, {"chapters/source/01_x.py": "…"}, and return problems as
sentences.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import jupytext

TAG = re.compile(r"\\tag\{(.*?)\}")
DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
REFERENCE = re.compile(r"\(([A-Z][A-Z0-9]*\.\d+)\)")
CLAIM = re.compile(r"[A-Z][A-Z0-9]*\.[a-z0-9]+(-[a-z0-9]+)*")


def markdown(chapter: str) -> str:
    """The prose of a chapter, without its code."""
    cells = jupytext.reads(chapter, fmt="py:percent").cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def tags(chapters: dict[str, str]) -> dict[str, list[str]]:
    """The chapters in which each tag stands; a chapter is repeated when its tag is."""
    places = defaultdict(list)
    for name, text in chapters.items():
        for tag in TAG.findall(markdown(text)):
            places[tag].append(name)
    return places


def marks(tests: dict[str, str]) -> dict[str, list[str]]:
    """The tests bound to each tag by @pytest.mark.equation."""
    places = defaultdict(list)
    for name, text in tests.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and _is_test(node.name):
                for tag in _marked(node):
                    places[tag].append(f"{name}::{node.name}")
    return places


def _is_test(name: str) -> bool:
    return name.startswith(("test", "Test"))


def _marked(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.equation":
            yield from map(ast.literal_eval, call.args)


def equation_problems(chapters: dict[str, str], tests: dict[str, str]) -> list[str]:
    """Tags without a test, tests without a tag, and tags used twice."""
    tagged, marked = tags(chapters), marks(tests)
    return (
        [f"({tag}) in {tagged[tag][0]} has no test" for tag in sorted(tagged.keys() - marked)]
        + [
            f"{marked[tag][0]} tests ({tag}), which is in no chapter"
            for tag in sorted(marked.keys() - tagged)
        ]
        + [
            f"({tag}) is used twice: {', '.join(where)}"
            for tag, where in sorted(tagged.items())
            if len(where) > 1
        ]
    )


def order_problems(chapters: dict[str, str]) -> list[str]:
    """Tags that are not numbered in the order in which a reader meets them, chapter by chapter."""
    problems, last = [], Counter()
    for tag, (name, *_) in tags(chapters).items():
        prefix = tag.split(".")[0]
        last[prefix] += 1
        if tag != (expected := f"{prefix}.{last[prefix]}"):
            problems.append(f"({tag}) in {name} should be ({expected})")
    return problems


def display_problems(chapters: dict[str, str]) -> list[str]:
    """Displayed formulas that do not have exactly one tag."""
    return [
        f"a formula in {name} has {len(TAG.findall(formula))} tags: {formula.strip()}"
        for name, text in chapters.items()
        for formula in DISPLAY.findall(markdown(text))
        if len(TAG.findall(formula)) != 1
    ]


def reference_problems(chapters: dict[str, str], library: dict[str, str]) -> list[str]:
    """Equations named in the library's docstrings and messages that stand in no chapter."""
    tagged = tags(chapters)
    return [
        f"{name} refers to ({tag}), which is in no chapter"
        for name, text in library.items()
        for string in _strings(text)
        for tag in REFERENCE.findall(string)
        if tag not in tagged
    ]


def _strings(text: str) -> Iterator[str]:
    """Docstrings, and messages such as those of the exercises."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def claim_problems(chapters: dict[str, str]) -> list[str]:
    """Claims whose name is not PREFIX.words-with-dashes, or is used twice."""
    names = [(claim, chapter) for chapter, text in chapters.items() for claim in claims(text)]
    count = Counter(claim for claim, _ in names)
    return [
        f"claim {claim} in {chapter} is not named like PREFIX.words-with-dashes"
        for claim, chapter in names
        if not CLAIM.fullmatch(claim)
    ] + [f"claim {claim} is made {n} times" for claim, n in count.items() if n > 1]


def claims(text: str) -> Iterator[str]:
    """The names of the claims in the code of a chapter."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "claim":
            name = node.args[0] if node.args else node
            yield name.value if isinstance(name, ast.Constant) else ast.unparse(name)
