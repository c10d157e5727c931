import {
  COLOUR, button, follow, legend, plot, result, row, set, slider, tidy, widget,
} from "./draw.js";

/** How far guesses lie from what was measured: the mean distance and the place of the largest. */
export function misses(guess, measured) {
  const distances = guess.map((value, i) => Math.abs(value - measured[i]));
  const largest = Math.max(...distances);
  const mean = distances.reduce((a, b) => a + b, 0) / distances.length;
  return { mean, largest: distances.indexOf(largest) };
}

export default widget((model) => {
  const [places, measured, [low, high]] = ["places", "measured", "ends"].map((name) => model.get(name));
  const [name, quantity] = [model.get("x_label"), model.get("y_label")];
  const at = (i) => `${name} = ${places[i]}`;
  const guess = (i, value) => set(model, { guess: model.get("guess").with(i, value) });
  const axes = plot({
    label: "your guess; drag its points", x: [-0.4, places.length - 0.6], y: [low, high], xLabel: name,
    yLabel: quantity, xTicks: places.map((place, i) => [i, `${place}`]), width: 440, height: 270,
    onpoint: (x, y) => guess(Math.min(places.length - 1, Math.max(0, Math.round(x))), +y.toPrecision(3)),
  });
  const sliders = places.map((_, i) => slider(model, "guess",
    { label: at(i), index: i, min: low, max: high, step: (high - low) / 100, colour: COLOUR.other }));
  const said = result();
  const reveal = button("show what was measured", () => set(model, { revealed: !model.get("revealed") }));

  follow(model, ["guess", "revealed"], () => {
    const [ours, indices] = [model.get("guess"), places.map((_, i) => i)];
    const revealed = model.get("revealed");
    axes.clear();
    axes.line(indices, ours, { colour: COLOUR.other, dash: "6 4" });
    if (revealed) axes.line(indices, measured, { colour: COLOUR.here });
    for (const i of indices) {
      axes.mark(i, ours[i], { colour: COLOUR.other });
      if (revealed) axes.mark(i, measured[i], { colour: COLOUR.here });
    }
    reveal.textContent = revealed ? "guess again" : "show what was measured";
    const { mean, largest } = misses(ours, measured);
    said.textContent = revealed
      ? `Your guess is off by ${tidy(mean)} on average, most at ${at(largest)}: you said ` +
        `${tidy(ours[largest])}, measured was ${tidy(measured[largest])}.`
      : `Your guess runs from ${tidy(ours[0])} at ${at(0)} to ${tidy(ours.at(-1))} at ${at(ours.length - 1)}.`;
  });
  return [row(axes, row(...sliders)), row(reveal), said,
    legend([COLOUR.other, "your guess"], [COLOUR.here, "measured"])];
});
