"""The list of what the sources get wrong is complete, and what it says to show it exists."""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import ledger
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from torch.distributions import Laplace, kl_divergence

from course_lib.errata import Erratum, errata, link, outside, show_errata, table
from course_lib.exercises import bank
from course_lib.information import kl_discrete, kl_normal
from course_lib.models import VAE

ROOT = Path(__file__).parent.parent
CHAPTERS = {path.stem: path.read_text("utf-8") for path in ROOT.glob("chapters/source/*.py")}
NUMBERS = {int(name[:2]) for name in CHAPTERS} - {0}
TESTS = {
    path.relative_to(ROOT / "tests").as_posix(): path.read_text("utf-8")
    for path in ROOT.glob("tests/**/test_*.py")
}
VERDICTS = {"wrong", "over-claimed", "imprecise", "omitted", "notation", "right"}
TOPICS = {
    "autoencoder", "denoising", "sparse", "contractive", "KL divergence", "ELBO", "likelihoods",
    "VAE", "latent space", "β-VAE", "VQ-VAE", "notation and references",
}  # fmt: skip
LONGEST_QUOTE = 7  # words in a row that may also stand in the source


@cache
def known_checks() -> dict[str, set[str]]:
    """What may show an erratum, by kind."""
    tested = ledger.marks(TESTS)
    return {
        "claim": {name for text in CHAPTERS.values() for name in ledger.claims(text)},
        "equation": ledger.tags(CHAPTERS).keys() & tested,
        "test": {
            f"{file}::{node.name}"
            for file, text in TESTS.items()
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
        },
        "exercise": set(bank()),
    }


def check_problems(entries: list[Erratum]) -> Iterator[str]:
    """Checks that do not exist, and entries that have none and no reason either."""
    known = known_checks()
    for entry in entries:
        name = next(iter(entry.where))
        if bool(entry.shown_by) == bool(entry.reason):
            yield f"{name} has neither checks nor a reason, or both"
        for check in entry.shown_by:
            kind, what = check.split(":", 1)
            if what not in known.get(kind, ()):
                yield f"{name} is shown by {check}, which does not exist"


def field_problems(entries: list[Erratum]) -> Iterator[str]:
    """Ids given twice or badly formed; verdicts, topics and chapters that there are not."""
    for key, times in Counter(key for entry in entries for key in entry.where).items():
        if times > 1:
            yield f"{key} is given {times} times"
        if not re.fullmatch(r"(00[0-4]-(\d\d|n\d+))|(X-(\d\d|n\d+))", key):
            yield f"{key} is no id"
    for entry in entries:
        for allowed, given in ((VERDICTS, entry.verdict), (TOPICS, entry.topic)):
            if given not in allowed:
                yield f"{next(iter(entry.where))} has {given!r}, not one of {sorted(allowed)}"
        if not entry.chapters or not set(entry.chapters) <= NUMBERS:
            yield f"{next(iter(entry.where))} has chapters {entry.chapters}"


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def quotes(entries: list[Erratum], sources: list[str]) -> Iterator[str]:
    """What is said in the words of a source."""
    text = " ".join(words(" ".join(sources)))
    for entry in entries:
        said = words(entry.says)
        for start in range(len(said) - LONGEST_QUOTE):
            passage = " ".join(said[start : start + LONGEST_QUOTE + 1])
            if f" {passage} " in f" {text} ":
                yield f"{next(iter(entry.where))} quotes: {passage}"


def missing(listed: str, entries: list[Erratum], left_out: set[str]) -> set[str]:
    """Ids of errata.md that are neither an entry nor left out, or both."""
    ids = set(re.findall(r"^\| ((?:\d{3}|X)-\d+) \|", listed, re.MULTILINE))
    return ids ^ left_out ^ {key for entry in entries for key in entry.where if "-n" not in key}


# The file itself


def test_every_check_exists():
    assert list(check_problems(errata())) == []


def test_every_field_is_allowed():
    assert list(field_problems(errata())) == []


def test_no_entry_waits_for_its_check():
    assert [entry.where for entry in errata() if "TODO" in entry.reason] == []


