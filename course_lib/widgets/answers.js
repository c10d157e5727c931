// Reading and checking what a student typed, as exercises/answers.py and exercises/check.py do it: the
// tests hold the two together. What is typed is parsed and never executed.

const MAX_LENGTH = 200; // characters
const MAX_DEPTH = 20; // parentheses, signs and exponents inside each other
const MAX_SIZE = 1e100; // of any intermediate value
const TOLERANCE = 1e-3; // relative for values above 1, absolute below
const CONSTANTS = { pi: Math.PI, e: Math.E };
const FUNCTIONS = { log: Math.log, ln: Math.log, log2: Math.log2, sqrt: Math.sqrt, exp: Math.exp };
const UNITS = ["nats", "bits", "nat", "bit"];
const SAME = { "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "\u00a0": " ", "\ufeff": " " };
const SPACE = String.raw`[\s\x1c-\x1f\x85]*`;
const NUMBER = String.raw`(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`;
const TOKEN = new RegExp(
  String.raw`${SPACE}(?:(?<number>${NUMBER})|(?<name>[A-Za-z_]\w*)|(?<operator>\*\*|[-+*/^()])|(?<other>\S))`, "gu");
const GREEK = "Write Greek letters by their names, as in sigma or pi.";
const ADVICE = {
  ",": "Write a decimal point, as in 2.5, and no comma.",
  "%": "Write a fraction instead of a percentage, as in 0.05 for 5 percent.",
  "=": "Give the expression alone, without an equals sign.",
  "²": "Write a square as **2.",
  "√": "Write a root as sqrt(…).",
  "μ": GREEK, "σ": GREEK, "ρ": GREEK, "π": GREEK,
};
const NOTHING = "There is no answer yet.";
const TOO_LARGE = "A number in the answer is too large.";

/** An answer that cannot be read or has no value; the message is meant for the student. */
class AnswerError extends Error {}

function stop(message) {
  throw new AnswerError(message);
}

/** The formula in these names that a text holds: point → value, or a thrown AnswerError. */
function parsed(text, names) {
  if ([...text].length > MAX_LENGTH) stop(`The answer is too long: at most ${MAX_LENGTH} characters are read.`);
  const tokens = tokensOf([...text].map((character) => SAME[character] ?? character).join(""));
  let [position, depth] = [0, 0];
  const next = () => tokens[position]?.text;
  const take = (...wanted) => (wanted.includes(next()) ? tokens[position++].text : undefined);

  // One function for each line of the grammar in answers.py; each gives a function of the point.
  function sum() {
    return chain(product, { "+": (a, b) => a + b, "-": (a, b) => a - b });
  }
  function product() {
    return chain(signed, { "*": (a, b) => a * b, "/": (a, b) => (b === 0 ? stop("The answer divides by zero.") : a / b) });
  }
  function chain(part, operations) {
    let left = part();
    for (let operator; (operator = take(...Object.keys(operations)));) {
      const [first, second, operate] = [left, part(), operations[operator]];
      left = (point) => sized(operate(first(point), second(point)));
    }
    return left;
  }
  function signed() {
    depth += 1;
    if (depth > MAX_DEPTH) stop(`The answer is nested more than ${MAX_DEPTH} levels deep.`);
    const sign = take("+", "-");
    const value = sign ? signed() : power();
    depth -= 1;
    return sign === "-" ? (point) => -value(point) : value;
  }
  function power() {
    const base = atom();
    if (!take("**", "^")) return base;
    const exponent = signed();
    return (point) => existing("power", raised(base(point), exponent(point)));
  }
  function atom() {
    if (next() === undefined) stop("The answer ends too early: something is missing after its end.");
    const { kind, text: token } = tokens[position++];
    if (kind === "number") {
      const value = sized(Number(token));
      return () => value;
    }
    if (kind === "name") return named(token);
    if (token === "(") return insideParentheses();
    return stop(`A number is missing before '${token}'.`);
  }
  function named(name) {
    if (names.includes(name)) return (point) => point[name];
    if (Object.hasOwn(CONSTANTS, name)) return () => CONSTANTS[name];
    if (!Object.hasOwn(FUNCTIONS, name)) stop(unknown(name, names));
    if (!take("(")) stop(`Write ${name} with parentheses: ${name}(…).`);
    const argument = insideParentheses();
    return (point) => existing(name === "ln" ? "log" : name, FUNCTIONS[name](argument(point)));
  }
  function insideParentheses() {
    const value = sum();
    if (take(")")) return value;
    return stop(next() === undefined ? "A closing parenthesis is missing." : leftOver(next()));
  }

  const formula = sum();
  return next() === undefined ? formula : stop(leftOver(next()));
}

function tokensOf(text) {
  const tokens = [...text.matchAll(TOKEN)].map(({ groups }) => {
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined);
    return { kind, text: groups[kind] };
  });
  if (!tokens.length) stop(NOTHING);
  const other = tokens.find(({ kind }) => kind === "other");
  if (other) stop(ADVICE[other.text] ?? `The character '${other.text}' has no meaning here.`);
  return tokens;
}

function leftOver(token) {
  if (token === ")") return "There is a closing parenthesis too many.";
  if (UNITS.includes(token)) return "Give the number alone, without its unit.";
  return `There is no operator before '${token.slice(0, 20)}'; a product is written with *.`;
}

function unknown(name, names) {
  if (UNITS.includes(name)) return "Give the number alone, without its unit.";
  const known = [...names, ...Object.keys(CONSTANTS), ...Object.keys(FUNCTIONS)].join(", ");
  return `The name '${name.slice(0, 20)}' is not known here; known are ${known}.`;
}

function sized(value) {
  return Math.abs(value) <= MAX_SIZE ? value : stop(TOO_LARGE);
}

/** The power, NaN where there is none; JavaScript has ∞ for 0 ** −1. */
function raised(base, exponent) {
  return base === 0 && exponent < 0 ? NaN : base ** exponent;
}

function existing(name, value) {
  return Number.isNaN(value) || (value === -Infinity && name.startsWith("log"))
    ? stop(`The ${name} of such a number does not exist.`) : sized(value);
}

function near(a, b) {
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
}

/** The values of a formula at the points, NaN where it has none. */
function values(formula, points) {
  let reason;
  const all = points.map((point) => {
    try {
      return formula(point);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      reason = error;
      return NaN;
    }
  });
  if (all.every(Number.isNaN)) throw reason;
  return all;
}

/**
 * What is said about an answer: { correct, mistake, message, readable }.
 *
 * variant: of exercise_card.py, with its kind, choices, names, points, truth and mistakes.
 */
export function checked({ kind, choices, names, points, truth, mistakes }, answer) {
  const feedback = (message, more = {}) =>
    ({ correct: false, mistake: null, message, readable: true, ...more });
  if (!answer.trim()) return feedback(NOTHING, { readable: false });
  let given = answer;
  if (kind !== "choice") {
    try {
      given = values(parsed(answer, names), points);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      return feedback(error.message, { readable: false });
    }
  } else if (!choices.some(({ text }) => text === answer)) {
    return feedback("Choose one of the answers.", { readable: false });
  }
  const same = (target) => (kind === "choice" ? given === target : given.every((value, i) => near(value, target[i])));
  if (same(truth)) return feedback("Right.", { correct: true });
  const mistake = mistakes.find(({ wrong }) => same(wrong));
  if (mistake) return feedback(mistake.says, { mistake: mistake.id });
  const holes = kind !== "choice" && given.some(Number.isNaN);
  return feedback("Not yet. This is none of the usual mistakes; a hint may help."
    + (holes ? " The formula has no value at some points where it should have one." : ""));
}
