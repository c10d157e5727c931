"""How Sphinx makes the web site of the course; `course site` calls it, docs/site.md says why so."""

import json
import os
import re
import shutil
from pathlib import Path

import nbformat
from docutils import nodes
from ipywidgets.embed import dependency_state
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from course_lib.exercises.bank import GROUPS
from course_lib.widgets import ExerciseCard, page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VIEW = "application/vnd.jupyter.widget-view+json"
# An equation, KL.3, a claim, KL.two-directions, or an exercise of the bank.
NAME = re.compile(r"\b(?:[A-Z][A-Z0-9]*\.[\w-]*\w|exercise [a-z][a-z0-9-]*)")
NO_LINKS = (
    nodes.raw,
    nodes.title,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
)
TOPICS = {
    "discrete": "Discrete distributions",
    "regularised": "Regularised autoencoders",
    "normal": "Normal distributions",
    "latent": "Latent-variable models",
    "meaning": "Understanding",
    "beta": "β-VAE",
    "codebook": "VQ-VAE",
    "priors": "Priors and dequantisation",
    "collapse": "Posterior collapse",
    "conditional": "Conditions and few labels",
    "applications": "What a code is good for",
    "hierarchy": "Levels of tokens",
}

project = html_title = "From Autoencoders to VQ-VAE"
language = "en"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
exclude_patterns = ["README.md", "tests"]
myst_enable_extensions = ["dollarmath"]
mathjax3_config = {"options": {"enableMenu": False}, "chtml": {"scale": 0.9}}
mathjax_options = {"type": "text/mathjax", "defer": "defer"}  # no script yet: site.js loads it
nb_execution_mode = "off"  # the notebooks are executed
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # page.js does without, and without its host
nb_render_markdown_format = "myst"
nb_code_prompt_show, nb_code_prompt_hide = "Show code", "Hide code"

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
html_show_copyright = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
templates_path = ["."]
html_static_path = ["site.css", "site.js", str(ROOT / "course_lib/widgets/page.js")]
html_css_files = ["site.css"]
html_js_files = [("page.js", {"defer": "defer"}), ("site.js", {"defer": "defer"})]
html_sourcelink_suffix = ""  # so that what is downloaded is named like the notebook
html_context = {"repository": os.environ.get("GITHUB_REPOSITORY", "")}  # GitHub says owner/name


def collect(app):
    """Fill the folder that Sphinx reads: chapters, the tests they link to, exercises, our pages."""
    source = Path(app.srcdir)
    only = shutil.ignore_patterns("source", "__pycache__", "*.toml", ".*")
    shutil.copytree(ROOT / "chapters", source / "chapters", ignore=only, dirs_exist_ok=True)
    shutil.copytree(ROOT / "tests", source / "tests", ignore=only, dirs_exist_ok=True)
    for name in ("exercises.md", "glossary.md", "instructors.md"):
        shutil.copy(HERE / name, source)
    readme = (ROOT / "README.md").read_text("utf-8")  # of which instructors.md includes a part
    readme = readme.replace("docs/site/instructors.md", "instructors.md")
    (source / "README.md").write_text(readme, encoding="utf-8")
    nbformat.write(front_page(), source / "index.ipynb")
    exercises = source / "exercises"
    exercises.mkdir(exist_ok=True)
    for topic, group in zip(TOPICS, GROUPS, strict=True):
        text = topic_page(TOPICS[topic], group, source / "no answers yet")
        (exercises / f"{topic}.md").write_text(text, encoding="utf-8")


def front_page():
    """index.md as a notebook, with the first widget of chapter 0 where its line of dashes is."""
    chapter = nbformat.read(ROOT / "chapters" / "00_start_here.ipynb", as_version=4)
    cell = next(cell for cell in chapter.cells if VIEW in json.dumps(cell.get("outputs")))
    cell.metadata["tags"] = ["remove-input"]
    views = [output.data[VIEW] for output in cell.outputs if VIEW in output.get("data", {})]
    stored = chapter.metadata["widgets"][page.STATE]  # of which this one alone is needed
    stored["state"], names = page.stored_state(stored["state"], [v["model_id"] for v in views])
    for view in views:
        view["model_id"] = names[view["model_id"]]
    before, after = (HERE / "index.md").read_text("utf-8").split("\n---\n")
    text = nbformat.v4.new_markdown_cell
    chapter.cells = [text(before, id="before"), cell, text(after, id="after")]
    return chapter


