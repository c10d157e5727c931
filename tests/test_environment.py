"""pyproject.toml is the only list of dependencies: complete, pinned, and repeated nowhere.

What else says something of the project agrees with it.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec, Version, VersionSpec

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [f"{major}.{minor}" for major in (2, 3, 4) for minor in range(40)]


def declared(project: dict) -> dict[str, Requirement]:
    """Every requirement of the project, those of the extras included, by canonical name."""
    texts = sum(project["optional-dependencies"].values(), project["dependencies"])
    return {canonicalize_name(r.name): r for r in map(Requirement, texts)}


def environment_problems(environment: dict, project: dict) -> list[str]:
    """What is wrong with environment.yml."""
    *conda, pip = environment["dependencies"]
    specs = {spec.name.normalized: spec for spec in map(MatchSpec, conda)}
    problems = [f"{name} is repeated" for name in specs.keys() & declared(project).keys()]
    if pip != {"pip": ["-c constraints.txt", "-e .[lab]"]}:
        problems.append("pip does not install this package alone, under the constraints")
    if environment["channels"] != ["conda-forge"]:
        problems.append("there are other channels than conda-forge")
    if specs.keys() - declared(project).keys() != {"python", "pip"}:
        problems.append("conda does not install python and pip alone")
    return problems + python_problems(specs["python"].version, project["requires-python"])


def python_problems(spec: str | None, required: str) -> list[str]:
    """What is wrong with the version of Python that conda installs."""
    wanted = VersionSpec(spec or "*")
    allowed = [version for version in PYTHONS if wanted.matches(Version(version))]
    wrong = [version for version in allowed if version not in SpecifierSet(required)]
    if wrong or not allowed:
        return [f"python {spec} is not the {required} of pyproject.toml"]
    return []


def constraint_problems(constraints: str, project: dict) -> list[str]:
    """Requirements that constraints.txt does not pin, or pins to a version not allowed."""
    lines = [line for line in constraints.splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(name): version for name, version in (x.split("==") for x in lines)}
    return [
        f"{requirement} is pinned to {pins.get(name)}"
        for name, requirement in declared(project).items()
        if name not in pins or pins[name] not in requirement.specifier
    ] + [
        f"{name} {version} exists on one machine only"
        for name, version in pins.items()
        if "+" in version
    ]


def imported(text: str) -> set[str]:
    """The top-level modules that a text imports, at its top or inside functions."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in names}


@cache
def installed() -> Mapping[str, list[str]]:
    """The distributions from which each module comes."""
    return packages_distributions()


def import_problems(text: str, project: dict, own: set[str]) -> list[str]:
    """Modules that are imported but come from no declared requirement."""
    distributions = installed()
    return [
        f"{module} is imported but not declared"
        for module in sorted(imported(text) - own - sys.stdlib_module_names)
        if declared(project)
        .keys()
        .isdisjoint(map(canonicalize_name, distributions.get(module, [module])))
    ]


# The course itself


def test_environment_yml():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert environment_problems(environment, PROJECT) == []


def test_constraints():
    assert constraint_problems((ROOT / "constraints.txt").read_text("utf-8"), PROJECT) == []


def test_torch_is_spelled_exactly():
    assert "torch==2.13.0" in PROJECT["dependencies"]


def test_tools_whose_versions_find_different_things_are_spelled_exactly():
    lint = map(Requirement, PROJECT["optional-dependencies"]["lint"])
    assert [str(tool.specifier)[:2] for tool in lint] == ["==", "=="]


def test_the_pythons_that_are_named_are_allowed_from_the_first():
    names = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    first, *_ = names
    assert PROJECT["requires-python"] == f">={first}"
    assert all(name in SpecifierSet(PROJECT["requires-python"]) for name in names)


def test_the_command_exists():
    ((name, place),) = PROJECT["scripts"].items()
    assert name == "course"
    assert callable(EntryPoint(name, place, "console_scripts").load())


