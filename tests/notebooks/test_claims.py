"""Running a chapter's claims, also where no process can be forked, as on Windows."""

import json
import multiprocessing
import re

import pytest
import seeds
from build import CLAIM

from course_lib.notebook.claims import DATA_DIR

HONEST = """
from course_lib.notebook import claim
seed = 0
claim("AE.one", "σ is positive", 1 + seed, at_least=1)
"""
METHODS = set(multiprocessing.get_all_start_methods()) & {"forkserver", "spawn"}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_claims_that_hold_pass_and_others_do_not(method, monkeypatch, tmp_path):
    if method != "forkserver":  # whose imports are done
        monkeypatch.setattr(seeds, "PROCESSES", multiprocessing.get_context(method))
    assert seeds.measure(HONEST, tmp_path / "honest.py") == {"AE.one": 1}
    with pytest.raises(AssertionError, match=r"claim AE\.one does not hold"):
        seeds.measure(HONEST.replace("at_least", "at_most=0.5, at_least"), tmp_path / "wrong.py")


def test_what_is_kept_is_what_five_seeds_measured(monkeypatch, tmp_path, capsys):
    chapter = tmp_path / "01_one.py"
    chapter.write_text(HONEST, "utf-8")
    (kept := tmp_path / "claims.json").write_text('{"AE.gone": [1], "AE.one": [7]}', "utf-8")
    monkeypatch.setattr(seeds, "SOURCES", [chapter])
    monkeypatch.setattr(seeds, "KEPT", kept)
    seeds.main()
    assert json.loads(kept.read_text("utf-8")) == {"AE.one": [1, 2, 3, 4, 5]}
    assert capsys.readouterr().out == "01_one 1 claims\n"


def test_a_chapter_without_its_seed_is_refused(tmp_path):
    (chapter := tmp_path / "01_one.py").write_text(HONEST.replace("seed = 0", ""), "utf-8")
    with pytest.raises(ValueError, match=re.escape("01_one.py must set its seed once")):
        seeds.with_seed(1, chapter)


def test_every_claim_shows_five_seeds():
    kept = json.loads((DATA_DIR / "claims.json").read_text("utf-8"))
    assert list(kept) == [
        n for path in seeds.SOURCES for n in CLAIM.findall(path.read_text("utf-8"))
    ]
    assert {len(values) for values in kept.values()} == {5}
