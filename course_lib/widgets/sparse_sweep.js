import {
  COLOUR, fixed, follow, h, legend, linspace, plot, result, row, slider, tiled, tidy, widget,
} from "./draw.js";
import { bytes, numbers, part } from "./nn.js";

const HEIGHT = 300; // of the three panels, in CSS pixels
const TICKS = [0.001, 0.01, 0.1, 1]; // of the mean activation
const [DARK, NOTHING, BRIGHT] = [[179, 88, 6], [247, 247, 247], [84, 39, 136]]; // safe for the colour-blind

/** A colour for v from −1 to 1, (3,) in [0, 1]: brown, white at 0, purple. */
export function diverging(v) {
  const end = v < 0 ? DARK : BRIGHT;
  return NOTHING.map((none, c) => (none + (end[c] - none) * Math.min(1, Math.abs(v))) / 255);
}

/** Numbers (H·W) from −1 to 1 as a picture (3, H, W). */
function coloured(values) {
  const picture = new Float32Array(3 * values.length);
  values.forEach((value, i) => diverging(value).forEach((c, channel) => {
    picture[channel * values.length + i] = c;
  }));
  return picture;
}

export default widget((model) => {
  const [weights, targets] = [model.get("weights"), model.get("targets")];
  const { shape: [, units, C, H, W] } = model.get("features");
  const { shape: [, , columns] } = model.get("activations");
  const [features, activations, means] =
    [bytes(model.get("features")), bytes(model.get("activations")), numbers(model.get("means"))];
  const side = Math.ceil(Math.sqrt(units));
  const tiles = tiled([3, H, W], Math.ceil(units / side), side, "features");
  tiles.style.width = `${HEIGHT}px`;
  const heat = tiled([3, units, columns], 1, 1, "activations");
  Object.assign(heat.style, { width: "160px", height: `${HEIGHT}px`, marginTop: "10px" });
  const averages = plot({
    label: "ρ̂ of each unit, and the line ρ", x: [-3, 0], y: [units, 0], width: 230, height: HEIGHT + 48,
    xTicks: TICKS.map((tick) => [Math.log10(tick), `${tick}`]), yTicks: [], left: 16,
  });
  const said = result();

  follow(model, ["weight", "rho"], () => {
    const [weight, rho] = [model.get("weight"), model.get("rho")];
    const at = model.get("which")[weights.indexOf(weight) * targets.length + targets.indexOf(rho)];
    const own = part(features, at, units * C * H * W);
    tiles.show((i) => {
      const shades = i < units ? part(own, i, C * H * W) : new Uint8Array(C * H * W).fill(128);
      return C === 1 ? coloured(Float32Array.from(shades, (byte) => (byte - 128) / 127))
        : Float32Array.from(shades, (byte) => byte / 255);
    });
    heat.show(() => coloured(Float32Array.from(part(activations, at, units * columns), (byte) => byte / 255)));
    const rhoHat = part(means, at, units);
    averages.clear();
    averages.line([Math.log10(rho), Math.log10(rho)], [0, units], { colour: COLOUR.plus });
    averages.dots(Array.from(rhoHat, (mean) => Math.log10(Math.min(1, Math.max(0.001, mean)))),
      Array.from(rhoHat, (_, i) => i + 0.5), { colour: COLOUR.here, size: 5 });
    const { active, dead, always_on: always, error } = model.get("summaries")[at];
    said.textContent = `λ = ${tidy(weight)}, ρ = ${tidy(rho)}: units above ${model.get("threshold")}: ` +
      `${fixed(100 * active, 1)} % per image, ${dead} of ${units} on no image, ${always} on every image; ` +
      `mean of ρ̂ ${fixed(rhoHat.reduce((a, b) => a + b, 0) / units, 4)}; squared error ${fixed(error, 1)} per image`;
  });
  const captioned = (canvas, text) => h("figure", {}, canvas, h("figcaption", {}, text));
  const bar = tiled([3, 6, 80], 1, 1);
  bar.show(() => coloured(Float32Array.from({ length: 480 }, (_, i) => linspace(-1, 1, 80)[i % 80])));
  return [
    row(slider(model, "weight", { label: "λ", places: weights }), slider(model, "rho", { label: "ρ", places: targets })),
    said,
    row(captioned(tiles, "features"), captioned(heat, `activations, 0 to ${tidy(model.get("top"))}, of ${columns} images`),
      averages),
    row(h("span", { class: "bar" }, "darker ", bar, " brighter when the unit is on"),
      legend([COLOUR.plus, "target ρ"], [COLOUR.here, "ρ̂, a dot for each unit"])),
  ];
});
