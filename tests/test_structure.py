"""How the parts of the library are made: signatures that say all, and no tower of classes."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import course_lib.models
from course_lib import likelihoods, models, objectives, priors
from course_lib.training import sweeps

PARTS = [likelihoods, objectives, priors]
MODULES = [
    *PARTS,
    sweeps,
    *(
        importlib.import_module(f"course_lib.models.{module.name}")
        for module in pkgutil.iter_modules(course_lib.models.__path__)
    ),
]
CLASSES = [
    cls
    for module in MODULES
    for cls in vars(module).values()
    if inspect.isclass(cls) and cls.__module__ == module.__name__
]
PUBLIC = [
    *(getattr(models, name) for name in models.__all__),
    *(cls for cls in CLASSES if any(cls.__module__ == part.__name__ for part in PARTS)),
]
for what_others_are in (objectives.Objective, likelihoods.Likelihood, priors.Prior):
    PUBLIC.remove(what_others_are)  # nobody makes one
UNNAMED = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def constructors(cls):
    """The class, and the class methods that make one of it."""
    named = (name for name, value in vars(cls).items() if isinstance(value, classmethod))
    return [cls, *(getattr(cls, name) for name in named if not name.startswith("_"))]


def test_every_public_class_is_looked_at():
    names = {cls.__name__ for cls in PUBLIC}
    assert {"VQVAE", "Bernoulli", "StandardNormal", "DiagonalNormal", "Beta", "Loss"} <= names
    assert models.VAE.dense in constructors(models.VAE)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
def test_signatures_name_every_argument(cls):
    for make in constructors(cls):
        kinds = {parameter.kind for parameter in inspect.signature(make).parameters.values()}
        assert not kinds & UNNAMED, make


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_inheritance_within_the_library_has_depth_one(cls):
    ancestors = [base for base in cls.__mro__[1:] if base.__module__.startswith("course_lib")]
    assert len(ancestors) <= 1


LIBRARY = Path(course_lib.models.__file__).parents[1]
ORDER = (
    "checks", "progress", "noise", "information", "likelihoods", "priors", "dequantization",
    "objectives", "models",
    "training", "evaluation", "datasets", "errata", "mnist_likelihood",
    "mnist_labels", "mnist_outliers", "plots", "notebook",
    "exercises", "grading", "widgets", "contents", "__main__",
)  # fmt: skip


def imported(path):
    """The parts of the library that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "course_lib":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            yield from (n.split(".")[1] for n in names if n.startswith("course_lib."))


def test_imports_run_one_way():
    files = {p: p.relative_to(LIBRARY).parts[0].removesuffix(".py") for p in LIBRARY.rglob("*.py")}
    assert {part for part in files.values() if part != "__init__"} == set(ORDER)
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {other}"
        for path, part in files.items()
        for other in imported(path)
        if ORDER.index(other) > ORDER.index(part)
    ]
    assert wrong == []
