"""Reading what a student typed: numbers and formulas, parsed and never executed.

    sum      =  product (("+" | "-") product)*
    product  =  signed (("*" | "/") signed  |  power)*
    signed   =  ("+" | "-") signed  |  power
    power    =  atom ("**" signed)?
    atom     =  number  |  name  |  "(" sum ")"  |  function ("(" sum ")"  |  number  |  name)

A product without a sign is read where it is clear: 2 pi, 2(3), h(1 - h), 1/2 log(2); not 2 3, and
not 1/2 sigma, which might be meant as 1/(2 sigma). A function has its argument without parentheses
only where the product ends with it: 1/2 log 2, but not log 2/3.

course_lib/widgets/answers.js reads the same language in the page and says the same; both have
their spellings from course_lib/widgets/spellings.js.

The parser turns a text into a list of steps for a stack, so that a value is worked out by a loop.
Length, nesting and the size of every intermediate value are bounded.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import add, mul, neg, pos, sub, truediv
from pathlib import Path
from typing import Any

MAX_LENGTH = 200  # characters
MAX_DEPTH = 20  # parentheses, signs and exponents inside each other
MAX_SIZE = 1e100  # of any intermediate value
LETTERS = "ABCDEFGH"  # of the choices
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {
    "log": math.log, "ln": math.log, "log2": math.log2, "sqrt": math.sqrt, "exp": math.exp,
}  # fmt: skip
TABLE = (Path(__file__).parents[1] / "widgets" / "spellings.js").read_text("utf-8")
SPELLINGS = json.loads(TABLE[TABLE.index("{") : TABLE.rindex("}") + 1])
CHARACTERS = str.maketrans(SPELLINGS["characters"])
SUPERSCRIPTS = str.maketrans(SPELLINGS["superscripts"])
UNITS = SPELLINGS["units"]
ADVICE = SPELLINGS["advice"]
SPACE = r"[\s\x1c-\x1f\x85]*"
QUOTES = f"[{SPELLINGS['quotes']}]+"
QUOTED = re.compile(rf"{SPACE}(\(*){SPACE}{QUOTES}([\s\S]*?){QUOTES}{SPACE}(\)*){SPACE}")
# A number as numpy and torch show it.
WRAPPED = re.compile(
    rf"{SPACE}(?:{'|'.join(map(re.escape, SPELLINGS['wrappers']))})\(([^(),]*)\){SPACE}"
)
FRACTION = re.compile(rf"([0-9]{SPACE})?([{''.join(SPELLINGS['fractions'])}])")
SUPERSCRIPT = re.compile(f"[{''.join(SPELLINGS['superscripts'])}]+")
# One comma between digits that is no separator of arguments, as in math.log(8,2).
DECIMAL_COMMA = re.compile(r"((?:[^,]*[^,.0-9A-Za-z_(])?\(?[0-9]+),([0-9]+(?![.0-9])[^,]*)")
TOKEN = re.compile(
    SPACE + r"(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?:(?:{'|'.join(SPELLINGS['modules'])})\.)?(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<operator>\*\*|[-+*/^()])|(?P<other>\S))"
)


# A number, the name of a variable, or a function with the number of its arguments.
Step = float | str | tuple[Callable[..., float], int]


class AnswerError(ValueError):
    """An answer that cannot be read or has no value; the message is meant for the student."""


@dataclass(frozen=True)
class Formula:
    """A parsed formula; call it with a value for each of its names.

    rounding: half a unit of the last digit of an answer that is one number of at least two
        significant digits, otherwise 0.
    """

    steps: tuple[Step, ...]
    rounding: float = 0.0

    def __call__(self, **values: Any) -> float:
        """The value at this point. Raises AnswerError where there is none, or none below 1e100."""
        stack: list[float] = []
        for step in self.steps:
            if isinstance(step, tuple):
                function, count = step
                last = stack.pop()
                arguments = (last,) if count == 1 else (stack.pop(), last)
                stack.append(_apply(function, arguments))
            else:
                stack.append(values[step] if isinstance(step, str) else step)
        return stack[-1]


def parse_number(text: str, unit: str = "") -> float:
    """The value of a number, or of an expression of numbers such as 3/4 or log(2).

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    return parse_formula(text, unit=unit)()


