import {
  COLOUR, button, fixed, follow, gaussian, linspace, normal, plot, result, row, set, slider, widget,
} from "./draw.js";

const REACH = 6; // the axes run from −REACH to REACH
const FOLLOWED = COLOUR.p;

/** z = μ + σε  (VAE.3). */
export function reparameterize(mu, sigma, epsilon) {
  return epsilon.map((value) => mu + sigma * value);
}

export default widget((model) => {
  // Both densities on one pair of axes: that of ε stands on the line y = 1, that of z hangs from 0.
  const axes = plot({
    label: "noise ε above, codes z = μ + σε below", x: [-REACH, REACH], y: [-1, 2], width: 640, height: 330,
    yTicks: [[1, "ε"], [0, "z"]],
    onpoint: (x) => set(model, { mu: Math.round(20 * Math.min(3, Math.max(-3, x))) / 20 }),
  });
  const said = result();
  follow(model, ["mu", "sigma", "epsilon"], () => {
    const [mu, sigma, epsilon] = ["mu", "sigma", "epsilon"].map((name) => model.get(name));
    const z = reparameterize(mu, sigma, epsilon);
    const within = (value) => Math.min(REACH, Math.max(-REACH, value)); // beyond the axis: at its end
    const grid = linspace(-REACH, REACH, 241);
    const scale = Math.min(2, 2.5 * sigma); // N(0, 1) is 0.8 high, and a narrow N(μ, σ²) at most 1
    axes.clear();
    axes.area(grid, grid.map((place) => 1 + 2 * Math.exp(normal(0, 1)(place))), { colour: COLOUR.data, base: 1 });
    axes.area(grid, grid.map((place) => -scale * Math.exp(normal(mu, sigma)(place))), { colour: COLOUR.z });
    for (let i = epsilon.length - 1; i >= 0; i--) { // the followed draw comes last, on top
      axes.line([epsilon[i], within(z[i])], [1, 0], { colour: i ? COLOUR.data : FOLLOWED, thin: i > 0 });
    }
    axes.dots(epsilon, epsilon.map(() => 1), { colour: COLOUR.data, size: 7 });
    axes.dots(z.map(within), z.map(() => 0), { colour: COLOUR.z, size: 7 });
    axes.mark(epsilon[0], 1, { colour: FOLLOWED });
    axes.mark(within(z[0]), 0, { colour: FOLLOWED });
    said.textContent = `the draw marked: ε = ${fixed(epsilon[0])}, z = ${fixed(z[0])}, ∂z/∂μ = 1, ` +
      `∂z/∂σ = ε = ${fixed(epsilon[0])}`;
  });
  const control = (trait, label) =>
    slider(model, trait, { label, step: 0.05, colour: COLOUR.z, format: (value) => fixed(value) });
  return [
    row(control("mu", "μ"), control("sigma", "σ"),
      button("fresh ε", () => set(model, { epsilon: model.get("epsilon").map(gaussian) }))),
    said, axes,
  ];
});
