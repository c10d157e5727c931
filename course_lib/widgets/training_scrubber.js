import {
  COLOUR, button, fixed, follow, linspace, plot, result, row, set, slider, widget,
} from "./draw.js";
import { numbers, part } from "./nn.js";

const SECONDS = 4; // from the first moment to the last

export default widget((model) => {
  const names = model.get("names");
  const { shape: [, n] } = model.get("points");
  const [points, others] = [numbers(model.get("points")), numbers(model.get("background"))];
  const [labels, values] = [model.get("labels"), model.get("values")];
  const [x, y] = model.get("ends");
  const column = (all, j) => Array.from({ length: all.length / 2 }, (_, i) => all[2 * i + j]);
  const plane = plot({ label: `the plane at each ${model.get("name")}`, x, y, width: 420, square: true });
  const said = result();

  follow(model, ["at"], () => {
    const at = model.get("at");
    const now = part(points, at, 2 * n);
    const [xs, ys] = [column(now, 0), column(now, 1)];
    plane.clear();
    plane.dots(column(others, 0), column(others, 1), { colour: COLOUR.data, size: 3 });
    if (labels.length) {
      for (const label of [...new Set(labels)].sort((a, b) => a - b)) {
        const mine = (all) => all.filter((_, i) => labels[i] === label);
        plane.dots(mine(xs), mine(ys), { colour: label % 10 });
        const middle = (all) => mine(all).sort((a, b) => a - b)[Math.floor(mine(all).length / 2)];
        plane.text(middle(xs), middle(ys), `${label}`); // for those who cannot tell the colours apart
      }
    } else {
      xs.forEach((place, k) => plane.code(place, ys[k], k, { chosen: false, dead: false }));
    }
    said.textContent = `${model.get("name")} ${names[at]}` +
      (values.length ? `: ${model.get("quantity")} ${fixed(values[at])}` : "");
  });

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
    const at = Math.min(names.length - 1, Math.max(0, Math.floor((now - began) / 1000 / SECONDS * names.length)));
    if (at !== model.get("at")) set(model, { at });
    if (at === names.length - 1) stop();
    else requestAnimationFrame(run);
  };
  const moment = slider(model, "at", { label: model.get("name"), places: linspace(0, names.length - 1, names.length),
    format: (at) => names[at] });
  return [row(moment, press), said, plane];
});
