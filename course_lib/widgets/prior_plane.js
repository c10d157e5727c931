import {
  COLOUR, fixed, follow, h, legend, linspace, picture, plot, result, row, set, slider, subscripted, tiled, widget,
} from "./draw.js";
import { numbers, sequential } from "./nn.js";

const GRID = 81; // places along each side
const MASSES = [0.5, 0.9]; // shares of the prior within its lines
const LOG_2_PI = Math.log(2 * Math.PI);

/** log Σₖ wₖ N(z; μₖ, diag σₖ²) in the plane, a function of z  (PRIOR.2). */
export function mixture({ logWeights, mu, logvar }) {
  const scales = logvar.map((value) => Math.exp(-value)); // 1/σ²
  const constants = Array.from({ length: mu.length / 2 }, (_, k) =>
    logWeights[k % logWeights.length] - LOG_2_PI - (logvar[2 * k] + logvar[2 * k + 1]) / 2);
  return ([x, y]) => {
    const terms = constants.map((constant, k) => constant -
      (scales[2 * k] * (x - mu[2 * k]) ** 2 + scales[2 * k + 1] * (y - mu[2 * k + 1]) ** 2) / 2);
    const largest = terms.reduce((a, b) => Math.max(a, b), -Infinity);
    return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
  };
}

/** What a coupling moves a coordinate by, from the other: t, and s within (−2, 2). */
function shiftAndLogScale(network, kept) {
  const [t, s] = network([kept]);
  return [t, 2 * Math.tanh(s / 2)];
}

/** log N(f(z); 0, I) + log |det ∂f/∂z| of a chain of couplings, a function of z  (PRIOR.4). */
export function flowDensity(networks) {
  return (z) => {
    const noise = [...z];
    let logDet = 0;
    networks.forEach((network, i) => {
      const [kept, moved] = [i % 2, 1 - i % 2];
      const [t, s] = shiftAndLogScale(network, noise[kept]);
      noise[moved] = (noise[moved] - t) * Math.exp(-s);
      logDet -= s;
    });
    return -LOG_2_PI - (noise[0] ** 2 + noise[1] ** 2) / 2 + logDet;
  };
}

/** f⁻¹: where the chain puts noise. */
export function flowDraw(networks, noise) {
  const z = [...noise];
  for (let i = networks.length - 1; i >= 0; i--) {
    const [kept, moved] = [i % 2, 1 - i % 2];
    const [t, s] = shiftAndLogScale(networks[i], z[kept]);
    z[moved] = z[moved] * Math.exp(s) + t;
  }
  return z;
}

/** The place that a uniform number and two normal ones stand for in a mixture. */
export function mixtureDraw({ logWeights, mu, logvar }, uniform, [a, b]) {
  let [k, sum] = [0, Math.exp(logWeights[0])];
  while (sum < uniform && k < logWeights.length - 1) sum += Math.exp(logWeights[++k]);
  return [mu[2 * k] + Math.exp(logvar[2 * k] / 2) * a, mu[2 * k + 1] + Math.exp(logvar[2 * k + 1] / 2) * b];
}

/** A prior as it was sent: {density, draw}. */
export function priorOf({ networks, log_weights, mu, logvar }) {
  if (networks) {
    const chain = networks.map(sequential);
    return { density: flowDensity(chain), draw: (uniform, noise) => flowDraw(chain, noise) };
  }
  const parts = { logWeights: numbers(log_weights), mu: numbers(mu), logvar: numbers(logvar) };
  return { density: mixture(parts), draw: (uniform, noise) => mixtureDraw(parts, uniform, noise) };
}

/** The density on whose line this share of the mass lies within: values on equal cells. */
export function levelOf(values, share) {
  const sorted = Float64Array.from(values).sort().reverse();
  const total = sorted.reduce((a, b) => a + b, 0);
  let sum = 0;
  return sorted.find((value) => (sum += value) >= share * total);
}

/** Lines of equal values[i * n + j] at (xs[j], ys[i]): lists of points [x, y], by marching squares. */
export function contours(values, xs, ys, level) {
  const n = xs.length;
  const ends = new Map(); // edge → the edges that a line leads to from there
  const points = new Map();
  const edge = (i, j, k, l) => { // between two neighbours, where the value crosses the level
    const [a, b] = [values[i * n + j], values[k * n + l]];
    const key = `${i},${j},${k},${l}`;
    const t = (level - a) / (b - a);
    points.set(key, [xs[j] + t * (xs[l] - xs[j]), ys[i] + t * (ys[k] - ys[i])]);
    return key;
  };
  for (let i = 0; i + 1 < ys.length; i++) {
    for (let j = 0; j + 1 < n; j++) {
      const sides = [[i, j, i, j + 1], [i, j + 1, i + 1, j + 1], [i + 1, j, i + 1, j + 1], [i, j, i + 1, j]];
      const crossed = sides.filter(([a, b, c, d]) => values[a * n + b] >= level !== values[c * n + d] >= level)
        .map((side) => edge(...side));
      for (let k = 0; k + 1 < crossed.length; k += 2) {
        for (const [from, to] of [[crossed[k], crossed[k + 1]], [crossed[k + 1], crossed[k]]]) {
          ends.set(from, [...(ends.get(from) ?? []), to]);
        }
      }
    }
  }
  const lines = [];
  const walk = (start) => {
    const line = [points.get(start)];
    let here = start;
    while (ends.get(here)?.length) {
      const next = ends.get(here).pop();
      ends.set(next, ends.get(next).filter((other) => other !== here));
      line.push(points.get(next));
      here = next;
    }
    return line;
  };
  const open = [...ends.keys()].filter((key) => ends.get(key).length === 1); // at the rim
  for (const start of [...open, ...ends.keys()]) if (ends.get(start).length) lines.push(walk(start));
  return lines;
}

