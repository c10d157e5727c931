"""The web site: its links, its HTML, and what a reader can do with it, without a kernel."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import nbformat
import pytest
from ipywidgets.embed import dependency_state

from course_lib import __main__ as cli
from course_lib.exercises import bank, variant
from course_lib.widgets import GaussianKL
from course_lib.widgets import page as pages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
VIEW = "application/vnd.jupyter.widget-view+json"
OFFLINE = ROOT / "docs" / "site" / "offline" / "config.py"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
TAG = re.compile(r"\\tag\{(.+?)\}")


def probe():
    """A notebook with one widget, as chapters/build.py stores it, and code that only draws."""
    widget = GaussianKL()
    state, names = pages.stored_state(
        dependency_state([widget], drop_defaults=False), [widget.model_id]
    )
    picture = (ROOT / "chapters/images/class_report.png").read_bytes()
    output = nbformat.v4.new_output(
        "display_data",
        {
            VIEW: {"version_major": 2, "version_minor": 0, "model_id": names[widget.model_id]},
            "image/png": base64.b64encode(picture).decode(),
            "text/plain": widget.alt,
        },
    )
    cell = nbformat.v4.new_code_cell("GaussianKL()", outputs=[output])
    cell.metadata["tags"] = ["hide-input"]
    text = nbformat.v4.new_markdown_cell(
        "# Probe\n\nSee (KL.3), [KL.forward-covers](05_kl_divergence.ipynb), `(KL.4)` and (AE.0)."
    )
    widgets = {pages.STATE: {"version_major": 2, "version_minor": 0, "state": state}}
    return nbformat.v4.new_notebook(
        cells=[text, cell],
        metadata={"widgets": widgets, "language_info": {"name": "python"}},
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site, with one more chapter, as GitHub would build it."""
    pytest.importorskip("myst_nb", reason="Sphinx is not installed: pip install -e '.[site]'")
    work = tmp_path_factory.mktemp("site")
    (work / "source" / "chapters").mkdir(parents=True)
    nbformat.write(probe(), work / "source" / "chapters" / "99_probe.ipynb")
    done = subprocess.run(
        [sys.executable, *cli.sphinx(work, work / "html")],
        cwd=ROOT, env=os.environ | {"GITHUB_REPOSITORY": "owner/course"},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # a warning, such as of a dead link, is a failure
    return work / "html"


@pytest.fixture(scope="session")
def parsed(site):
    """Every page of the site as a tree, by its path; the parser forgives nothing."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return {path: parser.parse(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def attributes(tree, *names):
    """The values of the attributes of these names in a page."""
    return [value for node in tree.iter() for name, value in node.items() if name in names]


def test_ids_are_unique(parsed):
    for path, tree in parsed.items():
        ids = attributes(tree, "id")
        assert sorted(ids) == sorted(set(ids)), path.name


def test_every_link_leads_somewhere(parsed):
    places = {path: {"", *attributes(tree, "id")} for path, tree in parsed.items()}
    dead = []
    for path, tree in parsed.items():
        for link in set(attributes(tree, "href", "src")):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = places.get(target, {parts.fragment})
            if parts.scheme or parts.netloc:
                continue
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_another_host(site, parsed):
    loaded = [
        link
        for tree in parsed.values()
        for node in tree.iter()
        if node.tag in {"script", "link", "img", "source", "iframe", "object", "video", "audio"}
        and node.get("rel") != "canonical"
        for name, link in node.items()
        if name in {"src", "href", "srcset", "data"}
    ]
    for path in site.rglob("_static/**/*.css"):
        loaded += re.findall(r"(?:url\(|@import )['\"]?([^'\")]+)", path.read_text("utf-8"))
    assert len(loaded) > 100
    assert [link for link in loaded if urlsplit(link).netloc] == []


def test_every_tag_has_an_anchor_and_every_mention_is_a_link(site, parsed):
    tags = {
        tag: site / "chapters" / f"{path.stem}.html"
        for path in CHAPTERS
        for cell in nbformat.read(path, as_version=4).cells
        for tag in TAG.findall(cell.source if cell.cell_type == "markdown" else "")
    }
    assert len(tags) > 100
    for tag, path in tags.items():
        assert tag in attributes(parsed[path], "id")
    mentioned = re.compile(r"\((" + "|".join(map(re.escape, tags)) + r")\)")
    for path, tree in parsed.items():
        assert mentioned.findall(text_outside(tree.find("body"))) == [], path.name


def text_outside(node, skipped=frozenset({"a", "code", "pre", "script", "h1", "h2", "h3"})):
    """The text of a part of a page, without links, code, headings and formulas."""
    if node.tag in skipped or "math" in node.get("class", "").split():
        return node.tail or ""
    inside = "".join(text_outside(child, skipped) for child in node if isinstance(child.tag, str))
    return (node.text or "") + inside + (node.tail or "")


def test_links_lead_to_the_equation_the_claim_and_the_test_itself(site, parsed):
    links = attributes(parsed[site / "chapters/99_probe.html"], "href")
    assert {"05_kl_divergence.html#KL.3", "05_kl_divergence.html#KL.forward-covers"} <= set(links)
    assert not any("KL.4" in link or "AE.0" in link for link in links)  # code; no such equation
    table = attributes(parsed[site / "chapters/99_the_sources_checked.html"], "href")
    assert "01_autoencoder.html#AE.half-loss" in table
    assert any(re.fullmatch(r"\.\./_downloads/\w+/test_\w+\.py", link) for link in table)
    assert any(re.fullmatch(r"\.\./exercises/\w+\.html#exercise-[\w-]+", link) for link in table)


def test_every_picture_has_a_text(parsed):
    texts = [node.get("alt") for tree in parsed.values() for node in tree.iter("img")]
    assert len(texts) > 50
    assert all(text and not text.endswith(".png") for text in texts)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_can_be_downloaded_and_opened_elsewhere(chapter, site, parsed):
    tree = parsed[site / "chapters" / f"{chapter.stem}.html"]
    copy = site / "_sources" / "chapters" / chapter.name
    links = attributes(tree, "href")
    assert f"../_sources/chapters/{chapter.name}" in links
    assert copy.read_bytes() == chapter.read_bytes()
    place = f"owner/course/{{}}/chapters/{chapter.name}"
    assert f"https://colab.research.google.com/github/{place.format('blob/main')}" in links
    assert f"https://mybinder.org/v2/gh/{place.format('main?urlpath=lab/tree')}" in links
    turn = {link.get("rel"): link.get("href") for link in tree.iter("link")}
    assert {"next", "prev"} <= turn.keys()


def test_every_exercise_is_shown_without_its_answer(site):
    shown = "".join(path.read_text("utf-8") for path in sorted(site.glob("exercises/*.html")))
    shown = re.sub("<script.*?</script>", "", shown, flags=re.DOTALL)  # what the cards check with
    for exercise in bank().values():
        assert f'id="exercise-{exercise.id}"' in shown
        assert not any(mistake.says in shown for mistake in exercise.mistakes)


# In a browser, from the disk

FINISHED = "'finished' in document.body.dataset"  # says site.js
COLOUR = "selector => getComputedStyle(document.querySelector(selector)).color"


@pytest.fixture
def visit(chromium, site):
    """visit("index.html", width=…, …): a page from the disk; nothing fails, nothing is fetched."""
    opened, problems = [], []

    def go(name, width=1280, **options):
        page = chromium.new_page(viewport={"width": width, "height": 900}, **options)
        opened.append(page)
        page.on("pageerror", lambda error: problems.append(f"{name}: {error}"))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("request", lambda asked: problems.extend(re.findall("^http.*", asked.url)))
        page.goto(f"{site.as_uri()}/{name}")
        page.wait_for_function(FINISHED)
        return page

    yield go
    for page in opened:
        page.close()
    assert problems == []


def test_a_widget_moves_by_keyboard_without_a_kernel(visit):
    page = visit("chapters/99_probe.html")
    assert page.locator("[data-widget] img").count() == 0  # its picture has made place
    result = page.locator("[data-widget]").get_by_role("status")
    before = result.inner_text()
    page.get_by_role("slider", name="μ of q").press("ArrowRight")
    result.filter(has_not_text=before).wait_for()  # drawn in the next frame


def test_a_card_checks_an_answer_without_a_kernel(visit):
    page = visit("exercises/normal.html")
    card = page.locator(".course", has_text="What is the differential entropy of").first
    sigma = variant("entropy-of-a-normal", 0).parameters["sigma"]
    for answer, message in (("1", "Not yet"), (f"log(2*pi*e*{sigma}**2)/2", "Right.")):
        card.get_by_label("answer").fill(answer)
        card.get_by_role("button", name="Check").click()
        card.get_by_role("status").filter(has_text=message).wait_for()


def test_code_that_only_draws_is_folded(visit):
    page = visit("chapters/99_probe.html")
    code = page.get_by_text("GaussianKL()")
    assert not code.is_visible()
    page.get_by_text("Show code").click()
    assert code.is_visible()


def test_the_dark_theme_reaches_the_widgets(visit):
    page = visit("chapters/99_probe.html", color_scheme="dark")
    assert brightness(page.evaluate(COLOUR, ".course")) > 150
    page.locator(".theme-toggle-content button").click()  # from what the system wants to light
    assert brightness(page.evaluate(COLOUR, ".course")) < 100


# The symbols as MathJax calls them: italic q, p and z, and x, which has the colour of the text.
SYMBOLS = """() => Object.fromEntries(
    Object.entries({ q: "1D45E", p: "1D45D", z: "1D467", x: "1D465" })
    .map(([symbol, code]) => {
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.fillStyle = getComputedStyle(document.querySelector(`mjx-c.mjx-c${code}`)).color;
        context.fillRect(0, 0, 1, 1);
        return [symbol, [...context.getImageData(0, 0, 1, 1).data].slice(0, 3)];
    }))"""


@pytest.mark.parametrize(
    ("scheme", "background"), [("light", (255, 255, 255)), ("dark", (19, 20, 22))]
)
def test_a_symbol_of_a_formula_has_its_colour_and_can_be_read(visit, scheme, background):
    page = visit("chapters/07_variational_autoencoder.html", color_scheme=scheme)
    colours = page.evaluate(SYMBOLS)
    assert len(set(map(tuple, colours.values()))) == 4
    for symbol, colour in colours.items():
        assert contrast(colour, background) >= 4.5, (symbol, colour)
    assert colours["q"][2] == max(colours["q"])  # blue
    assert colours["p"][0] == max(colours["p"])  # orange
    assert colours["z"][1] == min(colours["z"])  # violet


def contrast(*colours):
    """WCAG's ratio of luminances of two colours, red, green and blue from 0 to 255."""
    linear = [
        [(c / 255 + 0.055) ** 2.4 / 1.055**2.4 if c > 10 else c / 3294.6 for c in colour]
        for colour in colours
    ]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


def brightness(colour):
    """The mean of red, green and blue in a colour such as rgb(1, 2, 3)."""
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


# Of tables, formulas, widgets and lines of code, folded or not, those that reach beyond their box.
CUT = """() => {
    document.querySelectorAll("details").forEach(folded => folded.open = true);
    return [...document.querySelectorAll(".table-wrapper, .math-wrapper, [data-widget], pre")]
        .filter(box => box.scrollWidth > box.clientWidth)
        .filter(box => box.tagName !== "PRE" || !/.{101}/.test(box.innerText))
        .map(box => box.innerText.slice(0, 100));
}"""
# What MathJax should have drawn, or Markdown should have eaten.
NOT_TEXT = frozenset({"code", "pre", "script", "label"})
RAW = re.compile(r"\$|\\[a-zA-Z]")


@pytest.fixture(scope="module")
def seen(chromium, site):
    """What each page is like on a small screen, on a phone and on paper."""
    page = chromium.new_page()
    facts = {}
    for path in sorted(site.rglob("*.html")):
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 800, "height": 800})
        page.goto(path.as_uri())
        page.wait_for_function(FINISHED)
        cut = page.evaluate(CUT)
        page.set_viewport_size({"width": 360, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        unread = page.locator("mjx-merror, [data-mjx-error]").count()
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 1000})  # A4 within its margins
        figures = page.evaluate(
            """[...document.querySelectorAll("[data-widget], .cell_output img")].map(figure =>
                [getComputedStyle(figure).breakInside, figure.offsetHeight])"""
        )
        figures += page.evaluate(
            """[...document.querySelectorAll(".math-wrapper")].map(formula =>
                [formula.scrollWidth > formula.clientWidth ? "cut" : "avoid", 0])"""
        )
        facts[path.relative_to(site).as_posix()] = width, unread, figures, cut
    return facts


