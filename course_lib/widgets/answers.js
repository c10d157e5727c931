import { SPELLINGS } from "./spellings.js";

// Reading and checking what a student typed, as exercises/answers.py and exercises/check.py do it: the
// tests hold the two together. What is typed is parsed and never executed.

const MAX_LENGTH = 200; // characters
const MAX_DEPTH = 20; // parentheses, signs and exponents inside each other
const MAX_SIZE = 1e100; // of any intermediate value
const TOLERANCE = 1e-3; // relative
const SMALL = 1e-3; // below it the tolerance no longer shrinks
const CONSTANTS = { pi: Math.PI, e: Math.E };
const FUNCTIONS = { log: Math.log, ln: Math.log, log2: Math.log2, sqrt: Math.sqrt, exp: Math.exp };
const { characters: CHARACTERS, fractions: FRACTIONS, superscripts: SUPERSCRIPTS, units: UNITS, advice: ADVICE } = SPELLINGS;
const SPACE = String.raw`[\s\x1c-\x1f\x85]*`;
const QUOTES = `[${SPELLINGS.quotes}]+`;
const QUOTED = new RegExp(String.raw`^${SPACE}(\(*)${SPACE}${QUOTES}([\s\S]*?)${QUOTES}${SPACE}(\)*)${SPACE}$`, "u");
// A number as numpy and torch show it.
const WRAPPED = new RegExp(String.raw`^${SPACE}(?:${SPELLINGS.wrappers.map((name) => name.replace(".", String.raw`\.`)).join("|")})\(([^(),]*)\)${SPACE}$`, "u");
const FRACTION = new RegExp(`([0-9]${SPACE})?([${Object.keys(FRACTIONS).join("")}])`, "gu");
const SUPERSCRIPT = new RegExp(`[${Object.keys(SUPERSCRIPTS).join("")}]+`, "gu");
const DECIMAL_COMMA = /^((?:[^,]*[^,.0-9A-Za-z_(])?\(?[0-9]+),([0-9]+(?![.0-9])[^,]*)$/u;
const NUMBER = String.raw`(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`;
const NAME = String.raw`(?:(?:${SPELLINGS.modules.join("|")})\.)?(?<name>[A-Za-z_]\w*)`;
const TOKEN = new RegExp(
  String.raw`${SPACE}(?:(?<number>${NUMBER})|${NAME}|(?<operator>\*\*|[-+*/^()])|(?<other>\S))`, "gu");
const NOTHING = "There is no answer yet.";
const TOO_LARGE = "A number in the answer is too large.";

/** An answer that cannot be read or has no value; the message is meant for the student. */
class AnswerError extends Error {}

function stop(message) {
  throw new AnswerError(message);
}

/**
 * The formula in these names that a text holds, point → value, or a thrown AnswerError; and half a
 * unit of the last digit, if the text is one number.
 */
function parsed(text, names, unit) {
  if ([...text].length > MAX_LENGTH) stop(`The answer is too long: at most ${MAX_LENGTH} characters are read.`);
  const tokens = tokensOf(spelledOut(text));
  if (tokens.length > 1 && UNITS[unit]?.includes(tokens.at(-1).text)) tokens.pop();
  let [position, depth] = [0, 0];
  const next = () => tokens[position]?.text;
  const take = (...wanted) => (wanted.includes(next()) ? tokens[position++].text : undefined);

  // One function for each line of the grammar in answers.py; each gives a function of the point.
  function sum() {
    let left = product();
    for (let operator; (operator = take("+", "-"));) {
      left = combined(left, product(), operator === "+" ? (a, b) => a + b : (a, b) => a - b);
    }
    return left;
  }
  function product() {
    const start = position;
    let [left, divided] = [signed(), false];
    for (;;) {
      const operator = take("*", "/");
      if (!operator && !isFactor()) return left;
      if (!operator && divided && !isClearAfterFraction(start)) {
        stop(`It is not clear what is divided before '${next()}': write * or parentheses.`);
      }
      divided = operator === "/";
      left = combined(left, operator ? signed() : power(), divided ? quotient : (a, b) => a * b);
    }
  }
  /** Whether the next token is clearly multiplied with the one before it. */
  function isFactor() {
    const { kind, text: before } = tokens[position - 1];
    if (next() === "(") return kind !== "name" || names.includes(before);
    if (next() === "e" && kind === "number" && !names.includes("e")) return false; // the beginning of an exponent?
    return names.includes(next()) || Object.hasOwn(CONSTANTS, next()) || Object.hasOwn(FUNCTIONS, next());
  }
  /** Whether a function or a parenthesis follows a product that is a fraction of numbers. */
  function isClearAfterFraction(start) {
    const before = tokens.slice(start, position);
    return (next() === "(" || Object.hasOwn(FUNCTIONS, next()))
      && before.slice(-3).map(({ kind }) => kind).join() === "number,operator,number"
      && before.slice(0, -3).every(({ text }) => "+-".includes(text));
  }
  function combined(first, second, operate) {
    return (point) => sized(operate(first(point), second(point)));
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
    if (!Object.hasOwn(FUNCTIONS, name)) stop(unknown(name, names, unit));
    const argument = take("(") ? insideParentheses() : bareArgument(name);
    return (point) => existing(name === "ln" ? "log" : name, FUNCTIONS[name](argument(point)));
  }
  /** A number or a name behind a function, where the product ends with it. */
  function bareArgument(name) {
    const { kind, text: token } = tokens[position] ?? {};
    if (kind === "number" || names.includes(token) || Object.hasOwn(CONSTANTS, token)) {
      const argument = atom();
      if (["+", "-", ")", undefined].includes(next())) return argument;
    }
    return stop(`Write ${name} with parentheses: ${name}(…).`);
  }
  function insideParentheses() {
    const value = sum();
    if (take(")")) return value;
    return stop(next() === undefined ? "A closing parenthesis is missing." : leftOver(next(), unit));
  }

  const formula = sum();
  if (next() !== undefined) stop(leftOver(next(), unit));
  return { formula, rounding: roundingOf(tokens) };
}

function quotient(a, b) {
  return b === 0 ? stop("The answer divides by zero.") : a / b;
}

/** The text in the characters of the grammar, without what may stand around it. */
function spelledOut(text) {
  if (text.includes("{")) stop(ADVICE["{"]); // an f-string: its quotes are not what is wrong with it
  const plain = [...text].map((character) => CHARACTERS[character] ?? character).join("").replace(/[; \t\r\n]+$/, "");
  return (plain.match(QUOTED)?.slice(1).join("") ?? plain)
    .replace(WRAPPED, "$1")
    .replace(DECIMAL_COMMA, "$1.$2")
    .replace(SUPERSCRIPT, (run) => `**(${[...run].map((digit) => SUPERSCRIPTS[digit]).join("")})`)
    .replace(FRACTION, (_, whole, fraction) => (whole ? stop("Write a mixed number as a sum, as in 2 + 1/2.") : `(${FRACTIONS[fraction]})`));
}

/** Half a unit of the last digit, where the tokens are one number, a sign and parentheses. */
function roundingOf(tokens) {
  const numbers = tokens.filter(({ kind }) => kind === "number");
  if (numbers.length !== 1 || !tokens.every(({ kind, text }) => kind === "number" || "+-()".includes(text))) return 0;
  const [mantissa, exponent = ""] = numbers[0].text.toLowerCase().split("e");
  const [whole, decimals = ""] = mantissa.split(".");
  const digits = (whole + decimals).replace(/^0+/, "");
  if (digits.length < 2 || exponent.length > 3) return 0;
  const zeros = mantissa.includes(".") ? 0 : digits.length - digits.replace(/0+$/, "").length; // as in 1200 for 1234
  return 0.5 * 10 ** (Math.min(zeros, digits.length - 2) - decimals.length + Number(exponent));
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

function leftOver(token, unit) {
  if (token === ")") return "There is a closing parenthesis too many.";
  if (isUnit(token)) return aboutUnits(unit);
  return `There is no operator before '${token.slice(0, 20)}'; a product is written with *.`;
}

function unknown(name, names, unit) {
  if (isUnit(name)) return aboutUnits(unit);
  const known = [...names, ...Object.keys(CONSTANTS), ...Object.keys(FUNCTIONS)].join(", ");
  return `The name '${name.slice(0, 20)}' is not known here; known are ${known}.`;
}

function isUnit(name) {
  return Object.values(UNITS).some((spellings) => spellings.includes(name));
}

function aboutUnits(unit) {
  return `Give the number alone${unit ? ` in ${unit}` : ""}, without a unit.`;
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
  return Math.abs(a - b) <= TOLERANCE * Math.max(SMALL, Math.abs(a), Math.abs(b));
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
 * variant: of exercise_card.py, with its kind, unit, integer, choices, names, points, truth and mistakes.
 */
export function checked({ kind, unit, integer, choices, names, points, truth, mistakes }, answer) {
  const feedback = (message, more = {}) =>
    ({ correct: false, mistake: null, message, readable: true, ...more });
  if (!answer.trim()) return feedback(NOTHING, { readable: false });
  let [given, rounding] = [answer, 0];
  if (kind !== "choice") {
    try {
      const read = parsed(answer, names, unit);
      given = values(read.formula, points);
      if (integer && !Number.isInteger(given[0])) stop("Answer with an integer.");
      rounding = kind === "number" && !integer ? read.rounding : 0;
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      return feedback(error.message, { readable: false });
    }
  } else if (!choices.some(({ text }) => text === answer)) {
    return feedback("Choose one of the answers.", { readable: false });
  }
  const exact = kind === "choice" || integer;
  const same = (target) => (exact ? given.toString() === target.toString() : given.every((value, i) => near(value, target[i])));
  if (same(truth)) return feedback("Right.", { correct: true });
  if (rounding && Math.abs(given[0] - truth[0]) <= rounding * (1 + 1e-9)) return feedback("Right so far: four digits, please.");
  const mistake = mistakes.find(({ wrong }) => same(wrong));
  if (mistake) return feedback(mistake.says, { mistake: mistake.id });
  const holes = kind !== "choice" && given.some(Number.isNaN);
  return feedback("Not yet. This is none of the usual mistakes; a hint may help."
    + (holes ? " The formula has no value at some points where it should have one." : ""));
}
