import { s } from "./draw.js";
import { part } from "./nn.js";

/** The grid (T,) with the token at a place replaced. */
export function edited(tokens, place, code) {
  return [...tokens].with(place, code);
}

/** The codes of tokens side by side: (T,) → (T · D_e,). */
export function looked_up(codebook, tokens, dim) {
  return tokens.flatMap((k) => [...part(codebook, k, dim)]);
}

/**
 * A net of cells that can be pressed, to lie over a picture or over numbers, with a frame around one.
 *
 * press: called with {row, column}. Call `move(row, column)` to put the frame elsewhere.
 */
export function net(label, rows, columns, press) {
  const svg = s("svg", { class: "net", role: "img", "aria-label": label, preserveAspectRatio: "none",
    viewBox: `0 0 ${columns} ${rows}` });
  const frame = s("rect", { class: "frame-of-one", width: 1, height: 1 });
  svg.append(frame);
  svg.addEventListener("pointerdown", (event) => {
    const box = svg.getBoundingClientRect();
    const at = (value, count) => Math.max(0, Math.min(count - 1, Math.floor(value * count)));
    press({ column: at((event.clientX - box.left) / box.width, columns),
      row: at((event.clientY - box.top) / box.height, rows) });
  });
  svg.move = (row, column) => {
    frame.setAttribute("x", column);
    frame.setAttribute("y", row);
  };
  return svg;
}
