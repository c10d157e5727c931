import {
  COLOUR, button, choice, fixed, follow, gaussian, h, linspace, picture, plot, result, row, set, slider,
  subscripted, tiled, widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";

const GRID = 11; // pictures along each side of the map
const SIDE = 168; // of a picture, in CSS pixels
const CODES = "codes", PICTURES = "pictures", BOTH = "both";

/** What each place of the map decodes to, as a canvas: the centres of GRID × GRID tiles. */
function pictures(decode, shape, [x0, x1], [y0, y1]) {
  const middle = (low, high) => linspace(low + (high - low) / 2 / GRID, high - (high - low) / 2 / GRID, GRID);
  const [xs, ys] = [middle(x0, x1), middle(y0, y1).reverse()];
  return tiled(shape, GRID, GRID).show((i) => decode([xs[i % GRID], ys[Math.floor(i / GRID)]]));
}

/** The codes in the colours of their classes, whose numbers stand at the medians. */
function scatter(map, codes, labels) {
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const of = (label) => codes.filter((_, i) => labels[i] === label);
  for (const label of classes) {
    const [xs, ys] = [0, 1].map((j) => of(label).map((code) => code[j]));
    map.dots(xs, ys, { colour: label % 10 });
  }
  if (classes.length < 2) return;
  for (const label of classes) { // for those who cannot tell the colours apart
    const [x, y] = [0, 1].map((j) => {
      const sorted = of(label).map((code) => code[j]).sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)];
    });
    map.text(x, y, `${label}`);
  }
}

export default widget((model) => {
  const [, ...shape] = model.get("images").shape;
  const size = shape.reduce((a, b) => a * b);
  const [n, d] = model.get("codes").shape;
  const [pixels, flat] = [bytes(model.get("images")), numbers(model.get("codes"))];
  const codes = Array.from({ length: n }, (_, i) => [...part(flat, i, d)]);
  const decode = sequential(model.get("network"));
  const ends = model.get("ends"); // low and high of each dimension

  const image = slider(model, "image", { label: "image", min: 0, max: n - 1, step: 1 });
  const own = () => set(model, { code: codes[model.get("image")] });
  model.on("change:image", own);
  const names = model.get("names");
  const buttons = [button("code of the image", own)];
  if (!names.length) buttons.push(button("random z ~ N(0, I)", () => set(model, { code: codes[0].map(gaussian) })));
  const moved = model.get("order").filter((j) => !names.length || j < names.length);
  const sliders = moved.map((j) => slider(model, "code", {
    label: names[j] ?? subscripted("z", j), index: j, min: ends[j][0], max: ends[j][1], step: (ends[j][1] - ends[j][0]) / 160, colour: COLOUR.z,
    format: (value) => fixed(value),
  }));

  const original = picture(shape, { label: "image", side: SIDE });
  const decoded = picture(shape, { label: "decoded from z", side: SIDE });
  const error = result();
  follow(model, ["image", "code"], () => {
    const x = Float32Array.from(part(pixels, model.get("image"), size), (byte) => byte / 255);
    const y = decode(model.get("code"));
    original.show(x);
    decoded.show(y);
    const sum = y.reduce((total, value, i) => total + (value - x[i]) ** 2, 0);
    error.textContent = `squared error between the two: ${fixed(sum)}`;
  });
  if (d !== 2) return [row(image, ...buttons),
    row(...sliders), row(original, decoded), error];

  const map = plot({
    label: "the plane of codes; drag the ring", x: ends[0], y: ends[1], xLabel: "z₁", yLabel: "z₂",
    width: 380, square: true, onpoint: (x, y) => set(model, { code: [x, y] }),
  });
  const labels = model.get("labels");
  let tiles; // drawn once, when they are wanted
  const background = () => {
    map.clear();
    const shown = model.get("map");
    if (shown !== CODES) map.image(tiles ??= pictures(decode, shape, ...ends), ...ends);
    if (shown !== PICTURES) scatter(map, codes, labels);
    ring = map.ring(...model.get("code"));
  };
  let ring;
  follow(model, ["map"], background);
  follow(model, ["code"], () => ring.move(...model.get("code")));
  return [
    row(image, ...buttons),
    row(...sliders, choice(model, "map", "map of", { [CODES]: "codes", [PICTURES]: "pictures", [BOTH]: "both" })),
    row(h("div", {}, row(original, decoded), error), map),
  ];
});
