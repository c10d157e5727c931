"""Every claim holds for five seeds: nbval runs seed 0, these tests the others."""

import re

import pytest
from claims import SOURCES, assert_all_claims_hold

SEED = re.compile(r"^seed = 0\b", re.MULTILINE)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("chapter", SOURCES, ids=lambda path: path.stem)
def test_all_claims_hold_with_another_seed(chapter, seed, tmp_path):
    text, replaced = SEED.subn(f"seed = {seed}", chapter.read_text(encoding="utf-8"))
    assert replaced == 1, f"{chapter.name} must set its seed once, in a line that begins seed = 0"
    assert_all_claims_hold(text, tmp_path / chapter.name)
