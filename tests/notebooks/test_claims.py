"""Running a chapter's claims, also where no process can be forked, as on Windows."""

import multiprocessing

import claims
import pytest

HONEST = "from course_lib.notebook import claim\nclaim('AE.one', 'σ is positive', 1 > 0)\n"
WRONG = HONEST.replace(">", "<")
METHODS = set(multiprocessing.get_all_start_methods()) & {"forkserver", "spawn"}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_claims_that_hold_pass_and_others_do_not(method, monkeypatch, tmp_path):
    if method != "forkserver":  # whose imports are done
        monkeypatch.setattr(claims, "PROCESSES", multiprocessing.get_context(method))
    claims.assert_all_claims_hold(HONEST, tmp_path / "honest.py")
    with pytest.raises(AssertionError, match=r"claim AE\.one does not hold"):
        claims.assert_all_claims_hold(WRONG, tmp_path / "wrong.py")