def test_nothing_is_forgotten_and_nothing_quoted(source_documents):
    listed = (source_documents / "errata.md").read_text("utf-8")
    left_out = [key for keys in outside().values() for key in keys]
    assert len(left_out) == len(set(left_out))
    assert missing(listed, errata(), set(left_out)) == set()
    texts = [path.read_text("utf-8") for path in source_documents.glob("00*.txt")]
    assert len(texts) == 5
    assert list(quotes(errata(), texts)) == []


@pytest.mark.parametrize("number", sorted(NUMBERS - {99}))
def test_each_chapter_shows_its_own_table(number):
    text = "".join(text for name, text in CHAPTERS.items() if name.startswith(f"{number:02}"))
    assert text.count(f"\nshow_errata(chapter={number})\n") == 1
    assert "| source | says |" not in text


def test_the_appendix_shows_every_topic():
    text = CHAPTERS["99_the_sources_checked"]
    assert set(re.findall(r'^show_errata\(topic="(.+)"\)$', text, re.MULTILINE)) == TOPICS
    assert {entry.topic for entry in errata()} == TOPICS


# Each check can fail

GOOD = Erratum({"000-01": "A"}, "VAE", [7], r"it is \(x\)", "is not", "wrong", ("equation:VAE.1",))


@pytest.mark.parametrize(
    "change",
    [
        {"shown_by": ()},
        {"reason": "none"},
        {"shown_by": ("claim:VAE.no-such-claim",)},
        {"shown_by": ("equation:VAE.99",)},
        {"shown_by": ("equation:NO.1",)},
        {"shown_by": ("test:test_errata.py::test_none",)},
        {"shown_by": ("test:test_errata.py::words",)},
        {"shown_by": ("exercise:none",)},
        {"shown_by": ("proof:VAE.1",)},
    ],
    ids=str,
)
def test_a_check_that_does_not_exist_is_found(change):
    assert list(check_problems([GOOD])) == []
    assert len(list(check_problems([replace(GOOD, **change)]))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"where": {"005-01": "A"}},
        {"where": {"000-1": "A"}},
        {"topic": "vae"},
        {"verdict": "false"},
        {"chapters": []},
        {"chapters": [98]},
    ],
    ids=str,
)
def test_a_bad_field_is_found(change):
    assert list(field_problems([GOOD])) == []
    assert len(list(field_problems([replace(GOOD, **change)]))) == 1
    assert list(field_problems([GOOD, GOOD])) == ["000-01 is given 2 times"]


def test_eight_words_of_a_source_are_a_quote():
    source = ["One two *three* four,\nfive six seven eight nine."]
    eight = replace(GOOD, says="so: two three four five six seven eight nine")
    assert list(quotes([eight], source)) == [
        "000-01 quotes: two three four five six seven eight nine"
    ]
    assert (
        list(quotes([replace(GOOD, says="two three four five six seven eight ten")], source)) == []
    )


def test_a_forgotten_id_is_found():
    listed = "| id | where |\n|:--|:--|\n| 000-01 | A |\n| X-02 | B |\n"
    assert missing(listed, [GOOD], {"X-02"}) == set()
    assert missing(listed, [GOOD], set()) == {"X-02"}
    assert missing(listed, [GOOD], {"X-02", "X-03"}) == {"X-03"}
    assert missing(listed, [GOOD], {"X-02", "000-01"}) == {"000-01"}


# Tables


@pytest.mark.parametrize(
    ("check", "shown"),
    [
        ("claim:AE.half-loss", "[AE.half-loss](01_autoencoder.ipynb#cell-id=AE-half-loss)"),
        ("equation:KL.5", "[(KL.5)](05_kl_divergence.ipynb#cell-id=KL-5)"),
        ("test:test_errata.py::test_words", "[test words](../tests/test_errata.py)"),
        ("exercise:kl-in-bits", "exercise kl-in-bits"),
    ],
)
def test_checks_lead_to_where_they_are(check, shown):
    assert link(check) == shown


def test_a_table_has_a_row_of_five_cells_for_each_entry():
    untested = replace(GOOD, where={"001-02": "§4", "X-03": "all"}, shown_by=(), reason="a slip")
    head, rule, first, second = table([GOOD, untested]).splitlines()
    assert [line.count("|") for line in (head, rule, first, second)] == [6] * 4
    shown = "[(VAE.1)](07_variational_autoencoder.ipynb#cell-id=VAE-1)"
    assert first == rf"| 000-01 (A) | it is \(x\) | wrong | is not | {shown} |"
    assert second.startswith("| 001-02 (§4)<br>X-03 (all) |")
    assert second.endswith("| *a slip* |")


