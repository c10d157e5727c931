"""The third layer of the widgets: JupyterLab in a real browser, and the keyboard."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib.exercises import variant

EXECUTED = """end => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.widgets.slice(0, end ?? undefined);
    const code = cells.filter(c => c.model.type === "code" && c.model.sharedModel.source.trim());
    const status = panel.sessionContext.session.kernel.status;
    return status === "idle" && code.every((c, i) => c.model.executionCount === i + 1);
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(c => c.model.type === "code")
    .flatMap(c => c.model.outputs.toJSON())
    .filter(output => output.output_type === "error")
    .map(output => `${output.ename}: ${output.evalue}`)"""


# Widget: how its alternative text begins, which slider to move, a part of the picture that stays.
WIDGETS = {
    "LatentTraversal": ("Left the chosen image", 1, np.s_[30:240, :220]),  # z₁; the image itself
    "LossCurves": ("Curves of", 1, np.s_[:, :35]),  # x̂; the vertical axis
    "SweepRows": ("Rows of images,", 0, np.s_[:, :100]),  # the swept parameter; the labels
    "DenoisingRows": ("Rows of images, original", 1, np.s_[25:75, 150:500]),  # strength; originals
    "DenoisingField": ("Data points in a plane", 0, np.s_[-20:, :]),  # σ; the lower edge
    "SparseSweep": ("The learned features", 0, np.s_[:20, :200]),  # λ; the caption
    "ContractionEllipse": ("Left the image at (u, v)", 1, np.s_[240:, :220]),  # u; the legend
    "GaussianKL": ("The densities of two normal", 0, np.s_[:20, 60:200]),  # μ of q; the caption
    "EvidenceGap": ("Left the true posterior", 0, np.s_[:26, 40:300]),  # μ of q; the legend
    "Reparameterization": ("Above draws of noise", 0, np.s_[:90, :600]),  # μ; the noise
    "LatentMap": ("Left a map of a latent", 0, np.s_[:60, 60:180]),  # z₁; a corner of the map
    "Interpolation": ("Rows of pictures on", 1, np.s_[60:110, 115:150]),  # to image; the first step
    "BetaExplorer": ("Left rows of pictures at", 0, np.s_[8:60, 120:500]),  # β; the images
    "CodebookExplorer": ("Left vectors in a plane", 3, np.s_[:20, 34:240]),  # x; the caption
    "TokenEditor": ("An image, its reconstruction", 1, np.s_[30:190, :160]),  # new code; the image
}
CHAPTERS = {
    "00_start_here": ["LatentTraversal"],
    "01_autoencoder": ["LatentTraversal", "LossCurves", "SweepRows"],
    "02_denoising_autoencoder": ["DenoisingRows", "DenoisingField"],
    "03_sparse_autoencoder": ["SparseSweep", "LossCurves"],
    "04_contractive_autoencoder": ["ContractionEllipse"],
    "05_kl_divergence": ["GaussianKL"],
    "06_evidence_lower_bound": ["EvidenceGap"],
    "07_variational_autoencoder": [
        "LatentMap", "Reparameterization", "LatentTraversal", "Interpolation",
    ],
    "08_beta_vae": ["BetaExplorer", "SweepRows"],
    "09_vq_vae": ["CodebookExplorer", "TokenEditor"],
}  # fmt: skip


def run_all(page, before=None):
    """Clear what is stored and run every cell in a fresh kernel, or those before that one."""
    page.evaluate('window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs")')
    command = "run-all-cells"
    if before is not None:
        command = "run-all-above"
        page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.activeCellIndex = i", before
        )
    page.evaluate(f'window.jupyterapp.commands.execute("notebook:{command}")')
    page.wait_for_function(EXECUTED, arg=before, timeout=300_000)
    assert page.evaluate(ERRORS) == []


def first_cell(page, name):
    """The number of the first cell that makes a widget of that name."""
    index = page.evaluate(
        """name => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(
            cell => `\\n${cell.model.sharedModel.source}`.includes(`\\n${name}(`))""",
        name,
    )
    assert index >= 0, f"no line begins with {name}("
    return index


def pixels(locator):
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("L"), dtype=int)


def scroll_to(page, name):
    """Scroll to the first cell that makes a widget of that name."""
    page.evaluate(
        "i => window.jupyterapp.shell.currentWidget.content.scrollToItem(i, 'center')",
        first_cell(page, name),
    )


def find_widget(page, name):
    """The first widget of that name on the page and its picture, scrolled into view."""
    scroll_to(page, name)
    alt = WIDGETS[name][0]
    widget = page.locator(".widget-vbox", has=page.get_by_role("img", name=alt)).first
    picture = widget.get_by_role("img", name=alt)
    picture.scroll_into_view_if_needed()
    return widget, picture


def changed(page, picture, action):
    """Do something that must change the picture; return its pixels before and after."""
    before, source = pixels(picture), picture.get_attribute("src")
    action()
    page.wait_for_function(
        "([image, source]) => image.src !== source && image.complete",
        arg=[picture.element_handle(), source],
        timeout=10_000,
    )
    return before, pixels(picture)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_arrow_key_moves_the_slider_and_the_picture(open_chapter, screenshots, chapter):
    page = open_chapter(chapter)
    # What follows the last widget is run by nbval, and in test_typing… and test_a_wrong_answer….
    run_all(page, before=1 + max(first_cell(page, name) for name in CHAPTERS[chapter]))
    for name in reversed(CHAPTERS[chapter]):  # the first one last, for the screenshot
        widget, picture = find_widget(page, name)
        _, slider, still = WIDGETS[name]
        widget.get_by_role("slider").nth(slider).focus()
        before, after = changed(page, picture, lambda: page.keyboard.press("ArrowRight"))
        assert (before != after).any(), name
        assert (before[still] == after[still]).all(), name
    widget.screenshot(path=screenshots / f"{chapter}.png")


def test_typing_a_value_and_the_buttons_move_the_picture(open_chapter):
    page = open_chapter("01_autoencoder")
    run_all(page)
    widget, picture = find_widget(page, "LatentTraversal")
    readout = widget.locator(".widget-readout").nth(1)
    readout.fill("2.5")
    start, typed = changed(page, picture, lambda: readout.press("Enter"))
    assert (typed != start).any()
    draw = widget.get_by_role("button", name="random z")
    _, drawn = changed(page, picture, draw.click)
    assert (drawn != typed).any()
    reset = widget.get_by_role("button", name="code of the image")
    _, back = changed(page, picture, reset.click)
    assert (back == start).all()


def test_a_wrong_answer_on_a_card_is_told_its_mistake_and_a_right_one_is_right(open_chapter):
    page = open_chapter("05_kl_divergence")
    run_all(page)
    scroll_to(page, "ExerciseCard")
    card = page.locator(".widget-vbox", has=page.get_by_role("button", name="Check")).first
    numbers = variant("kl-to-standard-normal", 0).parameters
    right = "(({mu})**2 + {sigma}**2 - log({sigma}**2) - 1) / 2".format(**numbers)
    for answer, message in (
        (f"2*({right})", "A factor of one half is missing."),
        (right, "Right."),
    ):
        card.get_by_label("answer").fill(answer)
        card.get_by_role("button", name="Check").click()
        card.get_by_role("status").filter(has_text=message).wait_for(timeout=10_000)


def test_before_anything_runs_the_page_shows_pictures_and_no_error(open_chapter):
    page = open_chapter("01_autoencoder")
    for name in ("model not found", "Error displaying widget"):
        assert page.get_by_text(name).count() == 0
    images = """() => window.jupyterapp.shell.currentWidget.content.widgets
        .filter(c => c.model.type === "code").flatMap(c => c.model.outputs.toJSON())
        .filter(output => output.data?.["image/png"]).length"""
    assert page.evaluate(images) >= 8