def parse_formula(text: str, names: Collection[str] = (), unit: str = "") -> Formula:
    """The formula in these names that a text holds; the unit that is asked for may follow it.

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    if len(text) > MAX_LENGTH:
        raise AnswerError(f"The answer is too long: at most {MAX_LENGTH} characters are read.")
    tokens = _tokens(_spelled_out(text))
    if len(tokens) > 1 and tokens[-1][1] in UNITS.get(unit, ()):
        del tokens[-1]
    parser = _Parser(tokens, names, unit)
    parser.sum()
    if parser.next is not None:
        raise AnswerError(parser.left_over(parser.next))
    return Formula(tuple(parser.steps), _rounding(tokens))


def _spelled_out(text: str) -> str:
    """The text in the characters of the grammar, without what may stand around it."""
    if "{" in text:  # an f-string: its quotes are not what is wrong with it
        raise AnswerError(ADVICE["{"])
    text = text.translate(CHARACTERS).rstrip("; \t\r\n")
    if quoted := QUOTED.fullmatch(text):
        text = "".join(quoted.groups())
    if wrapped := WRAPPED.fullmatch(text):
        text = wrapped[1]
    if comma := DECIMAL_COMMA.fullmatch(text):
        text = ".".join(comma.groups())
    text = SUPERSCRIPT.sub(lambda run: f"**({run[0].translate(SUPERSCRIPTS)})", text)
    return FRACTION.sub(_fraction, text)


def _fraction(match: re.Match[str]) -> str:
    if match[1]:
        raise AnswerError("Write a mixed number as a sum, as in 2 + 1/2.")
    return f"({SPELLINGS['fractions'][match[2]]})"


def read_choice(answer: str, choices: Sequence[str]) -> str:
    """The choice of this letter, or of this text, with its letter in front or without it.

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    texts = [_plain(choice) for choice in choices]
    letters = LETTERS[: len(choices)]
    given = _plain(answer)
    if given in texts:
        return choices[texts.index(given)]
    copied = re.fullmatch(
        rf"(?:answer|choice|option)?\W*([{letters.lower()}])(?:\W*|(?:[.):]+| [-–]) *(.+))", given
    )
    if copied:
        place = letters.lower().index(copied[1])
        begun = (copied[2] or "").rstrip(".… ")
        if texts[place].startswith(begun):
            return choices[place]
    raise AnswerError(f"Answer with one letter from {letters[0]} to {letters[-1]}.")


def _plain(text: str) -> str:
    """A text without Markdown, quotes, capitals and what cannot be seen, to be compared."""
    text = "".join(c for c in text if CHARACTERS.get(ord(c)) != "")
    text = re.sub(f"[*_]|{QUOTES}", "", text)
    return " ".join(text.split()).lower()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = [
        (match.lastgroup or "", match[match.lastgroup or 0]) for match in TOKEN.finditer(text)
    ]
    if not tokens:
        raise AnswerError("There is no answer yet.")
    for kind, token in tokens:
        if kind == "other":
            raise AnswerError(ADVICE.get(token, f"The character '{token}' has no meaning here."))
    return tokens


def _rounding(tokens: list[tuple[str, str]]) -> float:
    """Half a unit of the last digit, where the tokens are one number, a sign and parentheses."""
    numbers = [token for kind, token in tokens if kind == "number"]
    if len(numbers) != 1 or any(t not in "+-()" for kind, t in tokens if kind != "number"):
        return 0.0
    mantissa, _, exponent = numbers[0].lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    digits = (whole + decimals).lstrip("0")
    if len(digits) < 2 or len(exponent) > 3:
        return 0.0
    zeros = 0 if "." in mantissa else len(digits) - len(digits.rstrip("0"))  # as in 1200 for 1234
    power = min(zeros, len(digits) - 2) - len(decimals) + int(exponent or 0)
    return 0.5 * 10.0**power


def _is_unit(name: str) -> bool:
    return any(name in spellings for spellings in UNITS.values())


def _apply(function: Callable[..., float], arguments: tuple[float, ...]) -> float:
    try:
        value = function(*arguments)
    except ZeroDivisionError:
        raise AnswerError("The answer divides by zero.") from None
    except OverflowError:
        raise AnswerError("A number in the answer is too large.") from None
    except ValueError:
        name = "power" if function is math.pow else function.__name__
        raise AnswerError(f"The {name} of such a number does not exist.") from None
    if not abs(value) <= MAX_SIZE:
        raise AnswerError("A number in the answer is too large.")
    return value


