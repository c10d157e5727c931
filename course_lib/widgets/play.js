import { button, linspace, row, set, slider } from "./draw.js";

const SECONDS = 4; // from the first moment to the last

/** A slider over the moments of a training, and a button that goes through them: a row. */
export function moments(model, label, names) {
  const last = names.length - 1;
  let began = null; // when it was set to play
  const press = button("play", () => {
    if (began !== null) return stop();
    press.textContent = "stop";
    began = performance.now();
    set(model, { at: 0 });
    requestAnimationFrame(run);
  });
  const stop = () => {
    began = null;
    press.textContent = "play";
  };
  const run = (now) => {
    if (began === null) return;
    const at = Math.min(last, Math.max(0, Math.floor((now - began) / 1000 / SECONDS * names.length)));
    if (at !== model.get("at")) set(model, { at });
    if (at === last) stop();
    else requestAnimationFrame(run);
  };
  return row(slider(model, "at", { label, places: linspace(0, last, last + 1), format: (at) => names[at] }), press);
}
