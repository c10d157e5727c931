import { COLOUR, fixed, follow, plot, result, widget } from "./draw.js";
import { numbers, part } from "./nn.js";
import { moments } from "./play.js";

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

  return [moments(model, model.get("name"), names), said, plane];
});
