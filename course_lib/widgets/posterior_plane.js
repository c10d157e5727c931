import { COLOUR, fixed, follow, plot, result, row, widget } from "./draw.js";
import { numbers, part } from "./nn.js";
import { moments } from "./play.js";

/** The end of both axes: a little beyond the largest of all means. */
export function reach(points) {
  return 1.1 * points.reduce((most, value) => Math.max(most, Math.abs(value)), 0.5);
}

export default widget((model) => {
  const [names, steps, labels, values] = ["names", "steps", "labels", "values"].map((name) => model.get(name));
  const { shape: [, S, N] } = model.get("points");
  const points = numbers(model.get("points"));
  const end = reach(points);
  const column = (all, j) => Array.from({ length: N }, (_, i) => all[2 * i + j]);
  const planes = names.map((name) => plot({ label: name, x: [-end, end], y: [-end, end], width: 300,
    square: true, xLabel: "mean of the model's p(z|x)", yLabel: "mean of the encoder's q(z|x)" }));
  const said = result();

  follow(model, ["at"], () => {
    const at = model.get("at");
    planes.forEach((plane, k) => {
      const now = part(points, k * S + at, 2 * N);
      const [xs, ys] = [column(now, 0), column(now, 1)];
      plane.clear();
      plane.line([-end, end], [-end, end], { thin: true, dash: "4 4" });
      plane.line([-end, end], [0, 0], { thin: true });
      if (labels.length) {
        for (const label of new Set(labels)) {
          const mine = (all) => all.filter((_, i) => labels[i] === label);
          plane.dots(mine(xs), mine(ys), { colour: label % 10, size: 5 });
        }
      } else {
        plane.dots(xs, ys, { colour: COLOUR.q, size: 5 });
      }
    });
    said.textContent = `step ${steps[at]}` + (values.length ? `: ${model.get("quantity")} ${
      names.map((name, k) => `${fixed(values[k][at])} (${name})`).join(", ")}` : "");
  });

  return [moments(model, "step", steps), said, row(...planes)];
});
