import {
  COLOUR, fixed, follow, legend, linspace, normal, plot, result, roundUp, row, set, slider, widget,
} from "./draw.js";
import { numbers } from "./nn.js";

const sum = (values) => values.reduce((a, b) => a + b, 0);

/**
 * What the ELBO of q = N(μ, σ²) is made of, for x | z ~ N(g(z), s²), in nats: sums over the places z.
 *
 * z: equidistant, far beyond q and the prior. g: on them. Returns the expected log-likelihood, KL(q‖p(z)),
 * log p(x), and log p(z|x) on z  (ELBO.8, ELBO.11).
 */
export function parts(z, g, s, x, mu, sigma) {
  const step = z[1] - z[0];
  const likelihood = Array.from(g, (mean) => normal(mean, s)(x));
  const joint = likelihood.map((value, i) => value + normal(0, 1)(z[i]));
  const largest = Math.max(...joint);
  const evidence = largest + Math.log(step * sum(joint.map((value) => Math.exp(value - largest))));
  const q = z.map(normal(mu, sigma)).map(Math.exp);
  return {
    reconstruction: step * sum(q.map((density, i) => density * likelihood[i])),
    kl: -Math.log(sigma) + (sigma ** 2 + mu ** 2 - 1) / 2,
    evidence,
    posterior: joint.map((value) => value - evidence),
  };
}

const ROWS = [ // name, and the number of its colour
  ["E[log p(x|z)]", COLOUR.plus], ["− KL(q‖p(z))", COLOUR.minus], ["= ELBO", COLOUR.q],
  ["+ KL(q‖p(z|x))", COLOUR.z], ["= log p(x)", COLOUR.p],
];

export default widget((model) => {
  const g = numbers(model.get("g"));
  const [reach, s] = [model.get("reach"), model.get("s")];
  const z = linspace(-reach, reach, g.length);
  const near = z.map((_, i) => i).filter((i) => Math.abs(z[i]) <= 4);
  const to = (mu) => set(model, { mu: Math.round(20 * Math.min(3, Math.max(-3, mu))) / 20 });
  const densities = plot({ label: "densities over z; drag q", x: [-4, 4], y: [0, 1], xLabel: "z",
    yLabel: "density", onpoint: to });
  const bars = plot({ label: "what adds up to log p(x)", x: [-1, 0], y: [-0.6, 4.6], xLabel: "nats", width: 460,
    left: 120, yTicks: ROWS.map(([name], i) => [4 - i, name]) });
  const said = result();

  follow(model, ["mu", "sigma", "x"], () => {
    const [mu, sigma, x] = ["mu", "sigma", "x"].map((name) => model.get(name));
    const { reconstruction, kl, evidence, posterior } = parts(z, g, s, x, mu, sigma);
    const elbo = reconstruction - kl;
    const on = near.map((i) => z[i]);
    const fine = linspace(-4, 4, 401); // q may be narrower than the places of g
    const truth = near.map((i) => Math.exp(posterior[i]));
    const q = fine.map((place) => Math.exp(normal(mu, sigma)(place)));
    densities.range([-4, 4], [0, roundUp(Math.max(...truth, ...q))]);
    densities.clear();
    densities.area(on, truth, { colour: COLOUR.p });
    densities.line(on, on.map((place) => Math.exp(normal(0, 1)(place))), { colour: COLOUR.data, dash: "4 3" });
    densities.line(on, truth, { colour: COLOUR.p });
    densities.line(fine, q, { colour: COLOUR.q });

    const spans = [[0, reconstruction], [reconstruction, elbo], [0, elbo], [elbo, evidence], [0, evidence]];
    const sizes = [reconstruction, -kl, elbo, evidence - elbo, evidence];
    const [low, high] = [Math.min(0, ...spans.flat()), Math.max(0, ...spans.flat())];
    const ends = [low < 0 ? -roundUp(-low) : 0, high > 0 ? roundUp(high) : 0];
    const end = ends[1] + 0.3 * (ends[1] - ends[0]); // room for the numbers
    bars.range([ends[0], end], [-0.6, 4.6]);
    bars.clear();
    spans.forEach(([from, until], i) => {
      const [left, right] = [Math.min(from, until), Math.max(from, until)];
      bars.box([left, right], [4 - i - 0.3, 4 - i + 0.3], { colour: ROWS[i][1] });
    });
    bars.line([evidence, evidence], [-0.6, 4.6], { colour: COLOUR.p }); // which no q can move
    sizes.forEach((size, i) => bars.text(end, 4 - i, fixed(size, 3), { anchor: "end", dx: 6 }));
    said.textContent =
      `ELBO ${fixed(elbo, 3)} + gap ${fixed(evidence - elbo, 3)} = log p(x) ${fixed(evidence, 3)} nats`;
  });
  const control = (trait, label, options) => slider(model, trait, { label, step: 0.05, ...options });
  return [
    row(control("mu", "μ of q", { colour: COLOUR.q }),
      control("sigma", "σ of q", { colour: COLOUR.q, log: 2, step: 0.1 }),
      control("x", "x", { min: model.get("x_range")[0], max: model.get("x_range")[1] })),
    said, row(densities, bars),
    legend([COLOUR.p, "posterior p(z|x)"], [COLOUR.q, "q"], [COLOUR.data, "prior p(z)"]),
  ];
});
