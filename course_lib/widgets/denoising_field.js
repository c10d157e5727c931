import {
  COLOUR, fixed, follow, legend, linspace, plot, result, row, set, slider, widget,
} from "./draw.js";
import { numbers } from "./nn.js";

const GRID = 13; // arrows along each side
const [POINTS, MEAN, OWN] = [COLOUR.p, COLOUR.plus, COLOUR.minus];

/** E[x | x̃] for x one of the points, each as likely as the others, and x̃ = x + σε  (DAE.7). */
export function denoise([x, y], points, sigma) {
  const logits = points.map(([a, b]) => -((x - a) ** 2 + (y - b) ** 2) / (2 * sigma ** 2));
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return [0, 1].map((j) => weights.reduce((total, w, i) => total + w * points[i][j], 0) / sum);
}

export default widget((model) => {
  const flat = numbers(model.get("points"));
  const points = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
  const mean = [0, 1].map((j) => points.reduce((sum, point) => sum + point[j], 0) / points.length);
  const [xEnds, yEnds] = model.get("ends");
  const middles = ([low, high]) => Array.from({ length: GRID }, (_, i) => low + (high - low) * (i + 0.5) / GRID);
  const grid = middles(xEnds).flatMap((x) => middles(yEnds).map((y) => [x, y]));
  const plane = plot({
    label: "the plane of data; drag your own x̃", x: xEnds, y: yEnds, xLabel: "x₁", yLabel: "x₂", width: 430,
    square: true, onpoint: (x, y) => set(model, { place: [x, y] }),
  });
  const said = result();
  follow(model, ["sigma", "place"], () => {
    const [sigma, place] = [model.get("sigma"), model.get("place")];
    const answer = denoise(place, points, sigma);
    plane.clear();
    plane.arrows(grid, grid.map((start) => denoise(start, points, sigma)), { colour: COLOUR.here });
    plane.dots(points.map(([x]) => x), points.map(([, y]) => y), { colour: POINTS, size: 5 });
    const turn = linspace(0, 2 * Math.PI, 73);
    plane.line(turn.map((t) => mean[0] + sigma * Math.cos(t)), turn.map((t) => mean[1] + sigma * Math.sin(t)),
      { colour: MEAN });
    plane.mark(...mean, { colour: MEAN });
    plane.arrows([place], [answer], { colour: OWN, width: 3 });
    plane.mark(...place, { colour: OWN });
    const pair = (p) => `(${p.map((value) => fixed(value)).join(", ")})`;
    said.textContent = `σ = ${fixed(sigma, 3)}: from your x̃ = ${pair(place)} to E[x | x̃] = ${pair(answer)}`;
  });
  const own = (label, index, [min, max]) => slider(model, "place",
    { label, index, min, max, step: (max - min) / 100, colour: OWN, format: (value) => fixed(value) });
  return [
    row(slider(model, "sigma", { label: "noise σ", log: 2, step: 0.25, format: (value) => fixed(value, 3) }),
      own("x̃₁", 0, xEnds), own("x̃₂", 1, yEnds)),
    said, plane,
    legend([POINTS, `the ${points.length} points of the data`],
      [COLOUR.here, "from x̃ to the best guess E[x | x̃]"],
      [MEAN, "mean of the data, and a circle of radius σ around it"], [OWN, "your own x̃"]),
  ];
});