def test_licence_citation_and_changelog_agree():
    (licence,) = PROJECT["license-files"]
    text = (ROOT / licence).read_text("utf-8")
    assert f"SPDX-License-Identifier: {PROJECT['license']}\n" in text
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert " AND ".join(citation["license"]) == PROJECT["license"]
    assert citation["version"] == PROJECT["version"]
    versions = re.findall(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]] or versions[0] == PROJECT["version"]


def test_links_between_the_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_imports():
    library, chapters, tests = (
        sorted((ROOT / folder).rglob("*.py")) for folder in ("course_lib", "chapters", "tests")
    )
    own = {"course_lib"} | {path.stem for path in chapters + tests}
    found = {
        str(path): import_problems(path.read_text("utf-8"), PROJECT, own)
        for path in library + chapters + tests
    }
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_the_library_needs_jupyter_only_to_serve_it_and_a_browser_only_to_draw():
    bare = PROJECT | {"optional-dependencies": {}}
    needing = {
        path.name
        for path in (ROOT / "course_lib").rglob("*.py")
        if import_problems(path.read_text("utf-8"), bare, {"course_lib"})
    }
    assert needing == {"contents.py", "page.py"}
    assert "jupyterlab" not in declared(bare)


# Each check can fail

SMALL = {
    "requires-python": ">=3.11",
    "dependencies": ["torch==2.13.0"],
    "optional-dependencies": {"test": ["PyYAML>=6.0"], "bench": ["pytest-benchmark"]},
}
PINS = "# made by hand\ntorch==2.13.0\nPyYAML==6.0.3\npytest_benchmark==5.3.1\nother==1"


def environment(
    *conda: str, pip=("-c constraints.txt", "-e .[lab]"), channel="conda-forge"
) -> dict:
    return {"channels": [channel], "dependencies": [*conda, {"pip": list(pip)}]}


@pytest.mark.parametrize("python", ["python=3.11", "python >=3.11", "python>=3.12,<3.14"])
def test_a_good_environment_has_no_problem(python):
    assert environment_problems(environment(python, "pip"), SMALL) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (environment("python=3.10", "pip"), "python 3.10.* is not the >=3.11"),
        (environment("python>=3.9", "pip"), "python >=3.9 is not the >=3.11"),
        (environment("python", "pip"), "python None is not the >=3.11"),
        (environment("python=3.11", "pip", "pyyaml"), "pyyaml is repeated"),
        (environment("python=3.11", "pip", "scipy"), "conda does not install python and pip alone"),
        (environment("python=3.11"), "conda does not install python and pip alone"),
        (environment("python=3.11", "pip", pip=["-e .[lab]"]), "pip does not install"),
        (environment("python=3.11", "pip", channel="defaults"), "there are other channels"),
    ],
)
def test_a_bad_environment_is_found(bad, problem):
    (found,) = environment_problems(bad, SMALL)
    assert found.startswith(problem)


def test_a_spec_that_conda_cannot_read_is_found():
    with pytest.raises(Exception, match="unable to parse"):
        environment_problems(environment("python=>3.11", "pip"), SMALL)


def test_good_constraints_have_no_problem():
    assert constraint_problems(PINS, SMALL) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("PyYAML==6.0.3\n", "", "PyYAML>=6.0 is pinned to None"),
        ("PyYAML==6.0.3", "PyYAML==5.4", "PyYAML>=6.0 is pinned to 5.4"),
        ("torch==2.13.0", "torch==2.13.0+cpu", "torch 2.13.0+cpu exists on one machine only"),
    ],
)
def test_bad_constraints_are_found(old, new, problem):
    assert constraint_problems(PINS.replace(old, new), SMALL) == [problem]


@pytest.mark.parametrize(
    "text",
    ["import scipy.stats", "from scipy import stats", "def f():\n    import os, scipy"],
)
def test_an_undeclared_import_is_found(text):
    assert import_problems(text, SMALL, set()) == ["scipy is imported but not declared"]


def test_declared_own_and_standard_modules_are_no_problem():
    text = "import os, yaml, torch.nn, helper\nfrom . import sibling\nfrom __future__ import x"
    assert import_problems(text, SMALL, {"helper"}) == []
