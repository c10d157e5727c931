"""Question banks for Moodle, Canvas and other systems, which hand out, time and mark themselves.

A bank holds several variants of each exercise. Each usual mistake is an answer that earns nothing
and is told what went wrong. What no such system can do is compare formulas: it asks for the value
of the formula at one point instead, which a mistake changes as well.

Moodle XML and GIFT are written as Moodle reads them (question/format/xml/format.php and
question/format/gift/format.php), QTI 1.2 as Canvas exports and imports it (lib/cc/qti), and
QTI 2.1 after its specification.
"""

import hashlib
import html
import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import isfinite
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from course_lib.exercises import Exercise, Variant, bank, variant
from course_lib.exercises.check import Key, answer_key
from course_lib.exercises.exercise import SMALL, TOLERANCE, Parameters, near
from course_lib.grading.assignments import seed
from course_lib.grading.roster import InstructorError

DRAWS = 10  # for each variant asked for: some exercises have few numbers to draw
CATEGORY = "$course$/top/From Autoencoders to VQ-VAE"
RIGHT = "<p>Right.</p>"
NOT_YET = "<p>Not yet. "
UNRECOGNISED = f"{NOT_YET}This is none of the usual mistakes. If you rounded, give four digits.</p>"
ALL_MISTAKES = (
    f"{NOT_YET}These numbers come from the usual mistakes. If yours is none of them and you "
    "rounded, give four digits.</p>"
)
QTI_1 = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
QTI_1_PACKAGE = "http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"
QTI_2 = "http://www.imsglobal.org/xsd/imsqti_v2p1"
QTI_2_PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"


@dataclass(frozen=True)
class Option:
    """An answer that is foreseen, whether it is right, and what is then said, all in HTML.

    answer: of a question for a number it is one, as text.
    """

    answer: str
    right: bool
    says: str
    integer: bool = False

    @property
    def tolerance(self) -> str:
        """How far from the number an answer may lie, as `near` has it; an integer is met or not."""
        if self.integer:
            return "0"
        return f"{Decimal(f'{TOLERANCE * max(SMALL, abs(float(self.answer))):.4g}'):f}"


@dataclass(frozen=True)
class Question:
    """A variant as a learning management system gets it: statement and hints are HTML.

    ident: differs between all questions, and is the same whenever the same question is written,
    so that a bank imported twice is not doubled where the system looks at it.
    """

    ident: str
    name: str
    statement: str
    numerical: bool
    options: tuple[Option, ...]
    hints: tuple[str, ...]


Bank = dict[str, list[Question]]  # by the title of the exercise


# The questions


def question_bank(exercises: Iterable[str], count: int, secret: bytes) -> Bank:
    """Up to `count` different questions of each exercise, the same for the same secret.

    An exercise without numbers is one question, whose choices the system shuffles; one with few
    numbers to draw may have less than `count`.
    """
    return {bank()[id].title: _questions(bank()[id], count, secret) for id in exercises}


def _questions(exercise: Exercise, count: int, secret: bytes) -> list[Question]:
    drawn: dict[str, tuple[Option, ...]] = {}  # by statement, so that no two are the same
    for number in range(1 if exercise.kind == "choice" else DRAWS * count):
        # An assignment has a name, so that none of these is a student's variant in a notebook.
        one = variant(exercise.id, seed(secret, "", str(number), exercise.id))
        drawn.setdefault(*_ask(exercise, one))
        if len(drawn) == count:
            break
    width = len(str(len(drawn)))
    return [
        Question(
            ident=f"{exercise.id}-{_digest(text)}",
            name=f"{exercise.title}, {number:0{width}}" if len(drawn) > 1 else exercise.title,
            statement=as_html(text),
            numerical=exercise.kind != "choice",
            options=options,
            hints=tuple(map(as_html, exercise.hints)),
        )
        for number, (text, options) in enumerate(drawn.items(), start=1)
    ]


def _ask(exercise: Exercise, drawn: Variant) -> tuple[str, tuple[Option, ...]]:
    """The statement of a variant in Markdown, and the answers that are foreseen."""
    key = answer_key(drawn)
    told = [as_html(says) for _, says in key.mistakes.values()]
    if exercise.kind == "choice":
        wrong = dict(zip((mistake.wrong for mistake in exercise.mistakes), told, strict=True))
        options = [Option(as_html(c), c not in wrong, wrong.get(c, RIGHT)) for c in drawn.choices]
        return drawn.statement, tuple(options)
    if exercise.kind == "number":
        text, values = drawn.statement, _values(exercise, key.mistakes, drawn.parameters)
    else:
        text, values = _at_a_point(exercise, drawn, key)
    truth, *mistakes = map(_number, values)
    wrong_ones = [
        Option(n, False, says, drawn.integer) for n, says in zip(mistakes, told, strict=True)
    ]
    return text, (Option(truth, True, RIGHT, drawn.integer), *wrong_ones)


