import {
  COLOUR, button, fixed, follow, h, picture, result, row, set, slider, widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";
import { edited, looked_up, net } from "./tokens.js";

const SIDE = 168; // of a picture, in CSS pixels
const [DIGIT, LINE] = [8, 17]; // CSS pixels: width and height that a number needs to be read
const ROOM = 420; // for a grid of numbers, in CSS pixels, on a wide page

/** Of the cells of a grid of numbers up to K − 1: {width, height, readable}, in CSS pixels. */
export function cells(rows, columns, K, room) {
  const [even, need] = [SIDE / Math.max(rows, columns), DIGIT * `${K - 1}`.length + 2]; // 2 for the borders
  const readable = columns * Math.max(even, need) <= room;
  const width = readable ? Math.max(even, need) : rows === 1 ? room / columns : even;
  return { width, height: Math.max(even, readable || rows === 1 ? LINE : 0), readable };
}

export default widget((model) => {
  const { shape: [K, dim] } = model.get("codebook");
  const { shape: [n, ...shape] } = model.get("images");
  const [rows, columns] = model.get("grid");
  const [codebook, all, pixels] =
    [numbers(model.get("codebook")), Int32Array.from(model.get("tokens")), bytes(model.get("images"))];
  const size = shape.reduce((a, b) => a * b);
  const decode = sequential(model.get("network"));
  const decoded = (tokens) => decode(looked_up(codebook, tokens, dim));
  const own = () => part(all, model.get("image"), rows * columns);
  const place = () => model.get("row") * columns + model.get("column");

  const places = (label) => net(label, rows, columns, (at) => set(model, at));
  const names = ["image", "rebuilt", "one token changed", "difference, grey is none"];
  const shown = names.map((label) => picture(shape, { label, side: SIDE }));
  const nets = names.slice(1).map((label) => places(`places of tokens, ${label}`));
  if (model.get("placed")) nets.forEach((part, i) => {
    const around = h("div", { class: "over" });
    shown[i + 1].canvas.replaceWith(around);
    around.append(shown[i + 1].canvas, part);
  });
  const { width, height, readable } = cells(rows, columns, K, Math.min(ROOM, window.innerWidth - 24));
  const tables = ["tokens before", "tokens after"].map((label) => {
    const grid = places(label);
    const texts = Array.from({ length: rows * columns }, () => h("span"));
    const numbersOver = h("div", { class: "tokens" }, ...texts);
    numbersOver.style.gridTemplateColumns = `repeat(${columns}, ${width}px)`;
    numbersOver.style.gridAutoRows = `${height}px`;
    const around = h("div", { class: "over" }, numbersOver, grid);
    const caption = h("figcaption", {}, label);
    return { element: h("figure", {}, around, caption), grid, fill(tokens) {
      if (readable) texts.forEach((text, i) => text.textContent = tokens[i]);
      else caption.textContent = `${label}: ${tokens[place()]} in the frame`;
    } };
  });
  const said = result();

  follow(model, ["image", "row", "column", "code"], () => {
    const [before, code] = [[...own()], model.get("code")];
    const after = edited(before, place(), code);
    const x = Float32Array.from(part(pixels, model.get("image"), size), (byte) => byte / 255);
    const [rebuilt, changed] = [decoded(before), decoded(after)];
    const difference = changed.map((value, i) => value - rebuilt[i]);
    const pictures = [x, rebuilt, changed, difference.map((value) => value / 2 + 0.5)];
    pictures.forEach((values, i) => shown[i].show(values));
    [...nets, ...tables.map(({ grid }) => grid)]
      .forEach((part) => part.move(model.get("row"), model.get("column")));
    tables[0].fill(before);
    tables[1].fill(after);
    const reached = difference.filter((value) => Math.abs(value) > 0.01).length;
    const largest = difference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    said.textContent = `token in row ${model.get("row")}, column ${model.get("column")}: ` +
      `${before[place()]} → ${code}; pixels changed by more than 0.01: ${reached} of ${size}; ` +
      `largest change ${fixed(largest)}`;
  });
  const whole = (trait, label, count) =>
    slider(model, trait, { label, min: 0, max: count - 1, step: 1, colour: COLOUR.p });
  return [
    row(whole("image", "image", n), whole("code", "new code", K),
      button("its own code", () => set(model, { code: own()[place()] }))),
    row(whole("row", "row", rows), whole("column", "column", columns)), said,
    row(...shown), row(...tables.map(({ element }) => element)),
  ];
});
