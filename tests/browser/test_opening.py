"""A chapter that is opened, read and closed is as it was, and nobody is asked anything."""

import pytest

PANEL = "window.jupyterapp.shell.currentWidget"


@pytest.mark.parametrize("chapter", ["00_start_here", "05_kl_divergence"])
def test_opening_and_closing_a_chapter_asks_nothing(open_chapter, home, chapter):
    stored = (home / "chapters" / f"{chapter}.ipynb").read_bytes()
    page = open_chapter(chapter)
    language = f'{PANEL}.model.getMetadata("language_info")'
    page.wait_for_function(f"{language}.version !== undefined")  # the kernel has said what it is
    said = page.evaluate(f"{PANEL}.sessionContext.session.kernel.info")
    assert page.evaluate(language) == said["language_info"]
    assert page.evaluate(f"{PANEL}.model.dirty") is False
    page.evaluate('window.jupyterapp.commands.execute("application:close")')
    page.wait_for_function(f"!{PANEL}?.model")  # the launcher is there in its place
    assert page.locator(".jp-Dialog").count() == 0
    assert (home / "chapters" / f"{chapter}.ipynb").read_bytes() == stored
