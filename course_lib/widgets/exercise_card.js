import { button, follow, h, result, row, set, widget } from "./draw.js";
import { checked } from "./answers.js";

/** Elements from HTML that the card itself has made of the bank's text. */
function written(tag, text, attributes) {
  const element = h(tag, attributes);
  element.innerHTML = text;
  return element;
}

const KEPT = "course_answers"; // as the file that a kernel keeps

/** What the browser has kept for pages without a kernel: exercise → { kept, right }. */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch { // the browser keeps nothing, or what it kept is damaged
    return {};
  }
}

function write(id, change) {
  try {
    const all = read();
    localStorage.setItem(KEPT, JSON.stringify({ ...all, [id]: { ...all[id], ...change } }));
  } catch (error) {
    console.info("this browser does not keep answers:", error);
  }
}

/** The field in which a number or a formula is typed, or the choices. */
function field({ kind, choices }, typed, done) {
  if (kind === "choice") {
    const name = `choice-${Math.random()}`; // the choices of this view alone exclude each other
    const inputs = choices.map(({ text }) => h("input", { type: "radio", name, value: text, onchange: () => typed(text) }));
    const labels = choices.map((choice, i) => h("label", {}, inputs[i], written("span", choice.html)));
    const element = h("fieldset", {}, h("legend", {}, "answer"), ...labels);
    return { element, show: (answer) => inputs.forEach((input) => { input.checked = input.value === answer; }) };
  }
  const input = h("input", {
    type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    placeholder: kind === "formula" ? "a formula" : "a number",
    oninput: () => typed(input.value), onchange: done, // by Enter, or when the field is left
  });
  const show = (answer) => {
    if (input.value !== answer) input.value = answer;
  };
  return { element: h("label", { class: "answer" }, h("span", {}, "answer"), input), show };
}

/**
 * Where a formula stands: on the web site in the chapter's page, in Jupyter in its notebook, which
 * JupyterLab opens at the cell by a command of its own; elsewhere there is no telling.
 */
export function address(tag, place, { pathname, root }) {
  const [file, cell] = place.split("#");
  if (root !== undefined) return { href: `${root}chapters/${file.replace(".ipynb", ".html")}#${tag}` };
  const folder = pathname.match(/\/(?:tree|notebooks)\/(.*\/)?[^/]+\.ipynb$/);
  if (!folder) return undefined;
  const command = { command: "rendermime:handle-local-link", args: JSON.stringify({ path: decodeURIComponent(folder[1] ?? "") + file, id: `#${cell}` }) };
  return { href: `${file}#${cell}`, target: "_blank", ...pathname.includes("/tree/") && command };
}

function formula([tag, place]) {
  const { command, args, ...link } = address(tag, place,
    { pathname: location.pathname, root: document.documentElement.dataset.content_root }) ?? {};
  if (!link.href) return h("span", {}, `(${tag}) `);
  return h("span", {}, h("a", { ...link, "data-commandlinker-command": command, "data-commandlinker-args": args }, `(${tag})`), " ");
}

export default widget((model) => {
  const variants = model.get("variants");
  const id = model.get("exercise_id");
  if (model.alone) set(model, { kept: read()[id]?.kept ?? model.get("kept") });
  const here = () => variants[model.get("index")];
  const state = () => model.get("kept")[here().seed] ?? { attempts: [], hints: 0 };
  const last = () => state().attempts.at(-1)?.answer;
  function keep(change) {
    set(model, { kept: { ...model.get("kept"), [here().seed]: { ...state(), ...change } } });
    if (model.alone) write(id, { kept: model.get("kept") });
  }
  let asked = last(); // the answer of which something is said, until it is changed
  if (model.alone && asked) set(model, { answer: asked });

  function check() {
    asked = model.get("answer");
    if (asked.trim() && asked !== last()) keep({ attempts: [...state().attempts, { answer: asked }] });
    draw();
  }

  const statement = h("div", { class: "statement" });
  const place = h("div", {});
  const [said, failure] = [result(), h("p", { class: "note", role: "alert" })];
  const hints = h("div", { "aria-live": "polite" });
  const formulas = h("p", { class: "note", hidden: "" }, "Where it stands: ", ...Object.entries(model.get("formulas")).map(formula));
  const progress = h("p", { class: "note" });
  const rights = { ...model.get("chapter") };
  if (model.alone) for (const [other, { right }] of Object.entries(read())) if (other in rights) rights[other] ||= right ?? false;

  /** The line of the chapter's cards; `right` is one that has just become so, in whichever card. */
  function count(right) {
    if (right in rights) rights[right] = true;
    const all = Object.values(rights);
    const some = all.filter(Boolean).length;
    progress.textContent = all.length > 1 ? `${"●".repeat(some)}${"○".repeat(all.length - some)} ${some} of ${all.length} cards of its chapter are right` : "";
  }
  const hint = button("", () => keep({ hints: state().hints + 1 }));
  const others = button("Other numbers", () => set(model, { index: (model.get("index") + 1) % variants.length }));
  let entry, shown;

  function draw() {
    const variant = here();
    if (shown !== variant) { // also when the next cell has chosen it
      shown = variant;
      statement.innerHTML = variant.statement;
      entry = field(variant, (answer) => set(model, { answer }), check);
      place.replaceChildren(entry.element);
    }
    entry.show(model.get("answer"));
    const feedback = asked === model.get("answer") ? checked(variant, asked) : undefined;
    said.textContent = feedback?.message ?? "";
    said.classList.toggle("right", feedback?.correct ?? false);
    said.classList.toggle("wrong", feedback?.correct === false);
    if (feedback?.correct) document.dispatchEvent(new CustomEvent("course-right", { detail: id }));
    if (feedback?.correct && model.alone) write(id, { right: true });
    formulas.hidden = !feedback?.readable || !Object.keys(model.get("formulas")).length;
    const [all, some] = [variant.hints, Math.min(state().hints, variant.hints.length)];
    const told = feedback?.correct ? [`Why: ${all.join(" ")}`] : all.slice(0, some).map((text) => `Hint: ${text}`);
    if (told.join() !== hints.told) { // what stands there is not read aloud again
      hints.told = told.join();
      hints.replaceChildren(...told.map((text) => written("p", text, { class: "note" })));
    }
    hint.textContent = `Hint ${Math.min(some + 1, all.length)} of ${all.length}`;
    hint.disabled = some >= all.length;
    failure.textContent = model.get("error");
  }

  model.on("change:index", () => {
    set(model, { answer: last() ?? "" });
    asked = last();
  });
  model.hear("course-right", ({ detail }) => count(detail));
  count();
  follow(model, ["index", "answer", "kept", "error"], draw);
  const buttons = row(button("Check", check), hint, ...(variants.length > 1 ? [others] : []));
  return [statement, place, buttons, said, formulas, hints, failure, progress];
});
