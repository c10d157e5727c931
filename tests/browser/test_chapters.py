"""The chapters in JupyterLab, in a real browser: before anything has run, and after all has."""

import pytest

from course_lib.errata import places
from course_lib.exercises import variant
from course_lib.exercises.kept import ANSWERS, read_answers

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


CHAPTERS = {  # what makes the widgets of each
    "00_start_here": ["LatentTraversal"],
    "01_autoencoder": ["LatentTraversal", "LossCurves", "Prediction", "SweepRows"],
    "02_denoising_autoencoder": ["denoising_rows", "DenoisingField"],
    "03_sparse_autoencoder": ["SparseSweep", "LossCurves"],
    "04_contractive_autoencoder": ["SweepRows", "ContractionEllipse"],
    "05_kl_divergence": ["GaussianKL"],
    "06_evidence_lower_bound": ["SweepRows", "EvidenceGap"],
    "07_variational_autoencoder": [
        "Reparameterization",
        "LatentTraversal",
        "TrainingScrubber",
        "Interpolation",
    ],
    "08_beta_vae": ["LatentTraversal", "SweepRows", "BetaExplorer"],
    "09_vq_vae": ["CodebookExplorer", "TrainingScrubber", "TokenEditor"],
    "10_priors": ["PriorPlane"],
    "11_posterior_collapse": ["SweepRows", "PosteriorPlane"],
    "11_posterior_collapse_laboratory": ["SweepRows"],
    "12_conditional_vae": ["ConditionExplorer"],
    "13_applications": ["LatentTraversal", "SweepRows"],
    "14_vq_vae_2": ["TokenLevels"],
}


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


SHOWN = """async i => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const cell = notebook.widgets[i].node;
    if (cell.isConnected && cell.querySelector(".course")) return true;
    // JupyterLab draws what is in sight, and what it draws moves the rest; it says when it is done
    const there = notebook.scrollToItem(i, "center").catch(() => {});
    await Promise.race([there, new Promise(later => setTimeout(later, 10_000))]);
    return false;
}"""
INSTEAD = """i => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const { isConnected, innerText } = notebook.widgets[i].node;
    const drawn = [...notebook.node.querySelectorAll("[data-windowed-list-index]")]
        .map(cell => cell.dataset.windowedListIndex);
    return `cell ${i}, ${isConnected ? "drawn" : "not drawn"}, says "${innerText.slice(-300)}";
        drawn are ${drawn}; the kernel is
        ${window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status}`;
}"""


def find_widget(page, name):
    """The first widget that a cell with this name makes, scrolled into view."""
    from playwright.sync_api import TimeoutError as TooLate

    index = first_cell(page, name)
    cell = page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')
    widget = cell.locator(".course").first
    for _ in range(6):  # what JupyterLab draws late can push the cell out of sight once more
        try:
            page.wait_for_function(SHOWN, arg=index, polling=1000, timeout=60_000)
            widget.scroll_into_view_if_needed(timeout=10_000)
        except TooLate:
            continue
        return widget
    raise AssertionError(f"no {name}: {page.evaluate(INSTEAD, index)}")


def assert_moves(page, widget):
    """A key on the first slider that can move changes what the widget announces."""
    from playwright.sync_api import expect  # here: without it the tests are skipped

    said = widget.get_by_role("status").first
    before = said.inner_text()
    slider = widget.locator("input[type=range]:enabled").first
    slider.press("ArrowRight")
    slider.press("ArrowUp")
    if said.inner_text() == before:  # it stood at its end
        slider.press("ArrowLeft")
    expect(said).not_to_have_text(before, timeout=10_000)  # whichever element holds it by then


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_widget_lives_before_anything_has_run(open_chapter, screenshots, chapter):
    page = open_chapter(chapter)
    for name in CHAPTERS[chapter]:
        widget = find_widget(page, name)
        assert_moves(page, widget)
    widget.screenshot(path=screenshots / f"{chapter}.png")
    for text in ("model not found", "Error displaying widget"):
        assert page.get_by_text(text).count() == 0


CUT_OFF = """widget => {
    const right = widget.getBoundingClientRect().right + 1;
    return [...widget.querySelectorAll("button, input, canvas, svg, p, table")]
        .filter((part) => part.getBoundingClientRect().right > right)
        .map((part) => part.outerHTML.slice(0, 80));
}"""
BROKEN_LINK = """widget => [widget, widget.parentElement]
    .some((element) => !["none", "normal"].includes(getComputedStyle(element, "::before").content)
        && getComputedStyle(element, "::before").display !== "none")"""


