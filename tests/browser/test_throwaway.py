import pytest
from test_chapters import run_all


@pytest.mark.parametrize("chapter", ["10_the_sources_checked"])
def test_look(open_chapter, chapter):
    page = open_chapter(chapter)
    page.set_viewport_size({"width": 1280, "height": 1000})
    run_all(page)
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    n = page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length")
    for i in range(n):
        page.evaluate(
            """i => window.jupyterapp.shell.currentWidget.content.scrollToItem(i, "start")""", i
        )
        page.wait_for_timeout(400)
        page.screenshot(path=f"/tmp/e/{chapter}_{i:02d}.png")