def _at_a_point(exercise: Exercise, drawn: Variant, key: Key) -> tuple[str, list[float]]:
    """A formula's statement, which asks for its value instead, and truth and mistakes there.

    The point is the first, of those where formulas are compared, that keeps them apart when its
    coordinates have one digit.
    """
    for point in key.points:
        at = {name: float(f"{point[name]:.1g}") for name in drawn.names}
        inside = all(low <= at[name] <= high for name, (low, high) in exercise.domain.items())
        if inside and _apart(values := _values(exercise, key.mistakes, {**drawn.parameters, **at})):
            *others, last = (f"`{name}` = {value:g}" for name, value in at.items())
            place = " and ".join(part for part in (", ".join(others), last) if part)
            question, _, _ = drawn.statement.rpartition("\n\n")
            how = f"Answer with its value at {place}: a number, right within 0.1 percent."
            return f"{question}\n\n{how}", values
    raise InstructorError(
        f"no simple point tells the mistakes of {exercise.id} apart; leave it out"
    )


def _values(exercise: Exercise, made: Collection[str], point: Parameters) -> list[float]:
    """The truth and then what each of these mistakes leads to, in numbers."""
    wrong = (mistake.wrong for mistake in exercise.mistakes if mistake.id in made)
    answers = (exercise.truth, *wrong)
    return [answer(**point) for answer in answers if callable(answer)]


def _number(value: float) -> str:
    """Six digits, without an exponent, which not every reader of GIFT knows, and no -0."""
    return f"{Decimal(f'{round(value, 12) + 0.0:.6g}'):f}"


def _apart(values: list[float]) -> bool:
    return all(map(isfinite, values)) and not any(
        near(a, b, tolerances=2) for a, b in combinations(values, 2)
    )


def _bank_ident(questions: Bank) -> str:
    """Differs between banks: an import replaces what has the same."""
    return f"bank-{_digest(*(q.ident for variants in questions.values() for q in variants))}"


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def as_html(markdown: str) -> str:
    r"""The little Markdown of statements as HTML, with formulas in LaTeX between \( and \)."""
    pieces = re.split(r"\$([^$]*)\$", html.escape(markdown, quote=False))
    pieces[1::2] = [rf"\({formula}\)" for formula in pieces[1::2]]
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", "".join(pieces))
    return "".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))


# Moodle


def moodle_xml(questions: Bank) -> bytes:
    """One category for each exercise, from which a quiz draws a random question."""
    quiz = Element("quiz")
    for title, variants in questions.items():
        category = SubElement(SubElement(quiz, "question", type="category"), "category")
        _add(category, "text", _category(title))
        for question in variants:
            _moodle_question(quiz, question)
    return _written(quiz)


def _moodle_question(quiz: Element, question: Question) -> None:
    node = SubElement(quiz, "question", type="numerical" if question.numerical else "multichoice")
    _add(SubElement(node, "name"), "text", question.name)
    _moodle_text(node, "questiontext", question.statement)
    _add(node, "defaultgrade", "1")
    _add(node, "penalty", "0.3333333")
    if not question.numerical:
        _add(node, "single", "true")
        _add(node, "shuffleanswers", "true")
        _add(node, "showstandardinstruction", "0")
    for option in question.options:
        answer = SubElement(node, "answer", fraction="100" if option.right else "0")
        answer.set("format", "moodle_auto_format" if question.numerical else "html")
        _add(answer, "text", option.answer)
        _moodle_text(answer, "feedback", option.says)
        if question.numerical:
            _add(answer, "tolerance", option.tolerance)
    if question.numerical:  # the first answer that fits is taken, and * fits everything
        answer = SubElement(node, "answer", fraction="0", format="moodle_auto_format")
        _add(answer, "text", "*")
        _moodle_text(answer, "feedback", UNRECOGNISED)
        _add(answer, "tolerance", "0")
    for hint in question.hints:  # shown where a quiz gives several tries
        _moodle_text(node, "hint", hint)