@pytest.mark.parametrize("chapter", ["05_kl_divergence", "09_vq_vae"])
@pytest.mark.parametrize("width", [640, 800])  # 640: a window of 1280 at a zoom of 200 %
def test_beside_the_files_nothing_shrinks_or_is_cut_off(open_chapter, chapter, width):
    page = open_chapter(chapter)
    page.set_viewport_size({"width": width, "height": 700})
    for name in [*CHAPTERS[chapter], "ExerciseCard"]:
        widget = find_widget(page, name)
        page.wait_for_timeout(300)  # until JupyterLab has laid out its panels
        assert widget.evaluate(CUT_OFF) == []
        assert not widget.evaluate(BROKEN_LINK)
        for slider in widget.locator("input[type=range]:visible").all():
            assert slider.bounding_box()["width"] >= 100


def test_a_symbol_of_a_formula_has_the_colour_of_the_pictures(open_chapter):
    page = open_chapter("07_variational_autoencoder")
    find_widget(page, CHAPTERS["07_variational_autoencoder"][0])
    colours = [page.locator(f"mjx-c.mjx-c{code}").first for code in ("1D45E", "1D45D", "1D465")]
    q, p, x = (symbol.evaluate("symbol => getComputedStyle(symbol).color") for symbol in colours)
    assert len({q, p, x}) == 3


@pytest.mark.parametrize("chapter", ["01_autoencoder", "05_kl_divergence"])
def test_a_chapter_runs_from_top_to_bottom_and_its_widgets_follow_python(open_chapter, chapter):
    page = open_chapter(chapter)
    run_all(page)
    for name in CHAPTERS[chapter]:
        assert_moves(page, find_widget(page, name))


@pytest.mark.parametrize("executed", [False, True], ids=["stored", "executed"])
def test_a_card_checks_answers_and_with_a_kernel_keeps_them(open_chapter, home, executed):
    kept = home / "chapters" / ANSWERS
    kept.unlink(missing_ok=True)
    page = open_chapter("05_kl_divergence")
    if executed:
        run_all(page)
    card = find_widget(page, "ExerciseCard")
    numbers = variant("kl-to-standard-normal", 0).parameters
    right = "(({mu})**2 + {sigma}**2 - log({sigma}**2) - 1) / 2".format(**numbers)
    for answer, message in (
        (f"2*({right})", "A factor of one half is missing."),
        (right, "Right."),
    ):
        card.get_by_label("answer").fill(answer)
        card.get_by_role("button", name="Check").click()
        card.get_by_role("status").filter(has_text=message).wait_for(timeout=10_000)
    if not executed:
        return
    for _ in range(100):
        state = read_answers(kept)[0].get("kl-to-standard-normal/0", {"attempts": []})
        answers = [attempt["answer"] for attempt in state["attempts"]]
        if len(answers) == 2:
            break
        page.wait_for_timeout(100)
    assert answers == [f"2*({right})", right]
    before = card.element_handle()
    page.evaluate(
        """i => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = i;
            window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        first_cell(page, "ExerciseCard"),
    )
    page.wait_for_function("card => !card.isConnected", arg=before, timeout=10_000)
    again = find_widget(page, "ExerciseCard")
    again.get_by_role("status").filter(has_text="Right.").wait_for(timeout=10_000)
    kept.unlink()


IN_SIGHT = """([path, id]) => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cell = panel?.content?.widgets?.find(cell => cell.model.id === id);
    if (panel?.context?.path !== path || !cell?.isVisible) return false;
    const { top, bottom } = cell.node.getBoundingClientRect();
    return cell.node.isConnected && top < innerHeight && bottom > 0;
}"""


def test_a_card_leads_to_its_formula_in_another_notebook(open_chapter):
    page = open_chapter("02_denoising_autoencoder_laboratory")
    card = find_widget(page, "ExerciseCard")
    card.get_by_label("answer").fill("1")
    card.get_by_role("button", name="Check").click()
    card.get_by_role("link", name="(DAE.4)").click()
    path, cell = places()["DAE.4"].split("#cell-id=")
    page.wait_for_function(IN_SIGHT, arg=[path, cell], timeout=60_000)
