"""Every claim holds for five seeds: nbval runs seed 0, and these tests the others.

All of them take longer than the rest of the tests, so `make test` runs one of the four for each
chapter, not the same for all; .ci/run has the others, `pytest -m every_seed --dist load`.
"""

import pytest
from build import CLAIM
from seeds import SEEDS, SOURCES, measure, with_seed

OTHERS = SEEDS[1:]
CASES = [
    pytest.param(
        chapter,
        seed,
        id=f"{chapter.stem}-{seed}",
        marks=[] if seed == OTHERS[i % len(OTHERS)] else pytest.mark.every_seed,
    )
    for i, chapter in enumerate(SOURCES)
    for seed in OTHERS
]


@pytest.mark.parametrize(("chapter", "seed"), CASES)
def test_all_claims_hold_with_another_seed(chapter, seed, tmp_path):
    text = with_seed(seed, chapter)
    assert list(measure(text, tmp_path / chapter.name)) == CLAIM.findall(text)