def test_no_cell_ends_early():
    assert {row.count("|") for row in table(errata()).splitlines()} == {6}


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_the_table_of_a_chapter_or_a_topic_is_displayed(shell):
    with capture_output() as captured:
        show_errata(chapter=6)
        show_errata(topic="sparse")
    chapter, topic = (output.data["text/markdown"] for output in captured.outputs)
    assert chapter == table(entry for entry in errata() if 6 in entry.chapters)
    assert topic == table(entry for entry in errata() if entry.topic == "sparse")


def test_a_table_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no erratum has chapter None or topic 'spares'"):
        show_errata(topic="spares")


# What no chapter shows


def test_the_divergences_of_two_centred_normals():  # 004-14, 004-15
    printed = 0.443, 0.693
    for sigma, values in {2**0.5: (0.0966, 0.1534), 2: (0.3181, 0.8069)}.items():
        both = kl_normal(0, 1, 0, sigma).item(), kl_normal(0, sigma, 0, 1).item()
        assert both == pytest.approx(values, abs=5e-5)
        assert both != pytest.approx(printed, abs=0.05)


def test_kl_does_not_add_up_when_only_q_factorises():  # 004-18
    p = torch.tensor([[0.4, 0.1], [0.2, 0.3]], dtype=torch.float64)
    q_x, q_y = torch.tensor([[0.7, 0.3], [0.2, 0.8]], dtype=torch.float64)
    p_x, p_y = p.sum(1), p.sum(0)
    joint = kl_discrete(p.flatten(), torch.outer(q_x, q_y).flatten())
    information = kl_discrete(p.flatten(), torch.outer(p_x, p_y).flatten())
    assert information > 0.05
    torch.testing.assert_close(joint, kl_discrete(p_x, q_x) + kl_discrete(p_y, q_y) + information)


def test_product_and_sum_of_logarithms_share_their_place_alone():  # 004-23
    chance = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    likelihoods = torch.stack([chance, chance, 1 - chance])  # heads, heads, tails
    product, total = likelihoods.prod(0), likelihoods.log().sum(0)
    assert product.argmax() == total.argmax()
    assert product.max() > 0 > total.max()


def test_laplace_distributions_have_both_as_well():  # 002-20
    m, s = torch.tensor([0.7, 0.4], dtype=torch.float64)
    q, p = Laplace(m, s), Laplace(0 * m, 1 + 0 * s)
    z = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    density = q.log_prob(z).exp()
    integral = torch.trapezoid(density * (q.log_prob(z) - p.log_prob(z)), z)
    torch.testing.assert_close(kl_divergence(q, p), integral, atol=1e-6, rtol=0)
    noise = torch.linspace(-3, 3, 7, dtype=torch.float64)  # of Laplace(0, 1), moved and stretched
    torch.testing.assert_close(q.log_prob(m + s * noise), p.log_prob(noise) - s.log())


def test_a_code_may_have_more_numbers_than_the_image():  # 004-04
    images = torch.rand(5, 1, 2, 2)
    model = VAE.dense((1, 2, 2), latent_dim=8, hidden=(3,))
    loss = model.loss(images, torch.Generator().manual_seed(0)).total
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad is not None for weight in model.decoder.parameters())


def test_with_alpha_from_0_the_line_starts_at_the_second_code():  # 004-42
    smile, neutral = torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 0.0])
    first, *_, last = (alpha * smile + (1 - alpha) * neutral for alpha in torch.linspace(0, 1, 5))
    assert torch.equal(first, neutral)
    assert torch.equal(last, smile)


def test_compression_in_bits():  # 004-58
    """VQ-VAE-2 on images of 256 × 256 with three bytes a pixel: grids of 32² and 64², K = 512."""
    values, bits, tokens = 3 * 256**2, 8 * 3 * 256**2, (32**2, 64**2)
    assert [values / n for n in tokens] == [192, 48]
    assert bits / (sum(tokens) * math.log2(512)) == pytest.approx(34.13, abs=0.01)