def _moodle_text(parent: Element, tag: str, text: str) -> None:
    _add(SubElement(parent, tag, format="html"), "text", text)


def _category(title: str) -> str:
    return f"{CATEGORY}/{title.replace('/', '//')}"  # a single / would begin a category within


def gift(questions: Bank) -> bytes:
    """The same in Moodle's short notation, which has no hints."""
    parts = []
    for title, variants in questions.items():
        parts.append(f"$CATEGORY: {_category(title)}\n")  # read as it is, without escapes
        parts += map(_gift_question, variants)
    return "\n".join(parts).encode()


def _gift_question(question: Question) -> str:
    lines = [f"::{_gift(question.name)}::[html]{_gift(question.statement)}{{"]
    if question.numerical:
        lines[0] += "#"
    for option in question.options:
        says = _gift(option.says)
        if question.numerical:
            percent = 100 if option.right else 0
            lines.append(f"=%{percent}%{option.answer}:{option.tolerance}#{says}")
        else:
            lines.append(f"{'=' if option.right else '~'}{_gift(option.answer)}#{says}")
    if question.numerical:
        lines.append(f"~#{_gift(UNRECOGNISED)}")
    return "\n".join([*lines, "}\n"])


def _gift(text: str) -> str:
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


# QTI 1.2, for Canvas


def qti_1(questions: Bank, title: str) -> bytes:
    """A package with a quiz, which draws one question of each exercise for each student."""
    ident = _bank_ident(questions)
    root = Element("questestinterop", xmlns=QTI_1)
    quiz = SubElement(root, "assessment", ident=ident, title=title)
    section = SubElement(quiz, "section", ident="root_section")
    for number, (name, variants) in enumerate(questions.items(), start=1):
        group = SubElement(section, "section", ident=f"{ident}-{number}", title=name)
        selection = SubElement(SubElement(group, "selection_ordering"), "selection")
        _add(selection, "selection_number", "1")
        _add(SubElement(selection, "selection_extension"), "points_per_item", "1")
        for question in variants:
            _qti_1_item(group, question)
    manifest = Element("manifest", xmlns=QTI_1_PACKAGE, identifier=f"manifest-{ident}")
    metadata = SubElement(manifest, "metadata")
    _add(metadata, "schema", "IMS Content")
    _add(metadata, "schemaversion", "1.1.3")
    SubElement(manifest, "organizations")
    _resource(SubElement(manifest, "resources"), ident, "imsqti_xmlv1p2", f"{ident}.xml")
    return _zipped({"imsmanifest.xml": _written(manifest), f"{ident}.xml": _written(root)})


def _qti_1_item(group: Element, question: Question) -> None:
    """A question in the shape in which Canvas exports its own.

    Canvas takes every number that an answer is compared with for a right one (NumericInteraction
    in its qti_exporter). So a question for a number compares with the truth alone, and what is
    said about any other answer lists the numbers that the usual mistakes lead to.
    """
    item = SubElement(group, "item", ident=question.ident, title=question.name)
    kind = "numerical_question" if question.numerical else "multiple_choice_question"
    fields = {"question_type": kind, "points_possible": "1"}
    _qti_1_fields(SubElement(item, "itemmetadata"), fields)
    presentation = SubElement(item, "presentation")
    _qti_1_text(presentation, question.statement)
    processing = SubElement(item, "resprocessing")
    score = {"maxvalue": "100", "minvalue": "0", "varname": "SCORE", "vartype": "Decimal"}
    SubElement(SubElement(processing, "outcomes"), "decvar", score)
    (right,) = (option for option in question.options if option.right)
    feedback = {"correct_fb": right.says}
    if question.numerical:
        field = SubElement(presentation, "response_str", ident="response1", rcardinality="Single")
        blank = SubElement(field, "render_fib", fibtype="Decimal")
        SubElement(blank, "response_label", ident="answer1")
        either = SubElement(_qti_1_right(processing), "or")
        value, tolerance = Decimal(right.answer), Decimal(right.tolerance)
        _add(either, "varequal", f"{value:f}", respident="response1")
        both = SubElement(either, "and")
        _add(both, "vargte", f"{value - tolerance:f}", respident="response1")
        _add(both, "varlte", f"{value + tolerance:f}", respident="response1")
        feedback["general_incorrect_fb"] = _all_mistakes(question)
        SubElement(_qti_1_says(processing, "general_incorrect_fb"), "other")
    else:
        field = SubElement(presentation, "response_lid", ident="response1", rcardinality="Single")
        choices = SubElement(field, "render_choice", shuffle="Yes")
        for number, option in enumerate(question.options, start=1):
            choice = str(number)  # Canvas ties 1_fb to the answer 1
            _qti_1_text(SubElement(choices, "response_label", ident=choice), option.answer)
            if not option.right:
                condition = _qti_1_says(processing, f"{choice}_fb")
                _add(condition, "varequal", choice, respident="response1")
                feedback[f"{choice}_fb"] = option.says
        chosen = str(question.options.index(right) + 1)
        _add(_qti_1_right(processing), "varequal", chosen, respident="response1")
    for name, says in feedback.items():
        node = SubElement(item, "itemfeedback", ident=name)
        _qti_1_text(SubElement(node, "flow_mat"), says)