/** A canvas with the colour of an element, the more of it the larger the value, y upwards. */
function shade(values, colour) {
  const canvas = h("canvas", { width: GRID, height: GRID });
  const context = canvas.getContext("2d");
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  context.fillStyle = colour;
  for (let i = 0; i < GRID; i++) {
    for (let j = 0; j < GRID; j++) {
      context.globalAlpha = 0.75 * Math.sqrt(values[i * GRID + j] / largest); // thin parts show
      context.fillRect(j, GRID - 1 - i, 1, 1);
    }
  }
  return canvas;
}

const SHADE = "#2f7fd0"; // that of q in widgets.css, on light and dark

export default widget((model) => {
  const [names, values, shape] = [model.get("names"), model.get("values"), model.get("image_shape")];
  const [uniform, normal] = ["uniform", "normal"].map((kind) => numbers(model.get("noise")[kind]));
  const ends = model.get("ends"); // of z₁ and z₂, equally far apart
  const axes = ends.map(([low, high]) => { // the middles of cells
    const half = (high - low) / GRID / 2;
    return linspace(low + half, high - half, GRID);
  });
  const on = (density) => Float64Array.from({ length: GRID * GRID }, (_, k) =>
    Math.exp(density([axes[0][k % GRID], axes[1][Math.floor(k / GRID)]])));
  const seen = []; // what has been computed of each model
  const moment = (at) => {
    if (seen[at]) return seen[at];
    const { codes, prior: sent, network } = model.get("moments")[at];
    const [mu, logvar] = [numbers(codes.mu), numbers(codes.logvar)];
    const aggregate = mixture({ logWeights: [-Math.log(mu.length / 2)], mu, logvar });
    const prior = priorOf(sent);
    const [p, q] = [on(prior.density), on(aggregate)];
    const lines = MASSES.map((share) => contours(p, ...axes, levelOf(p, share)));
    const draws = Array.from(uniform, (u, i) => prior.draw(u, [normal[2 * i], normal[2 * i + 1]]));
    return seen[at] = { prior: prior.density, aggregate, lines, draws, shade: shade(q, SHADE), decode: sequential(network) };
  };

  const plane = plot({ label: "the plane of codes; drag the ring", x: ends[0], y: ends[1], xLabel: "z₁",
    yLabel: "z₂", width: 380, square: true, onpoint: (x, y) => set(model, { place: [x, y] }) });
  const decoded = picture(shape, { label: "what the ring decodes to", side: 168 });
  const strip = tiled(shape, 1, uniform.length, "drawn from the prior");
  strip.style.width = `${40 * uniform.length}px`;
  const said = result();
  let ring;

  const here = () => {
    const now = moment(model.get("at"));
    const place = model.get("place");
    ring.move(...place);
    decoded.show(now.decode(place));
    const of = values.length ? `${model.get("quantity")} ${fixed(values[model.get("at")])}; ` : "";
    said.textContent = `${model.get("name")} ${names[model.get("at")]}: ${of}in the ring ` +
      `log p(z) = ${fixed(now.prior(place))}, log q(z) = ${fixed(now.aggregate(place))}`;
  };
  follow(model, ["at"], () => {
    const now = moment(model.get("at"));
    plane.clear();
    plane.image(now.shade, ...ends);
    now.lines.forEach((lines, i) => lines.forEach((line) => plane.line(line.map(([x]) => x), line.map(([, y]) => y),
      { colour: COLOUR.p, dash: i ? "5 3" : undefined })));
    strip.show((i) => now.decode(now.draws[i]));
    ring = plane.ring(...model.get("place"));
    here();
  });
  follow(model, ["place"], here);

  const along = (index) => slider(model, "place", { label: subscripted("z", index), index, min: ends[index][0],
    max: ends[index][1], step: (ends[index][1] - ends[index][0]) / 160, colour: COLOUR.z, format: (value) => fixed(value) });
  const which = slider(model, "at", { label: model.get("name"), places: linspace(0, names.length - 1, names.length),
    format: (at) => names[at] });
  return [
    row(which), row(along(0), along(1)), said,
    row(plane, decoded),
    legend([COLOUR.p, "prior p(z): half of it within the full line, 90 % within the dashed one"],
      [COLOUR.q, "q(z), where the codes lie"]),
    h("div", { class: "rows two" }, h("span", {}, "drawn from p(z)"), strip),
  ];
});