def test_no_page_is_wider_than_a_phone(seen):
    assert [name for name, (width, *_) in seen.items() if width > 360] == []


def test_on_a_small_screen_nothing_needs_scrolling(seen):
    assert [(name, cut) for name, (*_, cut) in seen.items() if cut] == []


def test_no_formula_is_left_as_it_was_typed(parsed):
    for path, tree in parsed.items():
        assert RAW.findall(text_outside(tree.find("body"), NOT_TEXT)) == [], path.name


def test_every_formula_is_understood(seen):
    assert [name for name, (_, unread, *_) in seen.items() if unread] == []


def test_on_paper_no_figure_and_no_formula_is_cut(seen):
    figures = {name: figures for name, (_, _, figures, _) in seen.items() if figures}
    assert len(figures) >= len(CHAPTERS)
    for name, heights in figures.items():
        assert all(kept == "avoid" and height < 1000 for kept, height in heights), name


def test_paper_is_not_dark(visit):
    page = visit("chapters/99_probe.html", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert brightness(page.evaluate(COLOUR, ".course")) < 100


def test_the_first_page_is_small(chromium, site):
    page = chromium.new_page()
    loaded = []
    page.on("request", lambda asked: loaded.append(Path(unquote(urlsplit(asked.url).path))))
    page.goto((site / "index.html").as_uri())
    page.wait_for_function(FINISHED)
    assert len(loaded) > 5
    assert sum(path.stat().st_size for path in loaded if path.is_file()) < 1_500_000


def test_a_link_ends_at_its_equation(visit):
    page = visit("chapters/07_variational_autoencoder_laboratory.html#VAE.12")
    top = page.evaluate("document.getElementById('VAE.12').getBoundingClientRect().top")
    assert 0 <= top < 150


def test_axe_finds_nothing(visit, site):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme, names in {
        "light": ["chapters/00_start_here", "exercises/meaning", "glossary", "search"],
        "dark": ["index", "chapters/99_probe"],
    }.items():
        page = visit("index.html", color_scheme=scheme)
        for name in names:
            page.goto((site / f"{name}.html").as_uri())
            page.wait_for_function(FINISHED)
            found = axe.run(page, options={"preload": False}).response["violations"]
            assert [(name, problem["id"], problem["nodes"][0]["html"]) for problem in found] == []


def test_the_search_finds(visit):
    page = visit("search.html?q=codebook")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert "09_vq_vae" in page.locator("#search-results").inner_html()


# One notebook as one page: `course html`


@pytest.fixture
def as_make_installs(tmp_path):
    """What jupyter nbconvert reads where make has installed the site."""
    (line,) = re.findall(r"load_subconfig\(.*?\)", (ROOT / "Makefile").read_text("utf-8"))
    config = OFFLINE.relative_to(ROOT).as_posix()
    line = line.replace(f"../../../{config}", OFFLINE.as_posix())
    (tmp_path / "jupyter_nbconvert_config.py").write_text(line, "utf-8")
    return os.environ | {"JUPYTER_CONFIG_PATH": str(tmp_path)}


@pytest.mark.parametrize("command", [["course_lib", "html"], ["nbconvert", "--to", "html"]])
def test_a_notebook_becomes_a_page_that_needs_no_network(
    command, as_make_installs, chromium, site, tmp_path
):
    chapter = ROOT / "chapters" / "05_kl_divergence.ipynb"
    arguments = [*command, str(chapter), "--output-dir", str(tmp_path)]
    environment = as_make_installs if command[0] == "nbconvert" else None
    subprocess.run([sys.executable, "-m", *arguments], env=environment, check=True)
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto((tmp_path / f"{chapter.stem}.html").as_uri())
    page.wait_for_function("document.querySelectorAll('[data-alive]').length >= 6")
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 100")
    assert page.locator("[data-widget]").count() == page.locator("[data-alive]").count()
    texts = page.locator("img").evaluate_all("pictures => pictures.map((one) => one.alt)")
    assert texts and all(len(text) > 20 for text in texts)
    page.get_by_role("slider", name="μ of q").first.press("ArrowRight")
    assert [address for address in asked if not address.startswith(("file:", "blob:"))] == []
    page.close()
