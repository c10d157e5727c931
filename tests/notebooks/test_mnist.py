"""Chapters that can run on MNIST in place of the small digits claim nothing that fails there.

A file of its own, so that another worker than that of test_seeds.py may take it.
"""

import pytest
from build import CLAIM
from seeds import SOURCES, measure

SWITCHED = [path for path in SOURCES if "COURSE_DATASET" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("chapter", SWITCHED, ids=lambda path: path.stem)
def test_all_claims_hold_on_mnist(chapter, real_files, tmp_path):
    text = chapter.read_text(encoding="utf-8")
    environment = {"COURSE_DATASET": "mnist", "COURSE_DATA_DIR": str(real_files)}
    measured = measure(text, tmp_path / chapter.name, **environment)
    assert list(measured) == CLAIM.findall(text)