class _Parser:
    """One method for each line of the grammar; each appends its steps."""

    def __init__(self, tokens: list[tuple[str, str]], names: Collection[str], unit: str) -> None:
        self.tokens = tokens
        self.names = names
        self.unit = unit
        self.position = 0
        self.depth = 0
        self.steps: list[Step] = []

    @property
    def next(self) -> str | None:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else None

    def take(self, *wanted: str) -> str | None:
        """The next token if it is one of these."""
        token = self.next
        if token not in wanted:
            return None
        self.position += 1
        return token

    def sum(self) -> None:
        self.product()
        while operator := self.take("+", "-"):
            self.product()
            self.steps.append((add if operator == "+" else sub, 2))

    def product(self) -> None:
        start = self.position
        self.signed()
        divided = False
        while True:
            if operator := self.take("*", "/"):
                self.signed()
                divided = operator == "/"
            elif self.is_factor():
                if divided and not self.is_clear_after_fraction(start):
                    raise AnswerError(
                        f"It is not clear what is divided before '{self.next}': "
                        "write * or parentheses."
                    )
                self.power()
                divided = False
            else:
                return
            self.steps.append((truediv if operator == "/" else mul, 2))

    def is_factor(self) -> bool:
        """Whether the next token is clearly multiplied with the one before it."""
        kind, before = self.tokens[self.position - 1]
        if self.next == "(":
            return kind != "name" or before in self.names
        if self.next == "e" and kind == "number" and "e" not in self.names:
            return False  # might be the beginning of an exponent
        return self.next in self.names or self.next in CONSTANTS or self.next in FUNCTIONS

    def is_clear_after_fraction(self, start: int) -> bool:
        """Whether a function or a parenthesis follows a product that is a fraction of numbers."""
        tokens = self.tokens[start : self.position]
        signs, fraction = tokens[:-3], [kind for kind, _ in tokens[-3:]]
        return (
            (self.next == "(" or self.next in FUNCTIONS)
            and fraction == ["number", "operator", "number"]
            and all(token in "+-" for _, token in signs)
        )

    def signed(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise AnswerError(f"The answer is nested more than {MAX_DEPTH} levels deep.")
        if sign := self.take("+", "-"):
            self.signed()
            self.steps.append((neg if sign == "-" else pos, 1))
        else:
            self.power()
        self.depth -= 1

    def power(self) -> None:
        self.atom()
        if self.take("**", "^"):
            self.signed()
            self.steps.append((math.pow, 2))

    def atom(self) -> None:
        if self.next is None:
            raise AnswerError("The answer ends too early: something is missing after its end.")
        kind, token = self.tokens[self.position]
        self.position += 1
        if kind == "number":
            self.steps.append(_number(token))
        elif kind == "name":
            self.named(token)
        elif token == "(":
            self.inside_parentheses()
        else:
            raise AnswerError(f"A number is missing before '{token}'.")

    def named(self, name: str) -> None:
        if name in self.names:
            self.steps.append(name)
        elif name in CONSTANTS:
            self.steps.append(CONSTANTS[name])
        elif name not in FUNCTIONS:
            raise AnswerError(self.unknown(name))
        else:
            if self.take("("):
                self.inside_parentheses()
            else:
                self.bare_argument(name)
            self.steps.append((FUNCTIONS[name], 1))

    def bare_argument(self, function: str) -> None:
        """A number or a name behind a function, where the product ends with it."""
        if self.next is not None:
            kind, token = self.tokens[self.position]
            if kind == "number" or token in self.names or token in CONSTANTS:
                self.atom()
                if self.next in ("+", "-", ")", None):
                    return
        raise AnswerError(f"Write {function} with parentheses: {function}(…).")

    def inside_parentheses(self) -> None:
        self.sum()
        if not self.take(")"):
            if self.next is not None:
                raise AnswerError(self.left_over(self.next))
            raise AnswerError("A closing parenthesis is missing.")

    def left_over(self, token: str) -> str:
        if token == ")":
            return "There is a closing parenthesis too many."
        if _is_unit(token):
            return self.about_units()
        return f"There is no operator before '{token[:20]}'; a product is written with *."

    def unknown(self, name: str) -> str:
        if _is_unit(name):
            return self.about_units()
        known = ", ".join([*self.names, *CONSTANTS, *FUNCTIONS])
        return f"The name '{name[:20]}' is not known here; known are {known}."

    def about_units(self) -> str:
        asked = f" in {self.unit}" if self.unit else ""
        return f"Give the number alone{asked}, without a unit."


def _number(token: str) -> float:
    value = float(token)
    if value > MAX_SIZE:
        raise AnswerError("A number in the answer is too large.")
    return value
