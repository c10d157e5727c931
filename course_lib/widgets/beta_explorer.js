import {
  COLOUR, fixed, follow, h, legend, linspace, plot, result, row, set, slider, subscripted, tiled, tidy,
  widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";

const SIDE = 52; // the longer one of a picture, in CSS pixels, where there is room
const [TRAVERSALS, REACH] = [4, 3]; // rows of them, at most, and from where to where they go

/** The dimensions to walk along: the active ones, those with the largest KL first. */
export function walked(kl, active) {
  return Array.from(kl.keys()).filter((j) => active[j]).sort((i, j) => kl[j] - kl[i]).slice(0, TRAVERSALS);
}

/** The range of an axis in nats that holds both numbers and ends at round ones. */
export function rounded(low, high) {
  const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1))) / 2;
  const first = Math.floor(low / step);
  return [step * first, step * Math.max(Math.ceil(high / step), first + 1)];
}

/** Which of the places (rate, distortion) is nearest to a point of the axes, as long as they look. */
export function nearest(places, point, x, y) {
  const far = ([rate, distortion]) =>
    Math.hypot((rate - point[0]) / (x[1] - x[0]), (distortion - point[1]) / (y[1] - y[0]));
  return places.reduce((best, place, i) => far(place) < far(places[best]) ? i : best, 0);
}

export default widget((model) => {
  const betas = model.get("betas");
  const { shape: [, columns, d] } = model.get("means");
  const [means, table, z] = ["means", "table", "samples"].map((name) => numbers(model.get(name)));
  const summary = betas.map((_, i) => {
    const [condition, rate, distortion, ...rest] = part(table, i, 3 + 2 * d);
    return { condition, rate, distortion, kl: rest.slice(0, d), active: rest.slice(d) };
  });
  const decode = sequential(model.get("network"));
  const { shape: [, ...shape] } = model.get("images");
  const [pixels, size] = [bytes(model.get("images")), shape.reduce((a, b) => a * b)];
  const points = model.get("points");

  const strip = (label) => {
    const canvas = tiled(shape, 1, columns, label);
    canvas.style.width = `${columns * (SIDE * shape[2] / Math.max(shape[1], shape[2]) + 1)}px`;
    return canvas;
  };
  const names = ["image", "reconstruction", "sample", ...Array(TRAVERSALS).fill("walk along a dimension")];
  const strips = names.map(strip);
  strips[0].show((k) => Float32Array.from(part(pixels, k, size), (byte) => byte / 255));
  const texts = names.map((name, i) => h("span", {}, i < 3 ? name : "walk"));

  const places = summary.map(({ rate, distortion }) => [rate, distortion]);
  const all = [...places, ...points.map((point) => point.slice(1))];
  const [rates, distortions] = [0, 1].map((j) => all.map((place) => place[j]));
  const [x, y] = [rounded(0, Math.max(...rates)), rounded(Math.min(...distortions), Math.max(...distortions))];
  const curve = plot({ label: "the rate–distortion curve; drag the point", x, y, left: 52, width: 300, height: 270,
    xLabel: "rate", yLabel: "distortion",
    onpoint: (...point) => set(model, { beta: betas[nearest(places, point, x, y)] }) });
  const said = result();

  follow(model, ["beta"], () => {
    const at = betas.indexOf(model.get("beta"));
    const { condition, rate, distortion, kl, active } = summary[at];
    const decoded = (code) => decode([...code, condition]);
    const own = (k) => part(part(means, at, columns * d), k, d);
    strips[1].show((k) => decoded(own(k)));
    strips[2].show((k) => decoded(part(z, k, d)));
    const along = walked(kl, active);
    for (let i = 0; i < TRAVERSALS; i++) {
      const j = along[i];
      // Not hidden: the curve may stand below, and must not run away from the finger that drags on it.
      for (const its of [texts[3 + i], strips[3 + i]]) its.style.visibility = j === undefined ? "hidden" : "";
      if (j === undefined) continue;
      texts[3 + i].textContent = `${subscripted("z", j)}, ${fixed(kl[j])} nats`;
      strips[3 + i].show((k) => decoded([...own(0)].with(j, linspace(-REACH, REACH, columns)[k])));
    }
    curve.clear();
    curve.line(...[0, 1].map((j) => places.map((place) => place[j])), { colour: COLOUR.here });
    const crowded = ([, r, e], [, u, v]) =>
      Math.abs(r - u) < 0.12 * (x[1] - x[0]) && Math.abs(e - v) < 0.06 * (y[1] - y[0]);
    points.forEach((point, i) => {
      const [beta, r, e] = point;
      curve.mark(r, e, { colour: COLOUR.other }).setAttribute("r", 4);
      if (points.slice(0, i).some((other) => crowded(point, other))) return;
      const right = r > x[0] + 0.85 * (x[1] - x[0]); // where there is no room on the other side
      curve.text(r, e, tidy(beta), { anchor: right ? "end" : "start", dx: right ? -5 : 5, dy: -4 });
    });
    curve.mark(rate, distortion, { colour: COLOUR.here });
    const units = active.reduce((sum, on) => sum + on, 0);
    said.textContent = `β = ${tidy(betas[at])}: rate ${fixed(rate)} nats per image, ` +
      `distortion ${fixed(distortion)}, ${units} of ${d} units active`;
  });
  return [
    row(slider(model, "beta", { label: "β", places: betas })), said,
    row(h("div", { class: "rows two" }, ...names.flatMap((_, i) => [texts[i], strips[i]])),
      h("div", {}, curve, legend([COLOUR.here, "one model for every β"],
        ...points.length ? [[COLOUR.other, "a model for each β"]] : []))),
    h("p", { class: "note" }, "Walks move one dimension of the first image's code from −3 to 3."),
  ];
});
