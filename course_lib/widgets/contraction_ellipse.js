import {
  COLOUR, fixed, follow, legend, linspace, picture, plot, result, roundUp, row, set, slider, widget,
} from "./draw.js";
import { bytes, numbers, part } from "./nn.js";

const [BALL, ALONG] = [COLOUR.here, COLOUR.other];
const TURN = linspace(0, 2 * Math.PI, 73);

/** The outline of an ellipse around (x, y) with the semi-axes (a, c) and (b, d), r times as large. */
export function outline([x, y], [a, b, c, d], r) {
  return [TURN.map((t) => x + r * (a * Math.cos(t) + b * Math.sin(t))),
    TURN.map((t) => y + r * (c * Math.cos(t) + d * Math.sin(t)))];
}

export default widget((model) => {
  const weights = model.get("weights");
  const { shape: [places, ...shape] } = model.get("images");
  const n = Math.round(Math.sqrt(places)); // places of u, and of v
  const size = shape.reduce((a, b) => a * b);
  const [pixels, table] = [bytes(model.get("images")), numbers(model.get("table"))];
  const all = (at) => part(table, at, places * 11); // of one λ
  const entry = (at, place) => part(all(at), place, 11); // code, semi-axes of ball and disc, share
  const place = () => Math.round(model.get("u") * (n - 1)) * n + Math.round(model.get("v") * (n - 1));
  const at = () => weights.indexOf(model.get("weight"));
  const to = (x, y) => { // the place whose code is nearest
    let best = 0;
    const distance = (k) => {
      const [a, b] = entry(at(), k);
      return (a - x) ** 2 + (b - y) ** 2;
    };
    for (let k = 1; k < places; k++) if (distance(k) < distance(best)) best = k;
    set(model, { u: Math.floor(best / n) / (n - 1), v: (best % n) / (n - 1) });
  };
  const length = (entry, k) => Math.hypot(entry[2 + k], entry[4 + k]);
  const longest = Math.max(...weights.map((_, i) => Math.max(...linspace(0, places - 1, places).map((k) => length(entry(i, k), 0)))));

  const image = picture(shape, { label: "the image at (u, v)", side: 180 });
  const plane = plot({ label: "the plane of codes; drag the point", x: [0, 1], y: [0, 1], xLabel: "h₁", yLabel: "h₂",
    width: 330, height: 330, onpoint: to });
  const bars = plot({ label: "singular values of J", x: [0, 2], y: [0, roundUp(longest)], width: 170, height: 240,
    xTicks: [[0.5, "σ₁"], [1.5, "σ₂"]] });
  const said = result();

  follow(model, ["weight", "u", "v"], () => {
    const here = entry(at(), place());
    image.show(Float32Array.from(part(pixels, place(), size), (byte) => byte / 255));
    plane.clear();
    for (let i = 0; i < n; i += 2) { // lines of equal u, and of equal v
      for (const line of [linspace(0, n - 1, n).map((j) => i * n + j), linspace(0, n - 1, n).map((j) => j * n + i)]) {
        const codes = line.map((k) => entry(at(), k));
        plane.line(codes.map(([x]) => x), codes.map(([, y]) => y), { colour: COLOUR.data, thin: true });
      }
    }
    const [r, code] = [model.get("radius"), [here[0], here[1]]];
    plane.line(...outline(code, here.subarray(2, 6), r), { colour: BALL });
    plane.line(...outline(code, here.subarray(6, 10), r), { colour: ALONG });
    plane.dots([code[0]], [code[1]]);
    bars.clear();
    const values = [length(here, 0), length(here, 1)];
    values.forEach((value, k) => {
      bars.box([k + 0.2, k + 0.8], [0, value], { colour: BALL });
      bars.text(k + 0.5, value, fixed(value, 3), { dy: -4 });
    });
    const squared = values[0] ** 2 + values[1] ** 2;
    said.textContent = `λ = ${model.get("weight")}: ‖J‖² = ${fixed(squared, 3)}, ` +
      `${fixed(100 * here[10], 0)} % of it along the manifold`;
  });
  const move = (trait) => slider(model, trait, { label: trait, step: 1 / (n - 1), format: (value) => fixed(value) });
  return [
    row(slider(model, "weight", { label: "λ", places: weights })), row(move("u"), move("v")), said,
    row(image, plane, bars),
    legend([BALL, `where all images within ${model.get("radius")} of this one go`], [ALONG, "only those along the manifold"]),
  ];
});
