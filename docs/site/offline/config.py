"""How `course html` has nbconvert make a notebook a page that needs no network."""

from importlib.util import find_spec
from pathlib import Path

from course_lib.widgets import page

options = get_config().HTMLExporter  # noqa: F821
mathjax = find_spec("sphinx-mathjax-offline")
if mathjax is None:
    raise ModuleNotFoundError("the formulas come from the extra: pip install -e '.[site]'")
options.template_name = "offline"
options.extra_template_basedirs = [str(Path(__file__).parents[1])]
options.extra_template_paths = [
    str(page.HERE),
    str(Path(mathjax.submodule_search_locations[0], "static", "mathjax")),
]
