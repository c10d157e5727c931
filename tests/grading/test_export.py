r"""Question banks: every format is read as its system reads it, and its questions are marked.

The readers follow what the systems do and share nothing with the writer. Moodle: qformat_xml,
qformat_gift and qtype_numerical (question/format/xml/format.php, question/format/gift/format.php,
question/type/numerical/question.php). Canvas: CC::Qti::QtiItems and Qti::NumericInteraction
(lib/cc/qti/qti_items.rb, gems/plugins/qti_exporter/lib/qti/numeric_interaction.rb).
QTI: the content models of ims_qtiasiv1p2p1.dtd and imsqti_v2p1.dtd.
What must come out is what `check` says, and for a formula the value that its function has.
"""

import html
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.exercises import bank, check, variant
from course_lib.exercises.check import answer_key
from course_lib.grading.assignments import seed
from course_lib.grading.export import FORMATS, as_html, question_bank

CARTRIDGE = "http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"
EXERCISES = ["kl-to-standard-normal", "formula-kl-to-standard-normal", "posterior-collapse"]
SECRET = b"0123456789abcdef0123456789abcdef"
COUNT = 3
NONE_OF_THEM = "Not yet. This is none of the usual mistakes. If you rounded, give four digits."


# Readers


@dataclass
class Read:
    """A question as a system has read it: `mark` gives the score and what is said, as text."""

    name: str
    statement: str
    choices: list[str]
    mark: Callable
    category: str


def text(markup: str) -> str:
    """What a reader sees of HTML, the lines of a list apart."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup.replace("<li>", "\n")))


def first_fitting(answers, given):
    """qtype_numerical_question::get_matching_answer."""
    for value, tolerance, score, says in answers:
        if value == "*" or abs(float(given) - float(value)) <= float(tolerance) + 1e-12:
            return score, text(says)
    raise AssertionError(f"{given} has no answer")


def marked_by_moodle(name, statement, numerical, answers, category):
    """A question of Moodle's; answers: what, tolerance, score, feedback."""
    if not numerical:
        by_choice = {text(a): (score, text(says)) for a, _, score, says in answers}
        assert len(by_choice) == len(answers)
        return Read(name, statement, list(by_choice), by_choice.__getitem__, category)
    assert [a for a, *_ in answers].index("*") == len(answers) - 1  # nothing after it is reached
    return Read(name, statement, [], partial(first_fitting, answers), category)


def read_moodle_xml(content):
    category = ""
    for node in ElementTree.fromstring(content):
        if node.get("type") == "category":
            category = node.findtext("category/text")
            continue
        assert node.get("type") in ("numerical", "multichoice")
        numerical = node.get("type") == "numerical"
        assert node.find("questiontext").get("format") == "html"
        if not numerical:
            assert node.findtext("single") == node.findtext("shuffleanswers") == "true"
        answers = [
            (
                answer.findtext("text"),
                answer.findtext("tolerance"),
                int(answer.get("fraction")) / 100,
                answer.findtext("feedback/text"),
            )
            for answer in node.findall("answer")
        ]
        assert all(a.find("feedback").get("format") == "html" for a in node.findall("answer"))
        statement = node.findtext("questiontext/text")
        name = node.findtext("name/text")
        yield marked_by_moodle(name, statement, numerical, answers, category)


ESCAPED = {r"\:": "058", r"\#": "035", r"\=": "061", r"\{": "123", r"\}": "125", r"\~": "126"}


def before(line):
    """qformat_gift::escapedchar_pre: placeholders for what is escaped, \\ first."""
    line = line.replace("\\\\", "&&092;")
    for escaped, code in (ESCAPED | {r"\n": "010"}).items():
        line = line.replace(escaped, f"&&{code};")
    return line.replace("&&092;", "\\")


def after(line):
    assert not re.search("[~=#{}:]", line)  # each is to be escaped
    for code in [*ESCAPED.values(), "010"]:
        line = line.replace(f"&&{code};", chr(int(code)))
    return line.strip()


