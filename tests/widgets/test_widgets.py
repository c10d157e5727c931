"""What holds for every widget: light and dark, narrow and wide, for keyboards and screen readers."""

# ruff: noqa: E501

import pytest
import torch

from course_lib import widgets
from course_lib.evaluation import OneDimensionalModel
from course_lib.likelihoods import squared_error
from course_lib.models import (
    VAE,
    VQVAE,
    VQVAE2,
    Autoencoder,
    ConditionalVAE,
    ContractiveAutoencoder,
    OneHot,
    SparseAutoencoder,
    VectorQuantizer,
)  # fmt: skip
from course_lib.objectives import EveryBeta
from course_lib.widgets import (
    BetaExplorer,
    CodebookExplorer,
    ConditionExplorer,
    ContractionEllipse,
    DenoisingField,
    EvidenceGap,
    ExerciseCard,
    GaussianKL,
    Interpolation,
    LatentTraversal,
    LossCurves,
    PosteriorPlane,
    Prediction,
    PriorPlane,
    Reparameterization,
    Sound,
    SparseSweep,
    SweepRows,
    TokenEditor,
    TokenLevels,
    TrainingScrubber,
    denoising_rows,
)  # fmt: skip

NARROW, WIDE = 360, 1280  # CSS pixels: a phone, and a window
GREY = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
COLOUR = torch.rand(12, 3, 32, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 10


def blobs(places):
    """A surface: (B, 2) → a bright spot at each place, (B, 1, 8, 8)."""
    grid = torch.linspace(0, 1, 8)
    x, y = ((-((grid - place[:, None]) ** 2) * 20).exp() for place in (places[:, 0], places[:, 1]))
    return (y[:, :, None] * x[:, None, :])[:, None]


def conditional():
    every = EveryBeta(0.1, 4.0)
    return BetaExplorer(ConditionalVAE.dense((1, 8, 8), 3, 1), every, GREY, [(1.0, 3.0, 20.0)])


EXAMPLES = {
    "GaussianKL": GaussianKL,
    "LossCurves": lambda: LossCurves({"squared error": squared_error, "half": lambda x, y: (y * x)[:, 0]}),
    "Reparameterization": Reparameterization,
    "EvidenceGap": lambda: EvidenceGap(OneDimensionalModel(lambda z: torch.tanh(2 * z), 0.5), x=0.7),
    "ExerciseCard": lambda: ExerciseCard("kl-to-standard-normal"),
    "ExerciseCard, a choice": lambda: ExerciseCard("what-kl-measures"),
    "DenoisingField": lambda: DenoisingField(torch.randn(20, 2, generator=torch.Generator())),
    "LatentTraversal": lambda: LatentTraversal(Autoencoder((1, 8, 8), 3), GREY),
    "LatentTraversal, a plane": lambda: LatentTraversal(
        VAE.convolutional((3, 32, 16), 2), COLOUR, LABELS, map="both"
    ),
    "SweepRows": lambda: SweepRows("λ", {0.0: {"image": GREY}, 0.5: {"image": 1 - GREY}}),
    "SweepRows, colour": lambda: SweepRows("λ", {0: {"x": COLOUR}, 1: {"x": 1 - COLOUR}}),
    "SweepRows, denoising": lambda: denoising_rows({"plain": Autoencoder((1, 8, 8), 3)}, GREY),
    "Interpolation": lambda: Interpolation(GREY, {"autoencoder": Autoencoder((1, 8, 8), 3)}),
    "Prediction": lambda: Prediction({1: 4.0, 2: 3.0, 4: 2.5}, "d", "squared error"),
    "PriorPlane": lambda: PriorPlane({"one": VAE.dense((1, 8, 8), 2), "two": VAE.dense((1, 8, 8), 2, seed=1)}, GREY),
    "Sound": lambda: Sound(torch.sin(torch.arange(4000) * 0.3), 8000, "a tone"),
    "SparseSweep": lambda: SparseSweep(
        {(w, rho): SparseAutoencoder((1, 8, 8), 9) for w in (0.0, 1.0) for rho in (0.1, 0.2)}, GREY
    ),
    "ContractionEllipse": lambda: ContractionEllipse(
        {w: ContractiveAutoencoder((1, 8, 8), 2, seed=i) for i, w in enumerate((0.0, 0.1, 1.0))}, blobs
    ),
    "BetaExplorer": conditional,
    "ConditionExplorer": lambda: ConditionExplorer(
        ConditionalVAE.dense((1, 8, 8), 3, 10, embedding=OneHot(10)), GREY, LABELS, [*"0123456789"]
    ),
    "ConditionExplorer, attributes": lambda: ConditionExplorer(
        ConditionalVAE.convolutional((3, 32, 16), 7, 2), COLOUR, COLOUR[:, :2, 0, 0], ["smile", "glasses"]
    ),
    "CodebookExplorer": lambda: CodebookExplorer(torch.randn(30, 2), K=5),
    "CodebookExplorer, a model": lambda: CodebookExplorer(
        model=VQVAE.dense((1, 8, 8), VectorQuantizer(6, 2), tokens=1), images=GREY
    ),
    "TokenEditor": lambda: TokenEditor(VQVAE.convolutional((1, 8, 8), VectorQuantizer(8, 4)), GREY),
    "PosteriorPlane": lambda: PosteriorPlane(
        {"usual": torch.randn(3, len(LABELS), 2)}, [0, 10, 100], LABELS
    ),
    "TrainingScrubber": lambda: TrainingScrubber({i: GREY[:, 0, i, :2] for i in range(3)}, LABELS),
    "TokenLevels": lambda: TokenLevels(
        VQVAE2.convolutional((3, 32, 16), [VectorQuantizer(9, 3), VectorQuantizer(5, 2)], (4,)), COLOUR
    ),
    "TokenEditor, colour": lambda: TokenEditor(
        VQVAE.convolutional((3, 32, 16), VectorQuantizer(8, 4)), COLOUR
    ),
}  # fmt: skip


def test_every_widget_has_an_example():
    classes = {name for name in widgets.__all__ if isinstance(getattr(widgets, name), type)}
    assert classes == {name.split(",")[0] for name in EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_leaves_the_page_and_text_can_be_read(shown, name):
    widget = EXAMPLES[name]()
    for width in (NARROW, WIDE):
        page = shown(widget, width=width, dark=width == NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            """width => [...document.querySelectorAll("button, input, canvas, text, td, p, span")]
                .filter((part) => !part.closest(".scrolls") && part.getClientRects().length)
                .filter((part) => part.getBoundingClientRect().right > width + 1
                    || part.getBoundingClientRect().left < -1)
                .map((part) => part.outerHTML.slice(0, 80))""",
            width,
        )
        assert outside == []
        small = page.evaluate(
            """() => [...document.querySelectorAll(".course *")]
                .filter((part) => [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
                .map((part) => {
                    const scale = part.ownerSVGElement
                        ? Math.hypot(part.getScreenCTM().a, part.getScreenCTM().b) : 1;
                    return [part.textContent, parseFloat(getComputedStyle(part).fontSize) * scale];
                }).filter(([, size]) => size < 10.5)"""
        )
        assert small == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(shown, dark):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    found = axe.Axe().run(shown(*(make() for make in EXAMPLES.values()), dark=dark))
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", [name for name in EXAMPLES if "Exercise" not in name])
def test_a_key_on_a_slider_is_announced(shown, name):
    page = shown(EXAMPLES[name]())
    said = page.get_by_role("status").all_inner_texts()
    assert said and all(said)
    for slider in page.get_by_role("slider").all():
        assert slider.get_attribute("aria-label")
        value = slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        if slider.get_attribute("aria-valuetext") == value and slider.is_enabled():
            slider.press("ArrowLeft")  # it stood at its end
        assert slider.is_disabled() or slider.get_attribute("aria-valuetext") != value
    page.wait_for_function(
        """before => JSON.stringify([...document.querySelectorAll("[role=status]")]
            .map((line) => line.innerText)) !== JSON.stringify(before)""",
        arg=said,
    )


@pytest.mark.parametrize(
    "name",
    [
        "DenoisingField",
        "LatentTraversal, a plane",
        "CodebookExplorer",
        "TrainingScrubber",
        "PriorPlane",
    ],
)
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_plane_has_one_scale_both_ways(shown, name, width):
    page = shown(EXAMPLES[name](), width=width)
    inside = page.locator("svg clipPath rect").first
    assert inside.get_attribute("width") == inside.get_attribute("height")
    box = page.locator("svg").first.bounding_box()  # as it is drawn
    view = [float(x) for x in page.locator("svg").first.get_attribute("viewBox").split()[2:]]
    assert box["width"] / view[0] == pytest.approx(box["height"] / view[1], rel=0.01)
