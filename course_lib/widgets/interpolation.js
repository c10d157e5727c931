import {
  COLOUR, fixed, follow, h, linspace, picture, result, row, slider, tiled, widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";

const STEPS = 9; // pictures on each way
const SIDE = 48; // of each, in CSS pixels, where there is room

/** (1 − t) a + t b, number by number. */
export function between(a, b, t) {
  return Float32Array.from(a, (value, i) => (1 - t) * value + t * b[i]);
}

export default widget((model) => {
  const [n, ...shape] = model.get("images").shape;
  const size = shape.reduce((a, b) => a * b);
  const pixels = Float32Array.from(bytes(model.get("images")), (byte) => byte / 255);
  const as_is = { label: "pixels", ends: (i) => part(pixels, i, size), decode: (x) => x };
  const ways = [as_is, ...model.get("ways").map(({ label, codes, network }) => {
    const [all, d] = [numbers(codes), codes.shape[1]];
    return { label, ends: (i) => part(all, i, d), decode: sequential(network) };
  })];

  const image = (trait, label) => slider(model, trait, { label, min: 0, max: n - 1, step: 1 });
  const t = slider(model, "t", { label: "t", step: 0.01, colour: COLOUR.z, format: (value) => fixed(value) });
  const steps = linspace(0, 1, STEPS);
  const strips = ways.map(({ label }) => tiled(shape, 1, STEPS, `${label}, in ${STEPS} steps`));
  for (const strip of strips) strip.style.width = `${STEPS * (SIDE + 1)}px`;
  const large = ways.map(({ label }) => picture(shape, { label: `${label} at t`, side: 112, caption: false }));
  const said = result();

  follow(model, ["first", "second"], () => ways.forEach(({ ends, decode }, i) => {
    const [a, b] = ["first", "second"].map((end) => ends(model.get(end)));
    strips[i].show((k) => decode(between(a, b, steps[k])));
  }));
  follow(model, ["first", "second", "t"], () => {
    const shown = ways.map(({ ends, decode }, i) => {
      const [a, b] = ["first", "second"].map((end) => ends(model.get(end)));
      const x = decode(between(a, b, model.get("t")));
      large[i].show(x);
      return x;
    });
    const grey = (x) => x.reduce((sum, value) => sum + 4 * value * (1 - value), 0) / x.length;
    said.textContent = `t = ${fixed(model.get("t"))}; how grey the pixels are, from 0 to 1: ` +
      ways.map(({ label }, i) => `${label} ${fixed(grey(shown[i]))}`).join(", ");
  });
  return [row(image("first", "from image"), image("second", "to image"), t), said,
    h("div", { class: "rows" }, ...ways.flatMap(({ label }, i) => [h("span", {}, label), strips[i], large[i]]))];
});
