"""Reading what a student typed: numbers and formulas, parsed and never executed.

    sum      =  product (("+" | "-") product)*
    product  =  signed (("*" | "/") signed)*
    signed   =  ("+" | "-") signed  |  power
    power    =  atom ("**" signed)?
    atom     =  number  |  name  |  function "(" sum ")"  |  "(" sum ")"

course_lib/widgets/answers.js reads the same language in the page and says the same.

The parser turns a text into a list of steps for a stack, so that a value is worked out by a loop.
Length, nesting and the size of every intermediate value are bounded.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import add, mul, neg, pos, sub, truediv
from typing import Any

MAX_LENGTH = 200  # characters
MAX_DEPTH = 20  # parentheses, signs and exponents inside each other
MAX_SIZE = 1e100  # of any intermediate value
LETTERS = "ABCDEFGH"  # of the choices
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {
    "log": math.log, "ln": math.log, "log2": math.log2, "sqrt": math.sqrt, "exp": math.exp,
}  # fmt: skip
UNITS = ("nats", "bits", "nat", "bit")
SAME = str.maketrans(
    {"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "\u00a0": " ", "\ufeff": " "}
)
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<operator>\*\*|[-+*/^()])|(?P<other>\S))"
)
ADVICE = {
    ",": "Write a decimal point, as in 2.5, and no comma.",
    "%": "Write a fraction instead of a percentage, as in 0.05 for 5 percent.",
    "=": "Give the expression alone, without an equals sign.",
    "²": "Write a square as **2.",
    "√": "Write a root as sqrt(…).",
} | dict.fromkeys("μσρπ", "Write Greek letters by their names, as in sigma or pi.")


# A number, the name of a variable, or a function with the number of its arguments.
Step = float | str | tuple[Callable[..., float], int]


class AnswerError(ValueError):
    """An answer that cannot be read or has no value; the message is meant for the student."""


@dataclass(frozen=True)
class Formula:
    """A parsed formula; call it with a value for each of its names."""

    steps: tuple[Step, ...]

    def __call__(self, **values: Any) -> float:
        """The value at this point. Raises AnswerError where there is none, or none below 1e100."""
        stack: list[float] = []
        for step in self.steps:
            if isinstance(step, tuple):
                function, count = step
                arguments = stack[-count:]
                del stack[-count:]
                stack.append(_apply(function, arguments))
            else:
                stack.append(values[step] if isinstance(step, str) else step)
        return stack[-1]


def parse_number(text: str) -> float:
    """The value of a number, or of an expression of numbers such as 3/4 or log(2).

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    return parse_formula(text)()


def parse_formula(text: str, names: Collection[str] = ()) -> Formula:
    """The formula in these names that a text holds.

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    if len(text) > MAX_LENGTH:
        raise AnswerError(f"The answer is too long: at most {MAX_LENGTH} characters are read.")
    parser = _Parser(_tokens(text.translate(SAME)), names)
    parser.sum()
    if parser.next is not None:
        raise AnswerError(_left_over(parser.next))
    return Formula(tuple(parser.steps))


def read_choice(text: str, choices: Sequence[str]) -> str:
    """The choice that a text means, by its letter or its whole text.

    Raises AnswerError, a ValueError, with a sentence about what is wrong with the text.
    """
    if text in choices:
        return text
    letters = LETTERS[: len(choices)]
    letter = text.strip(" ().").upper()
    if len(letter) != 1 or letter not in letters:
        raise AnswerError(f"Answer with one letter from {letters[0]} to {letters[-1]}.")
    return choices[letters.index(letter)]


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


def _left_over(token: str) -> str:
    if token == ")":
        return "There is a closing parenthesis too many."
    if token in UNITS:
        return "Give the number alone, without its unit."
    return f"There is no operator before '{token[:20]}'; a product is written with *."


def _apply(function: Callable[..., float], arguments: list[float]) -> float:
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

    def __init__(self, tokens: list[tuple[str, str]], names: Collection[str]) -> None:
        self.tokens = tokens
        self.names = names
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
        self.signed()
        while operator := self.take("*", "/"):
            self.signed()
            self.steps.append((mul if operator == "*" else truediv, 2))

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
            raise AnswerError(_unknown(name, self.names))
        elif not self.take("("):
            raise AnswerError(f"Write {name} with parentheses: {name}(…).")
        else:
            self.inside_parentheses()
            self.steps.append((FUNCTIONS[name], 1))

    def inside_parentheses(self) -> None:
        self.sum()
        if not self.take(")"):
            if self.next is not None:
                raise AnswerError(_left_over(self.next))
            raise AnswerError("A closing parenthesis is missing.")


def _number(token: str) -> float:
    value = float(token)
    if value > MAX_SIZE:
        raise AnswerError("A number in the answer is too large.")
    return value


def _unknown(name: str, names: Collection[str]) -> str:
    if name in UNITS:
        return "Give the number alone, without its unit."
    known = ", ".join([*names, *CONSTANTS, *FUNCTIONS])
    return f"The name '{name[:20]}' is not known here; known are {known}."
