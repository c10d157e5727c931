import {
  fixed, follow, h, plot, result, row, set, slider, widget,
} from "./draw.js";
import { numbers, part } from "./nn.js";

export default widget((model) => {
  const [name, hat, quantity] = ["x_label", "x_hat_label", "loss_label"].map((label) => model.get(label));
  const [labels, [, places, n]] = [model.get("labels"), model.get("table").shape];
  const table = numbers(model.get("table")); // (losses, places of x, places of x̂)
  const grid = Array.from({ length: n }, (_, i) => (i + 1) / (n + 1));
  const to = (value) => set(model,
    { x_hat: Math.round((n + 1) * Math.min(0.99, Math.max(0.01, value))) / (n + 1) });
  const curves = plot({ label: `${quantity} against ${hat}`, x: [0, 1], y: [0, 3], xLabel: hat, yLabel: quantity,
    width: 400, height: 290, onpoint: to });
  const texts = labels.map(() => h("span"));
  const key = h("ul", { class: "legend column" }, ...labels.map((label, i) =>
    h("li", {}, h("i", { class: `swatch c${i}` }), label, h("br"), texts[i])));
  const said = result();

  follow(model, ["x", "x_hat"], () => {
    const [at, here] = [Math.round(model.get("x") * (places - 1)), Math.round(model.get("x_hat") * (n + 1)) - 1];
    curves.clear();
    const outcomes = labels.map((label, i) => {
      const values = part(table, i * places + at, n);
      const best = values.indexOf(Math.min(...values));
      const finite = Number.isFinite(values[best]);
      if (finite) {
        curves.line(grid, values, { colour: i });
        curves.mark(grid[best], values[best], { colour: i, open: true });
        curves.mark(grid[here], Math.min(3, values[here]), { colour: i });
      }
      texts[i].textContent = finite
        ? `${fixed(values[here])} at ${hat};  smallest at ${fixed(grid[best])}` : "infinite";
      return finite ? `${label} ${fixed(values[here])} (smallest at ${fixed(grid[best])})` : `${label} infinite`;
    });
    said.textContent = `${name} = ${fixed(model.get("x"))}, ${hat} = ${fixed(model.get("x_hat"))}: ` +
      outcomes.join(", ");
  });
  const control = (trait, label) => slider(model, trait, { label, step: 0.01, format: (value) => fixed(value) });
  return [row(control("x", name), control("x_hat", hat)), said, row(curves, key)];
});