def read_gift(content):
    category = ""
    for block in re.split(r"\n\s*\n", content.decode()):
        lines = block.strip().splitlines()
        assert not any(line.lstrip().startswith("//") for line in lines)  # a comment
        source = before("\n".join(lines)).strip()
        if source.startswith("$CATEGORY:"):
            category = source.removeprefix("$CATEGORY:").strip()
            continue
        name, found, source = source.removeprefix("::").partition("::")
        assert found
        start, end = source.index("{"), source.index("}")
        assert end == len(source) - 1  # or it would be a question with a gap in it
        statement, answers = source[:start].strip(), source[start + 1 : end].strip()
        assert "####" not in answers  # would be feedback of the whole question
        assert statement.startswith("[html]")
        if numerical := answers.startswith("#"):
            answers, found, otherwise = answers[1:].partition("~")
            parts = [part.strip() for part in answers.split("=") if part.strip()]
            rest = [("*", "", 0, otherwise.partition("#")[2])] if found else []
        else:
            assert "=" in answers and "~" in answers
            parts = [p.strip() for p in answers.replace("=", "~=").split("~") if p.strip()]
            rest = []
        options = []
        for part in parts:
            score = float(not numerical or "=" in part)
            if not numerical:
                score, part = float(part[0] == "="), part.removeprefix("=")
            elif weight := re.match(r"%-*([0-9]{1,2}\.?[0-9]*)%", part):
                score, part = float(weight[1]) / 100, part[weight.end() :]
            answer, _, says = part.partition("#")
            answer, _, tolerance = answer.partition(":") if numerical else (answer, "", "")
            options.append((after(answer), tolerance, score, after(says)))
        options += [(a, tolerance, score, after(says)) for a, tolerance, score, says in rest]
        shown = after(statement.removeprefix("[html]"))
        yield marked_by_moodle(after(name), shown, numerical, options, category)


QTI_1 = {  # content models of ims_qtiasiv1p2p1.dtd; selection_extension is in 1.2 and Canvas's
    "questestinterop": "assessment",
    "assessment": "qtimetadata*, section+",
    "section": "selection_ordering?, (item | section)*",
    "selection_ordering": "selection*",
    "selection": "selection_number?, selection_extension?",
    "selection_extension": "points_per_item",
    "item": "itemmetadata?, presentation?, resprocessing*, itemfeedback*",
    "itemmetadata": "qtimetadata*",
    "qtimetadata": "qtimetadatafield+",
    "qtimetadatafield": "fieldlabel, fieldentry",
    "presentation": "(material | response_lid | response_str)+",
    "material": "mattext+",
    "response_lid": "render_choice",
    "response_str": "render_fib",
    "render_choice": "response_label*",
    "render_fib": "response_label*",
    "response_label": "material*",
    "resprocessing": "outcomes, respcondition+",
    "outcomes": "decvar+",
    "respcondition": "conditionvar, setvar*, displayfeedback*",
    "conditionvar": "(or | and | other | varequal)+",
    "or": "(and | varequal)+",
    "and": "(vargte | varlte)+",
    "itemfeedback": "flow_mat+",
    "flow_mat": "material+",
}
EXPRESSION = "(equal | match | variable | baseValue)"
INLINE, BLOCK = "(code | textEntryInteraction)*", "(p | choiceInteraction)*"
QTI_2 = {  # content models of imsqti_v2p1.dtd
    "assessmentTest": "outcomeDeclaration*, testPart+",
    "testPart": "assessmentSection+",
    "assessmentSection": "selection?, assessmentItemRef*",
    "assessmentItem": "responseDeclaration*, outcomeDeclaration*, itemBody?, responseProcessing?, "
    "modalFeedback*",
    "responseDeclaration": "defaultValue?, correctResponse?",
    "outcomeDeclaration": "defaultValue?",
    "correctResponse": "value+",
    "defaultValue": "value+",
    "itemBody": BLOCK,
    "p": INLINE,
    "choiceInteraction": "simpleChoice+",
    "simpleChoice": "(p | code)*",
    "modalFeedback": "(p | code)*",
    "responseProcessing": "responseCondition*",
    "responseCondition": "responseIf, responseElseIf*, responseElse?",
    "responseIf": f"{EXPRESSION}, setOutcomeValue*",
    "responseElseIf": f"{EXPRESSION}, setOutcomeValue*",
    "responseElse": "setOutcomeValue*",
    "equal": f"{EXPRESSION}, {EXPRESSION}",
    "match": f"{EXPRESSION}, {EXPRESSION}",
    "setOutcomeValue": EXPRESSION,
}
MIXED = {"p", "simpleChoice", "modalFeedback"}  # text among the elements


