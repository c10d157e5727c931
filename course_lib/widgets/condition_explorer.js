import {
  COLOUR, button, fixed, follow, gaussian, h, picture, result, row, set, slider, subscripted, tiled, widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";

const [SIDE, TILE, REACH] = [140, 56, 3]; // of a picture and of a small one, CSS pixels; ends of the sliders of z

/** Which of the rows of numbers is this one, or −1. */
export function which(rows, numbers) {
  return rows.findIndex((row) => row.every((value, i) => Math.abs(value - numbers[i]) < 1e-6));
}

export default widget((model) => {
  const [n, ...shape] = model.get("images").shape;
  const [size, [, d]] = [shape.reduce((a, b) => a * b), model.get("codes").shape];
  const [, c] = model.get("conditions").shape;
  const [pixels, codes, conditions] = [
    bytes(model.get("images")), ...["codes", "conditions"].map((name) => numbers(model.get(name)))];
  const [names, classes, ends] = ["names", "classes", "ends"].map((name) => model.get(name));
  const decode = sequential(model.get("network"));

  const image = slider(model, "image", { label: "image", min: 0, max: n - 1, step: 1 });
  const own = () => [...part(codes, model.get("image"), d)];
  const told = () => [...part(conditions, model.get("image"), c)];
  const back = () => set(model, { code: own(), condition: told() });
  model.on("change:image", back);
  const buttons = [button("as in the image", back)];
  if (model.get("draws")) buttons.push(button("random z ~ N(0, I)", () => set(model, { code: own().map(gaussian) })));

  const pick = classes.map((numbers, k) => button(names[k], () => set(model, { condition: numbers })));
  const choices = h("div", { class: "choice", role: "group", "aria-label": "class" }, h("span", {}, "class"), ...pick);
  const controls = classes.length ? [choices] : names.map((label, j) => slider(model, "condition", {
      label, index: j, min: ends[j][0], max: ends[j][1], step: (ends[j][1] - ends[j][0]) / 100, colour: COLOUR.here, format: (value) => fixed(value),
    }));
  const sliders = model.get("order").map((j) => slider(model, "code", {
    label: subscripted("z", j), index: j, min: -REACH, max: REACH, step: REACH / 60, colour: COLOUR.z, format: (value) => fixed(value),
  }));

  const original = picture(shape, { label: "image", side: SIDE });
  const decoded = picture(shape, { label: "decoded from condition and z", side: SIDE });
  const error = result();
  const strip = classes.length ? tiled(shape, 1, classes.length, "the same z with every class") : undefined;
  if (strip) strip.style.width = `${classes.length * (TILE + 1)}px`;
  follow(model, ["image", "condition", "code"], () => {
    const [z, y] = [model.get("code"), model.get("condition")];
    const x = Float32Array.from(part(pixels, model.get("image"), size), (byte) => byte / 255);
    const made = decode([...z, ...y]);
    original.show(x);
    decoded.show(made);
    strip?.show((k) => decode([...z, ...classes[k]]));
    const chosen = which(classes, y);
    pick.forEach((its, k) => its.setAttribute("aria-pressed", k === chosen));
    const sum = made.reduce((total, value, i) => total + (value - x[i]) ** 2, 0);
    error.textContent = `squared error between the two: ${fixed(sum)}`;
  });
  const side = (title, parts) => {
    const half = h("div", { role: "group", "aria-label": title }, h("p", { class: "note" }, title), ...parts);
    half.style.cssText = "flex: 1 1 300px; min-width: 0";
    return half;
  };
  return [
    row(image, ...buttons),
    row(side("what it is told", controls), side("what is left: the code z", sliders)),
    row(original, decoded), error,
    ...strip ? [h("figure", {}, strip, h("figcaption", {}, "the same z with every class"))] : [],
  ];
});
