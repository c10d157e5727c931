import { COLOUR, button, fixed, follow, h, picture, result, row, set, slider, widget } from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";
import { edited, looked_up, net } from "./tokens.js";

const SIDE = 140; // of a picture, in CSS pixels

/** A colour for a token, three numbers in [0, 1]: the numbers of tokens have no order. */
export function shade(k) {
  const hue = (k * 0.618034) % 1;
  const light = 0.35 + 0.4 * ((k * 0.7548777) % 1);
  return [0, 1 / 3, 2 / 3].map((third) =>
    light + (0.5 - Math.abs(light - 0.5)) * Math.cos(2 * Math.PI * (hue - third)) * 0.9);
}

/** Tokens (T,) as a picture (3, T): one colour each. */
export function shades(tokens) {
  const colours = tokens.map(shade);
  return [0, 1, 2].flatMap((c) => colours.map((colour) => colour[c]));
}

/** Codes side by side (T · D_e,) with the channels first: (D_e · T,). */
export function channels_first(codes, dim) {
  const T = codes.length / dim;
  return Array.from({ length: codes.length }, (_, i) => codes[(i % T) * dim + Math.floor(i / T)]);
}

/**
 * From the top down to the picture  (VQ2.1).
 *
 * levels: {codebook, dim, decode} of each; tokens: (T,) of each.
 */
export function descended(levels, tokens) {
  return levels.reduce((above, { codebook, dim, decode }, level) =>
    decode([...above, ...channels_first(looked_up(codebook, tokens[level], dim), dim)]), []);
}

export default widget((model) => {
  const [n, ...shape] = model.get("images").shape;
  const size = shape.reduce((a, b) => a * b);
  const pixels = bytes(model.get("images"));
  const names = model.get("names");
  const levels = model.get("levels").map(({ codebook, tokens, network, grid: [rows, columns] }) => ({
    codebook: numbers(codebook), K: codebook.shape[0], dim: codebook.shape[1], rows, columns,
    all: Int32Array.from(tokens), decode: sequential(network) }));
  const own = (level) => {
    const { all, rows, columns } = levels[level];
    return [...part(all, model.get("sources")[level], rows * columns)];
  };
  const choose = (level, place) => set(model, { places: model.get("places").with(level, place) });

  const faces = names.map((name) => picture(shape, { label: `${name} tokens from here`, side: SIDE }));
  const [mixed, changed, difference] = ["decoded together", "with the new codes", "difference, grey is none"]
    .map((label) => picture(shape, { label, side: SIDE }));
  const nets = levels.map(({ rows, columns }, level) =>
    net(`places of ${names[level]} tokens`, rows, columns, ({ row, column }) => choose(level, row * columns + column)));
  const grids = levels.map(({ rows, columns }, level) => {
    const grid = picture([3, rows, columns], { label: `${names[level]} tokens`, side: SIDE });
    const around = h("div", { class: "over" });
    grid.canvas.replaceWith(around);
    around.append(grid.canvas, nets[level]);
    return grid;
  });
  const said = result();

  follow(model, ["sources", "places", "codes"], () => {
    const [places, codes] = [model.get("places"), model.get("codes")];
    const before = levels.map((_, level) => own(level));
    const after = before.map((tokens, level) =>
      codes[level] < 0 ? tokens : edited(tokens, places[level], codes[level]));
    const pictures = [before, after].map((tokens) => descended(levels, tokens));
    const change = pictures[1].map((value, i) => value - pictures[0][i]);
    levels.forEach(({ columns }, level) => {
      faces[level].show(Float32Array.from(part(pixels, model.get("sources")[level], size), (byte) => byte / 255));
      grids[level].show(shades(after[level]));
      nets[level].move(Math.floor(places[level] / columns), places[level] % columns);
    });
    mixed.show(pictures[0]);
    changed.show(pictures[1]);
    difference.show(change.map((value) => value / 2 + 0.5));
    const reached = change.filter((value) => Math.abs(value) > 0.01).length;
    said.textContent = names.map((name, level) => `${name}: ${before[level][places[level]]}` +
      (codes[level] < 0 ? "" : ` → ${codes[level]}`)).join("; ") +
      `; pixels changed by more than 0.01: ${Math.round(100 * reached / size)} %; ` +
      `largest change ${fixed(change.reduce((most, value) => Math.max(most, Math.abs(value)), 0))}`;
  });
  const whole = (trait, index, label, min, max, format) =>
    slider(model, trait, { label, index, min, max, step: 1, colour: index ? COLOUR.other : COLOUR.here, format });
  const sides = levels.map(({ K, rows, columns }, level) => row(
    whole("sources", level, `${names[level]} tokens of face`, 0, n - 1),
    whole("places", level, `${names[level]}, place`, 0, rows * columns - 1),
    whole("codes", level, `${names[level]}, new code`, -1, K - 1, (k) => k < 0 ? "its own" : `${k}`)));
  return [
    ...sides,
    row(button("change faces", () => set(model, { sources: [...model.get("sources")].reverse() })),
      button("their own codes", () => set(model, { codes: levels.map(() => -1) }))),
    row(...faces, mixed, changed, difference), said, row(...grids),
  ];
});
