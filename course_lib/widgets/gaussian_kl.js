import {
  COLOUR, fixed, follow, legend, linspace, normal, plot, result, roundUp, row, slider, table, widget,
} from "./draw.js";

const LOG_AXIS = 20; // ratio of the two peaks from which the densities are drawn on a log axis

/** log(σ_p/σ_q), σ_q²/2σ_p², (μ_q − μ_p)²/2σ_p² and −½, whose sum is KL(q‖p) in nats  (KL.10). */
export function terms(muQ, sigmaQ, muP, sigmaP) {
  return [
    Math.log(sigmaP / sigmaQ),
    (sigmaQ / sigmaP) ** 2 / 2,
    ((muQ - muP) / sigmaP) ** 2 / 2,
    -0.5,
  ];
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** The grid z, symmetric about 0 and dense under both peaks, and log q and log p on it. */
export function curves(muQ, sigmaQ, muP, sigmaP) {
  const reach = roundUp(Math.max(Math.abs(muQ) + 3.5 * sigmaQ, Math.abs(muP) + 3.5 * sigmaP));
  const peak = linspace(-5, 5, 61);
  const z = [
    ...linspace(-reach, reach, 161),
    ...peak.map((t) => muQ + sigmaQ * t),
    ...peak.map((t) => muP + sigmaP * t),
  ].filter((place) => Math.abs(place) <= reach).sort((a, b) => a - b);
  return { z, reach, logQ: z.map(normal(muQ, sigmaQ)), logP: z.map(normal(muP, sigmaP)) };
}

export default widget((model) => {
  const mean = (trait, label, colour) => slider(model, trait, { label, step: 0.1, colour });
  const width = (trait, label, colour) =>
    slider(model, trait, { label, log: 2, step: 0.1, colour });
  const densities = plot({ label: "densities of q and p", x: [-4, 4], y: [0, 1], xLabel: "z",
    width: 265 });
  const integrand = plot({
    label: "q log(q/p): its area is KL(q‖p)", x: [-4, 4], y: [-1, 1], xLabel: "z",
    width: 265,
  });
  const numbers = table(["", "KL(q‖p)", "KL(p‖q)"]);
  const both = result();

  follow(model, ["mu_q", "sigma_q", "mu_p", "sigma_p"], () => {
    const [muQ, sigmaQ, muP, sigmaP] =
      ["mu_q", "sigma_q", "mu_p", "sigma_p"].map((name) => model.get(name));
    const { z, reach, logQ, logP } = curves(muQ, sigmaQ, muP, sigmaP);
    const [q, p] = [logQ.map(Math.exp), logP.map(Math.exp)];

    const peaks = [1 / sigmaQ, 1 / sigmaP].map((inverse) => inverse / Math.sqrt(2 * Math.PI));
    const [low, high] = [Math.min(...peaks), Math.max(...peaks)];
    const onLog = high >= LOG_AXIS * low; // the flatter curve would lie on the axis
    const y = onLog
      ? [Math.floor(Math.log10(low)) - 3, Math.floor(Math.log10(high)) + 1] : [0, roundUp(high)];
    densities.range([-reach, reach], y, { yLabel: onLog ? "log₁₀ of the density" : "density" });
    densities.clear();
    for (const [density, colour] of [[p, COLOUR.p], [q, COLOUR.q]]) {
      densities.line(z, onLog ? density.map(Math.log10) : density, { colour });
    }

    const f = q.map((density, i) => density * (logQ[i] - logP[i]));
    integrand.range([-reach, reach],
      [-roundUp(Math.max(1e-3, -Math.min(...f))), roundUp(Math.max(1e-3, ...f))]);
    integrand.clear();
    integrand.area(z, f.map((value) => Math.max(0, value)), { colour: COLOUR.plus });
    integrand.area(z, f.map((value) => Math.min(0, value)), { colour: COLOUR.minus });
    integrand.line([-reach, reach], [0, 0]);

    const forward = terms(muQ, sigmaQ, muP, sigmaP);
    const backward = terms(muP, sigmaP, muQ, sigmaQ);
    const rows = ["log ratio of the σ", "variance ratio", "mean term", "−½"].map((name, i) =>
      [name, fixed(forward[i], 4), fixed(backward[i], 4)]);
    const [nats, back] = [sum(forward), sum(backward)];
    numbers.fill([...rows, ["sum, nats", fixed(nats, 4), fixed(back, 4)],
      ["sum, bits", fixed(nats / Math.LN2, 4), fixed(back / Math.LN2, 4)]]);
    both.textContent = `KL(q‖p) = ${fixed(nats)} nats, KL(p‖q) = ${fixed(back)} nats`;
  });

  return [
    row(mean("mu_q", "μ of q", COLOUR.q), width("sigma_q", "σ of q", COLOUR.q)),
    row(mean("mu_p", "μ of p", COLOUR.p), width("sigma_p", "σ of p", COLOUR.p)),
    both,
    row(densities, integrand, numbers),
    legend([COLOUR.q, "q"], [COLOUR.p, "p"], [COLOUR.plus, "integrand above 0"],
      [COLOUR.minus, "integrand below 0, counted negative"]),
  ];
});