def _all_mistakes(question: Question) -> str:
    """What is said about every wrong number where none can have a feedback of its own."""
    wrong = [option for option in question.options if not option.right]
    lines = [
        f"<li>{o.answer}: {o.says.removeprefix(NOT_YET).removesuffix('</p>')}</li>" for o in wrong
    ]
    return f"{ALL_MISTAKES}<ul>{''.join(lines)}</ul>"


def _qti_1_fields(parent: Element, fields: dict[str, str]) -> None:
    metadata = SubElement(parent, "qtimetadata")
    for label, entry in fields.items():
        field = SubElement(metadata, "qtimetadatafield")
        _add(field, "fieldlabel", label)
        _add(field, "fieldentry", entry)


def _qti_1_text(parent: Element, text: str) -> None:
    _add(SubElement(parent, "material"), "mattext", text, texttype="text/html")


def _qti_1_right(processing: Element) -> Element:
    """The condition of full marks, still empty."""
    response = SubElement(processing, "respcondition", {"continue": "No"})
    condition = SubElement(response, "conditionvar")
    _add(response, "setvar", "100", action="Set", varname="SCORE")
    SubElement(response, "displayfeedback", feedbacktype="Response", linkrefid="correct_fb")
    return condition


def _qti_1_says(processing: Element, feedback: str) -> Element:
    """The condition of a feedback, still empty."""
    response = SubElement(processing, "respcondition", {"continue": "Yes"})
    condition = SubElement(response, "conditionvar")
    SubElement(response, "displayfeedback", feedbacktype="Response", linkrefid=feedback)
    return condition


# QTI 2.1


def qti_2(questions: Bank, title: str) -> bytes:
    """A package with a test, which draws one item of each exercise, and a file for each item."""
    ident = _bank_ident(questions)
    test = Element("assessmentTest", xmlns=QTI_2, identifier=ident, title=title)
    modes = {"navigationMode": "nonlinear", "submissionMode": "individual"}
    part = SubElement(test, "testPart", {"identifier": "part"} | modes)
    manifest = Element("manifest", xmlns=QTI_2_PACKAGE, identifier=f"manifest-{ident}")
    metadata = SubElement(manifest, "metadata")
    _add(metadata, "schema", "QTIv2.1 Package")
    _add(metadata, "schemaversion", "1.0.0")
    SubElement(manifest, "organizations")
    resources = SubElement(manifest, "resources")
    resource = _resource(resources, ident, "imsqti_test_xmlv2p1", "test.xml")
    files = {}
    for number, (name, variants) in enumerate(questions.items(), start=1):
        attributes = {"identifier": f"exercise-{number}", "title": name, "visible": "true"}
        section = SubElement(part, "assessmentSection", attributes)
        SubElement(section, "selection", select="1")
        for question in variants:
            file = f"{question.ident}.xml"
            SubElement(section, "assessmentItemRef", identifier=question.ident, href=file)
            SubElement(resource, "dependency", identifierref=question.ident)
            _resource(resources, question.ident, "imsqti_item_xmlv2p1", file)
            files[file] = _written(_qti_2_item(question), indented=False)  # texts hold elements
    return _zipped({"imsmanifest.xml": _written(manifest), "test.xml": _written(test)} | files)


