import { button, fixed, follow, plot, result, row, set, slider, tiled, widget } from "./draw.js";
import { bytes } from "./nn.js";

/** Samples as they were sent, 16 bits each: {bytes} → Float32Array in [−1, 1]. */
export function waveform({ bytes: view }) {
  const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return Float32Array.from(new Int16Array(copy), (step) => step / 32767);
}

export default widget((model) => {
  const [rate, label, samples] = [model.get("rate"), model.get("label"), waveform(model.get("samples"))];
  const { shape: [, , F, frames] } = model.get("spectrogram");
  const shades = Float32Array.from(bytes(model.get("spectrogram")), (byte) => byte / 255);
  const [length, highest] = [samples.length / rate, rate / 2000]; // seconds, kilohertz
  const picture = tiled([1, F, frames], 1, 1).show(() => shades);
  const axes = plot({ label: `spectrogram of ${label}`, x: [0, length], y: [0, highest], xLabel: "seconds",
    yLabel: "kilohertz", width: 560, height: 240, onpoint: (x) => set(model, { at: x / length }) });
  const said = result();
  follow(model, ["at"], () => {
    const at = model.get("at");
    axes.clear();
    axes.image(picture, [0, length], [0, highest]);
    axes.line([at * length, at * length], [0, highest], { colour: 1 });
    const column = Math.min(frames - 1, Math.floor(at * frames));
    let loudest = 0; // rows run from the highest frequency down
    for (let f = 1; f < F; f++) if (shades[f * frames + column] > shades[loudest * frames + column]) loudest = f;
    said.textContent = `at ${fixed(at * length)} of ${fixed(length)} s: loudest at ` +
      `${fixed((F - 1 - loudest) / (F - 1) * rate / 2, 0)} Hz`;
  });

  let [playing, stopped] = [null, false];
  const press = button(`play ${label}`, () => {
    if (playing) {
      stopped = true;
      return playing.stop();
    }
    stopped = false;
    const context = new AudioContext();
    const buffer = context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    playing = Object.assign(context.createBufferSource(), { buffer });
    playing.connect(context.destination);
    const from = model.get("at") < 0.99 ? model.get("at") * length : 0;
    playing.onended = () => {
      playing = null;
      if (!stopped) set(model, { at: 1 });
      press.textContent = `play ${label}`;
      context.close();
    };
    playing.start(0, from);
    press.textContent = "stop";
    const run = () => {
      if (!playing) return;
      set(model, { at: Math.min(1, (from + context.currentTime) / length) });
      requestAnimationFrame(run);
    };
    run();
  });
  const place = slider(model, "at", { label: "place", step: 0.01, format: (value) => `${fixed(value * length)} s` });
  return [row(press, place), said, axes];
});
