"""The little Markdown of statements and choices as HTML, with formulas that need no script."""

import html
import re
from functools import lru_cache

from latex2mathml.converter import convert

LETTERLIKE = {  # browsers ignore the attribute
    '<mi mathvariant="script">N</mi>': "<mi>\N{MATHEMATICAL SCRIPT CAPITAL N}</mi>",
    '<mi mathvariant="double-struck">E</mi>': "<mi>\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}</mi>",
}
# A minus after =, a comma or a parenthesis, which browsers would draw as an operation.
SIGN = "(<mo[^>]*>&#x000(?:3D|2C|28);</mo>)<mo>(&#x02212;)"


def as_html(markdown: str) -> str:
    """The little Markdown of statements as HTML: paragraphs, code, and formulas as MathML."""
    pieces = re.split(r"\$([^$]*)\$", markdown)
    pieces[1::2] = map(as_mathml, pieces[1::2])
    for i, text in enumerate(pieces[::2]):
        text = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))
        pieces[2 * i] = text.replace("\n\n", "<br><br>")
    return "".join(pieces)


@lru_cache(10_000)  # a class shares most formulas
def as_mathml(formula: str) -> str:
    """A formula in LaTeX as browsers draw it, without a script or a network."""
    text = convert(formula).replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
    for letter, character in LETTERLIKE.items():
        text = text.replace(letter, character)
    return re.sub(SIGN, r'\1<mo form="prefix">\2', text)