def _qti_2_item(question: Question) -> Element:
    attributes = {"identifier": question.ident, "title": question.name}
    attributes |= {"adaptive": "false", "timeDependent": "false"}
    item = Element("assessmentItem", attributes | {"xmlns": QTI_2})
    kind = "float" if question.numerical else "identifier"
    values = [
        option.answer if question.numerical else f"choice{number}"
        for number, option in enumerate(question.options)
    ]
    (right,) = (v for v, option in zip(values, question.options, strict=True) if option.right)
    one = {"cardinality": "single"}
    response = {"identifier": "RESPONSE", "baseType": kind}
    declared = SubElement(item, "responseDeclaration", response | one)
    _add(SubElement(declared, "correctResponse"), "value", right)
    score = {"identifier": "SCORE", "baseType": "float", "normalMaximum": "1"}
    declared = SubElement(item, "outcomeDeclaration", score | one)
    _add(SubElement(declared, "defaultValue"), "value", "0")
    said = {"identifier": "FEEDBACK", "baseType": "identifier"}
    SubElement(item, "outcomeDeclaration", said | one)

    body = SubElement(item, "itemBody")
    body.extend(_elements(question.statement))
    if question.numerical:
        field = {"responseIdentifier": "RESPONSE", "expectedLength": "12"}
        SubElement(SubElement(body, "p"), "textEntryInteraction", field)
    else:
        field = {"responseIdentifier": "RESPONSE", "shuffle": "true", "maxChoices": "1"}
        choices = SubElement(body, "choiceInteraction", field)
        for value, option in zip(values, question.options, strict=True):
            choice = SubElement(choices, "simpleChoice", identifier=value)
            choice.extend(_elements(option.answer))

    condition = SubElement(SubElement(item, "responseProcessing"), "responseCondition")
    for number, (value, option) in enumerate(zip(values, question.options, strict=True)):
        branch = SubElement(condition, "responseElseIf" if number else "responseIf")
        if question.numerical:
            within = {
                "toleranceMode": "absolute",
                "tolerance": f"{option.tolerance} {option.tolerance}",
            }
            comparison = SubElement(branch, "equal", within)
        else:
            comparison = SubElement(branch, "match")
        SubElement(comparison, "variable", identifier="RESPONSE")
        _add(comparison, "baseValue", value, baseType=kind)
        if option.right:
            _qti_2_set(branch, "SCORE", "float", "1")
        _qti_2_set(branch, "FEEDBACK", "identifier", f"answer{number}")
    feedback = {f"answer{number}": option.says for number, option in enumerate(question.options)}
    if question.numerical:
        branch = SubElement(condition, "responseElse")
        _qti_2_set(branch, "FEEDBACK", "identifier", "other")
        feedback["other"] = UNRECOGNISED
    for name, says in feedback.items():
        shown = {"outcomeIdentifier": "FEEDBACK", "identifier": name, "showHide": "show"}
        SubElement(item, "modalFeedback", shown).extend(_elements(says))
    return item


def _qti_2_set(branch: Element, outcome: str, kind: str, value: str) -> None:
    _add(
        SubElement(branch, "setOutcomeValue", identifier=outcome), "baseValue", value, baseType=kind
    )


def _elements(text: str) -> Element:
    """The elements of a text in HTML, which is well-formed XML."""
    return ElementTree.fromstring(f"<div>{text}</div>")


# Files


def _add(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = text


def _resource(resources: Element, ident: str, kind: str, file: str) -> Element:
    resource = SubElement(resources, "resource", identifier=ident, type=kind, href=file)
    SubElement(resource, "file", href=file)
    return resource


def _written(root: Element, indented: bool = True) -> bytes:
    if indented:
        ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _zipped(files: dict[str, bytes]) -> bytes:
    """A package whose bytes depend on its files alone, and not on time or system."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # of 1980
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return package.getvalue()


FORMATS: dict[str, Callable[[Bank, str], bytes]] = {
    "moodle-xml": lambda questions, _: moodle_xml(questions),
    "gift": lambda questions, _: gift(questions),
    "qti": qti_1,
    "qti21": qti_2,
}


def write_bank(questions: Bank, kind: str, out: Path) -> None:
    """Write the bank into a new file, whole or not at all; its name is the title of a quiz.

    Raises InstructorError for an unknown format, and when `out` exists and holds anything else.
    """
    if kind not in FORMATS:
        raise InstructorError(f"the format is one of {', '.join(FORMATS)}, got {kind!r}")
    content = FORMATS[kind](questions, out.stem)
    if out.exists():
        if not out.is_file() or out.read_bytes() != content:
            raise InstructorError(
                f"{out} exists and holds something else, which was left as it is; "
                "name a new file, or remove the old one first"
            )
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out.parent) as temporary:
        Path(temporary, "file").write_bytes(content)
        Path(temporary, "file").replace(out)