def validated(content, models, namespace):
    """The root without its namespace, every element with the children that its model allows."""
    root = ElementTree.fromstring(content)
    for node in root.iter():
        node.tag = node.tag.removeprefix(f"{{{namespace}}}")
    for node in root.iter():
        model = re.sub(r"(\w+)", r"(?:\1 )", models.get(node.tag, "")).replace(", ", "")
        model = model.replace(" | ", "|")
        children = "".join(f"{child.tag} " for child in node)
        assert re.fullmatch(model, children), f"{node.tag} must not hold {children}"
        loose = [node.text if len(node) else None, *(child.tail for child in node)]
        assert node.tag in MIXED or not "".join(filter(None, loose)).strip()
    return root


def files(content, manifest_namespace):
    """The files of a package, all of them in its manifest, by the type of their resource."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.testzip() is None
        held = {name: package.read(name) for name in package.namelist()}
        assert len(held) == len(package.namelist())
    manifest = ElementTree.fromstring(held.pop("imsmanifest.xml"))
    inside = {"": manifest_namespace}
    resources = manifest.findall("resources/resource", inside)
    named = {resource.get("identifier") for resource in resources}
    assert len(named) == len(resources)
    assert {d.get("identifierref") for d in manifest.iterfind(".//dependency", inside)} <= named
    by_type = {}
    for resource in resources:
        assert resource.get("href") == resource.find("file", inside).get("href")
        by_type.setdefault(resource.get("type"), []).append(held.pop(resource.get("href")))
    assert not held
    return by_type


def read_qti(content):
    by_type = files(content, CARTRIDGE)
    ((kind, (quiz,)),) = by_type.items()
    assert kind == "imsqti_xmlv1p2"
    root = validated(quiz, QTI_1, "http://www.imsglobal.org/xsd/ims_qtiasiv1p2")
    idents = [node.get("ident") for node in root.iter() if node.tag in ("item", "section")]
    assert len(set(idents)) == len(idents)
    for group in root.findall("assessment/section/section"):
        assert group.findtext("selection_ordering/selection/selection_number") == "1"
        for item in group.findall("item"):
            yield canvas_question(item, group.get("title"))


def canvas_question(item, category):
    fields = {f.findtext("fieldlabel"): f.findtext("fieldentry")
              for f in item.iter("qtimetadatafield")}  # fmt: skip
    assert fields["points_possible"] == "1"
    assert all(node.get("texttype") == "text/html" for node in item.iter("mattext"))
    statement = item.findtext("presentation/material/mattext")
    says = {f.get("ident"): f.findtext(".//mattext") for f in item.findall("itemfeedback")}
    linked = [node.get("linkrefid") for node in item.iter("displayfeedback")]
    assert set(linked) == set(says)
    name = item.get("title")
    if fields["question_type"] == "numerical_question":
        # Canvas takes the numbers of every condition with `or` or `and` for a right answer.
        ranges = []
        for condition in item.iterfind(".//respcondition/conditionvar"):
            if condition.find("or") is not None:
                exact = float(condition.findtext("or/varequal"))
                low = float(condition.findtext("or/and/vargte"))
                high = float(condition.findtext("or/and/varlte"))
                assert high - exact == pytest.approx(exact - low)
                ranges.append((low, high))
            else:
                assert [node.tag for node in condition] == ["other"]
        assert item.find(".//response_str/render_fib").get("fibtype") == "Decimal"

        def mark(given):
            right = any(low <= float(given) <= high for low, high in ranges)
            return float(right), text(says["correct_fb" if right else "general_incorrect_fb"])

        return Read(name, statement, [], mark, category)
    assert fields["question_type"] == "multiple_choice_question"
    labels = {label.get("ident"): text(label.findtext("material/mattext"))
              for label in item.iter("response_label")}  # fmt: skip

    def mark_choice(choice):
        score, said = 0, []
        for response in item.iter("respcondition"):
            if labels[response.findtext("conditionvar/varequal")] == choice:
                score = int(response.findtext("setvar", str(score))) / 100
                said += [says[node.get("linkrefid")] for node in response.iter("displayfeedback")]
                if response.get("continue") == "No":
                    break
        return score, " ".join(map(text, said))

    return Read(name, statement, list(labels.values()), mark_choice, category)


def read_qti21(content):
    by_type = files(content, "http://www.imsglobal.org/xsd/imscp_v1p1")
    assert set(by_type) == {"imsqti_test_xmlv2p1", "imsqti_item_xmlv2p1"}
    namespace = "http://www.imsglobal.org/xsd/imsqti_v2p1"
    (test,) = by_type["imsqti_test_xmlv2p1"]
    test = validated(test, QTI_2, namespace)
    category = {}
    for section in test.iter("assessmentSection"):
        assert section.find("selection").get("select") == "1"
        for reference in section.findall("assessmentItemRef"):
            category[reference.get("identifier")] = section.get("title")
    items = [validated(item, QTI_2, namespace) for item in by_type["imsqti_item_xmlv2p1"]]
    assert {item.get("identifier") for item in items} == set(category)
    for item in items:
        assert re.fullmatch(r"[A-Za-z_][\w.-]*", item.get("identifier"))
        yield qti_2_question(item, category[item.get("identifier")])


def qti_2_question(item, category):
    paragraphs = [ElementTree.tostring(p, "unicode") for p in item.findall("itemBody/p")]
    declared = {d.get("identifier"): d for d in item if d.tag.endswith("Declaration")}
    says = {f.get("identifier"): text(ElementTree.tostring(f, "unicode"))
            for f in item.findall("modalFeedback")}  # fmt: skip
    kind = declared["RESPONSE"].get("baseType")
    choices = {c.get("identifier"): text(ElementTree.tostring(c, "unicode"))
               for c in item.iter("simpleChoice")}  # fmt: skip

    def holds(test, response):
        variable, value = test
        assert variable.get("identifier") == "RESPONSE" and value.get("baseType") == kind
        if test.tag == "match":
            return response == value.text
        assert test.get("toleranceMode") == "absolute"
        tolerance, above = map(float, test.get("tolerance").split())
        assert tolerance == above
        return abs(float(response) - float(value.text)) <= tolerance + 1e-12

    def mark(given):
        response = {text: id for id, text in choices.items()}.get(given, given)
        outcomes = {"SCORE": declared["SCORE"].findtext("defaultValue/value"), "FEEDBACK": None}
        for branch in item.find("responseProcessing/responseCondition"):
            if branch.tag == "responseElse" or holds(branch[0], response):
                for node in branch.findall("setOutcomeValue"):
                    outcomes[node.get("identifier")] = node.findtext("baseValue")
                break
        return float(outcomes["SCORE"]), says[outcomes["FEEDBACK"]]

    right = declared["RESPONSE"].findtext("correctResponse/value")
    assert mark(choices.get(right, right)) == (1.0, "Right.")
    statement = "".join(paragraphs)
    return Read(item.get("title"), statement, list(choices.values()), mark, category)


READERS = {"moodle-xml": read_moodle_xml, "gift": read_gift, "qti": read_qti, "qti21": read_qti21}


# What is marked


def written(kind, exercises, count=COUNT, secret=SECRET):
    return FORMATS[kind](question_bank(exercises, count, secret), "bank")


@pytest.fixture(scope="module", params=READERS)
def read(request):
    """All exercises in one of the formats, as a system has read them, by their title."""
    questions = {}
    for question in READERS[request.param](written(request.param, bank())):
        title = question.category.removeprefix("$course$/top/From Autoencoders to VQ-VAE/")
        questions.setdefault(title, []).append(question)
    return request.param, questions


def drawn_for(exercise, question):
    """The variant of the course that a question shows, and where its answers are computed."""
    shown = text(question.statement)
    for number in range(100):
        drawn = variant(exercise.id, seed(SECRET, "", str(number), exercise.id))
        if exercise.kind != "formula":
            if shown == text(as_html(drawn.statement)):
                return drawn, drawn.parameters
            continue
        body, _, how = drawn.statement.rpartition("\n\n")
        if shown.startswith(text(as_html(body))):
            assert "Type a formula" in how and "Type a formula" not in shown
            at = dict(
                re.findall(r"(\w+) = (-?[\d.]+)(?=[,: ])", shown.partition("its value at")[2])
            )
            assert set(at) == set(drawn.names)
            return drawn, drawn.parameters | {name: float(value) for name, value in at.items()}
    raise AssertionError(f"no variant shows {shown}")


def test_every_exercise_has_its_questions_and_every_question_its_name(read):
    _, questions = read
    assert list(questions) == [exercise.title for exercise in bank().values()]
    for exercise in bank().values():
        each = questions[exercise.title]
        assert len(each) == (1 if exercise.kind == "choice" else COUNT)
        assert len({question.statement for question in each}) == len(each)
    names = [question.name for each in questions.values() for question in each]
    assert len(set(names)) == len(names)


def said_in_canvas(says, value):
    """What the list of numbers in a feedback says about one of them."""
    lines = [line.partition(": ") for line in says.splitlines()[1:]]
    (said,) = (
        m for number, _, m in lines if abs(float(number) - value) < 1e-5 * max(1, abs(value))
    )
    return f"Not yet. {said}"


@pytest.mark.parametrize("exercise", bank().values(), ids=list(bank()))
def test_a_system_marks_as_the_course_does(read, exercise):
    kind, questions = read
    for question in questions[exercise.title]:
        drawn, point = drawn_for(exercise, question)
        messages = {id: text(as_html(says)) for id, (_, says) in answer_key(drawn).mistakes.items()}
        if exercise.kind == "choice":
            assert question.choices == [text(as_html(choice)) for choice in drawn.choices]
            for letter, choice in zip("ABCDEFGH", question.choices, strict=False):
                said = check(drawn, letter)
                assert question.mark(choice) == (said.correct, text(as_html(said.message)))
            continue
        truth = exercise.truth(**point)
        tolerance = 0 if drawn.integer else 0.001 * max(0.001, abs(truth))
        for near in (truth, truth + 0.99 * tolerance, truth - 0.99 * tolerance):
            assert question.mark(near) == (1, "Right.")
        too_far = 1e-3 if drawn.integer else 1.01 * tolerance
        for far in (truth + too_far, truth - too_far):
            assert question.mark(far)[0] == 0
        if exercise.kind == "number":
            assert check(drawn, repr(truth + 0.99 * tolerance)).correct
        for mistake in exercise.mistakes:
            if mistake.id not in messages:
                continue  # these numbers leave no room for it
            wrong = mistake.wrong(**point)
            score, says = question.mark(wrong)
            if kind == "qti":
                says = said_in_canvas(says, wrong)
            assert (score, says) == (0, messages[mistake.id])
        others = [truth + 1e6, *(truth + 3 * step * too_far for step in (-1, 1))]
        known = [mistake.wrong(**point) for mistake in exercise.mistakes]
        for other in others:
            if all(abs(other - wrong) > 0.0011 * max(0.001, abs(wrong)) for wrong in known):
                score, says = question.mark(other)
                assert score == 0 and (says == NONE_OF_THEM or kind == "qti")


def test_formulas_arrive_as_latex_and_no_markdown_is_left(read):
    _, questions = read
    for exercise in bank().values():
        formulas = re.findall(r"\$([^$]*)\$", exercise.statement)
        for question in questions[exercise.title]:
            shown = text(question.statement)
            for formula in formulas:  # but for the numbers drawn
                assert all(part in shown for part in re.split(r"<\w+>", rf"\({formula}\)"))
            assert "$" not in shown and "`" not in shown and "&" not in shown.replace("&\\", "")


def test_the_little_markdown_is_html_with_latex():
    assert as_html("If `a < b`, is $a < b$?\n\nChoose & see.") == (
        r"<p>If <code>a &lt; b</code>, is \(a &lt; b\)?</p><p>Choose &amp; see.</p>"
    )


def test_a_title_with_a_slash_is_one_category_of_moodle():
    for content in (FORMATS["moodle-xml"]({"In/out": []}, ""), FORMATS["gift"]({"In/out": []}, "")):
        assert b"VQ-VAE/In//out" in content


# The command


def export(folder, *options, out="out", kind="gift", exercises="entropy-bits,posterior-collapse"):
    command = ["export", "--exercises", exercises, "--format", kind, "--out", f"{folder}/{out}"]
    return CliRunner().invoke(app, [*command, *options])


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    return ("--secret-file", f"{tmp_path}/secret")


@pytest.mark.parametrize("kind", READERS)
def test_the_command_writes_a_bank_and_the_same_one_again(tmp_path, secret, kind):
    exercises = ",".join(EXERCISES)
    run = export(tmp_path, *secret, "--variants", "4", kind=kind, exercises=exercises)
    assert run.exit_code == 0, run.output
    assert "9 questions from 3 exercises are in" in run.stdout
    assert "posterior-collapse has no more than 1" in run.stdout
    first = (tmp_path / "out").read_bytes()
    assert len(list(READERS[kind](first))) == 9
    again = export(tmp_path, *secret, "--variants", "4", kind=kind, exercises=exercises)
    assert again.exit_code == 0 and (tmp_path / "out").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret"]


def test_without_a_secret_every_bank_is_another(tmp_path):
    for out in "ab":
        assert export(tmp_path, out=out, exercises=EXERCISES[0]).exit_code == 0
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "word"}, "the format is one of moodle-xml, gift, qti, qti21, got 'word'"),
        ({"exercises": "kl-diag"}, "no exercise is called 'kl-diag'; similar are kl-diagonal"),
        ({"exercises": "kl-discrete,kl-discrete"}, "name each exercise once"),
        ({"out": "there"}, "exists and holds something else"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path, arguments, message):
    (tmp_path / "there").write_text("precious", "utf-8")
    run = export(tmp_path, **{"exercises": EXERCISES[0]} | arguments)
    assert run.exit_code == 2
    assert message in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_text("utf-8") == "precious"


def test_a_file_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def disk_full(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", disk_full)
    assert export(tmp_path, exercises=EXERCISES[0]).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_bank_imported_twice_keeps_its_idents_and_another_has_its_own():
    def idents(secret):
        (quiz,) = files(written("qti", EXERCISES, secret=secret), CARTRIDGE)["imsqti_xmlv1p2"]
        return re.findall(r'ident="((?:bank|kl|formula)-[^"]*)"', quiz.decode())

    assert idents(SECRET) == idents(SECRET)
    assert not set(idents(SECRET)) & set(idents(SECRET[::-1]))


def test_formulas_find_points_for_every_seed_and_many_different_ones():
    formulas = [id for id, exercise in bank().items() if exercise.kind == "formula"]
    questions = question_bank(formulas, 200, SECRET)
    assert min(map(len, questions.values())) > 100
