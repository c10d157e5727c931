"""Every claim holds for five seeds: nbval runs seed 0, these tests 3 and 4.

Another file has the rest, because xdist gives a file to one worker.
"""

import pytest
from build import CLAIM
from seeds import SOURCES, measure, with_seed


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("chapter", SOURCES, ids=lambda path: path.stem)
def test_all_claims_hold_with_another_seed(chapter, seed, tmp_path):
    text = with_seed(seed, chapter)
    assert list(measure(text, tmp_path / chapter.name)) == CLAIM.findall(text)