def topic_page(title, group, path):
    """The exercises of a topic, each as its card, in place of which the statement stands first."""
    cards = [ExerciseCard(exercise.id, path=path) for exercise in group]
    views = [card.model_id for card in cards]
    state, names = page.stored_state(dependency_state(cards, drop_defaults=False), views)
    parts = [f"# {title}"]
    for exercise, card in zip(group, cards, strict=True):
        parts += [
            f"(exercise {exercise.id})=",
            f"## {exercise.title}",
            f'<div data-widget="{names[card.model_id]}">',
            card.text,
            "</div>",
            f'In a notebook: `ExerciseCard("{exercise.id}")`',
        ]
    return "\n\n".join([*parts, page.script_tag(state)])


class Places(SphinxTransform):
    """Alternative texts, the places where widgets come alive, anchors of equations and claims."""

    default_priority = 850

    def apply(self):
        bundles = [c for c in self.document.findall(nodes.container)
                   if c.get("nb_element") == "mime_bundle"]  # fmt: skip
        for bundle in bundles:
            parts = {part["mime_type"]: part.children for part in bundle}
            if "image/png" in parts:
                parts["image/png"][0]["alt"] = parts["text/plain"][0].astext()
            if VIEW in parts:  # page.js puts the widget in place of its picture or its text
                model = re.search(r"widget-\d+", parts[VIEW][0].astext())[0]
                around = f'<div data-widget="{model}">', "</div>"
                before, after = (nodes.raw("", html, format="html") for html in around)
                still = parts.get("text/markdown", parts.get("image/png"))
                bundle.parent.replace(bundle, [before, *still, after])
        for link in self.document.findall(addnodes.pending_xref):
            if (link.get("reftargetid") or "").startswith("cell-id="):  # as JupyterLab calls a cell
                link["reftargetid"] = None  # link_names knows the place by its name
        for block in list(self.document.findall(nodes.math_block)):
            formula = block.astext()
            block["no-wrap"] = True  # Sphinx would wrap it in an environment without tags
            block[:] = [nodes.Text(rf"\[{formula}\]")]
            self.mark(block, re.findall(r"\\tag\{(.+?)\}", formula))
        for block in list(self.document.findall(nodes.literal_block)):
            one_of_many = "mime_type" in block.parent  # of which one form will stay
            claims = re.findall(r"^✓ (\S+):", block.astext(), re.MULTILINE)
            self.mark(block.parent.parent if one_of_many else block, claims)

    def mark(self, block, names):
        """Put an anchor for each name in front of the block."""
        at = block.parent.index(block)
        block.parent[at:at] = [nodes.target("", "", ids=[name]) for name in names]
        for name in names:
            domain = self.env.domains.standard_domain
            domain.note_hyperlink_target(name, self.env.docname, name, name)


def link_names(app, doctree, page_name):
    """Make each name of an equation or a claim in the text a link to it."""
    places = app.env.domains.standard_domain.anonlabels

    def address(name):
        there, anchor = places[name]
        return f"{app.builder.get_relative_uri(page_name, there)}#{anchor}"

    def linked(found):
        name = found[0]
        return f'<a href="{address(name)}">{name}</a>' if name in places else name

    for claim in doctree.findall(nodes.raw):
        if claim.astext().startswith("<p>✓"):
            claim[:] = [nodes.Text(NAME.sub(linked, claim.astext()))]
    for text in list(doctree.findall(nodes.Text)):
        names = [found for found in NAME.finditer(text) if found[0] in places]
        if not names or isinstance(text.parent, NO_LINKS):
            continue
        link = text.parent if isinstance(text.parent, nodes.reference) else text.parent.parent
        if isinstance(link, nodes.reference):  # to a notebook: lead to the place in it
            link["refuri"] = address(names[0][0])
            continue
        pieces, end = [], 0
        for found in names:
            uri = address(found[0])
            pieces += [nodes.Text(text[end : found.start()]),
                       nodes.reference("", found[0], refuri=uri, internal=True)]  # fmt: skip
            end = found.end()
        text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def keep_together(app):
    """MyST-NB would write its files beside the site."""
    folder = str(Path(app.doctreedir) / "pictures")
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=folder)


def setup(app):
    """What Sphinx calls first."""
    collect(app)
    app.add_transform(Places)
    app.connect("builder-inited", keep_together, priority=900)
    app.connect("doctree-resolved", link_names)
