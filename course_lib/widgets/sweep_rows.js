import {
  choice, fixed, follow, h, result, row, slider, tidy, tiled, widget,
} from "./draw.js";
import { bytes, part } from "./nn.js";

const SIDE = 56; // of a picture, in CSS pixels, where there is room

export default widget((model) => {
  const [labels, names, places] = ["labels", "names", "places"].map((name) => model.get(name));
  const { shape: [, columns, ...shape] } = model.get("rows");
  const [pixels, size] = [bytes(model.get("rows")), shape.reduce((a, b) => a * b)];
  const controls = names.map((name, j) => typeof places[j][0] === "string"
    ? choice(model, "setting", name, Object.fromEntries(places[j].map((place) => [place, place])), j)
    : slider(model, "setting", { label: name, index: j, places: places[j] }));

  const strips = labels.map((label) => tiled(shape, 1, columns, label));
  for (const strip of strips) strip.style.width = `${columns * (SIDE + 1)}px`;
  const notes = labels.map(() => h("span", { class: "number" }));
  const said = result();
  follow(model, ["setting"], () => {
    const setting = model.get("setting");
    const at = setting.reduce((sum, value, j) => sum * places[j].length + places[j].indexOf(value), 0);
    const [which, numbers] = [model.get("which")[at], model.get("numbers")[at]];
    strips.forEach((strip, i) => {
      const values = Float32Array.from(part(pixels, which[i], columns * size), (byte) => byte / 255);
      strip.show((k) => part(values, k, size));
      notes[i].textContent = numbers.length ? fixed(numbers[i]) : "";
    });
    const where = names.map((name, j) => `${name} = ${typeof setting[j] === "string" ? setting[j] : tidy(setting[j])}`);
    const errors = numbers.length ? `: squared errors ${labels.map((label, i) =>
      `${label} ${fixed(numbers[i])}`).slice(1).join(", ")}` : "";
    said.textContent = where.join(", ") + errors;
  });
  return [row(...controls), said,
    h("div", { class: "rows" }, ...labels.flatMap((label, i) => [h("span", {}, label), strips[i], notes[i]]))];
});
