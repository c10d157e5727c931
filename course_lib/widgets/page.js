// Widgets on a page without Jupyter: models made from the state that a notebook stores, drawn into
// the elements that ask for them. The site uses this, and whatever makes their pictures for paper.

const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const MODULES = new Map(); // text of a module → its promise
const STYLES = new Set();

/** What a widget's module needs of a Jupyter model; there is no kernel to hear of changes. */
class Model {
  constructor(state) {
    this.state = state;
    this.listeners = new Map();
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
  }
  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }
  off(event, listener) {
    const left = (this.listeners.get(event) ?? []).filter((other) => other !== listener);
    this.listeners.set(event, left);
  }
  save_changes() {}
}

/** The state of a model with its binary parts in their places, as DataViews. */
function restored({ state, buffers = [] }) {
  for (const { path, data } of buffers) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const parent = path.slice(0, -1).reduce((part, key) => part[key], state);
    parent[path.at(-1)] = new DataView(bytes.buffer);
  }
  return state;
}

function imported(text) {
  if (!MODULES.has(text)) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    MODULES.set(text, import(address).then((module) => module.default));
  }
  return MODULES.get(text);
}

function styled(text) {
  if (STYLES.has(text)) return;
  STYLES.add(text);
  document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
}

/** Draw the widget of each element with data-widget, the name of a model, in place of what is there. */
async function revive() {
  const stored = Object.assign({},
    ...[...document.querySelectorAll(STATE)].map((script) => JSON.parse(script.textContent).state));
  const models = new Map(); // one model may have several views
  const draw = async (id, el) => {
    if (!models.has(id)) models.set(id, new Model(restored(stored[id])));
    const model = models.get(id);
    if (model.get("children")) { // a row or a column of widgets
      el.style.display = "flex";
      el.style.flexFlow = stored[id].model_name === "HBoxModel" ? "row wrap" : "column";
      const parts = model.get("children").map(() => document.createElement("div"));
      el.replaceChildren(...parts);
      const ids = model.get("children").map((child) => child.replace("IPY_MODEL_", ""));
      await Promise.all(ids.map((child, i) => draw(child, parts[i])));
      return;
    }
    styled(model.get("_css"));
    const { render } = await imported(model.get("_esm"));
    el.replaceChildren();
    await render({ model, el });
  };
  for (const element of document.querySelectorAll("[data-widget]")) {
    try {
      await draw(element.dataset.widget, element);
      element.dataset.alive = "";
    } catch (error) { // the others are drawn all the same
      element.dataset.failed = "";
      reportError(error);
    }
  }
}

const alive = revive(); // for scripts that wait until every widget is drawn
