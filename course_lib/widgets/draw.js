// Controls and pictures that all widgets share. No framework and no build step: a widget's module
// imports this file, and widget.py hands both to the page.

const SVG = "http://www.w3.org/2000/svg";

/** One colour for each symbol, in every widget: the numbers are those of widgets.css. */
export const COLOUR = { q: 0, p: 1, z: 4, plus: 2, minus: 3, here: 0, other: 1, data: 7 };

/** An element; attributes whose names begin with "on" are listeners, undefined ones are left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A number as a reader wants it: a minus sign, few digits, no 1.4000000000000004. */
export function tidy(value, digits = 3) {
  const text = Math.abs(value) >= 10 ** digits ? value.toFixed(0) : `${+value.toPrecision(digits)}`;
  return text.replace("-", "−");
}

/** With a fixed number of decimals, so that columns stand still. */
export function fixed(value, decimals = 2) {
  const text = Number.isFinite(value) ? value.toFixed(decimals) : value > 0 ? "∞" : "−∞";
  return (+text === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** n numbers from low to high, both included. */
export function linspace(low, high, n) {
  return Array.from({ length: n }, (_, i) => low + (high - low) * i / (n - 1));
}

/** The log-density of N(μ, σ²), a function of z. */
export function normal(mu, sigma) {
  return (z) => -0.5 * ((z - mu) / sigma) ** 2 - Math.log(sigma * Math.sqrt(2 * Math.PI));
}

/** A number from N(0, 1), by the transform of Box and Muller. */
export function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

/** The name of dimension j, counted from 1 like the formulas do: subscripted("z", 0) is z₁. */
export function subscripted(name, j) {
  return name + [...`${j + 1}`].map((digit) => SUBSCRIPTS[digit]).join("");
}

// --- The widget and its traits ----------------------------------------------------------------

/**
 * What anywidget asks for, made from a function that makes the elements of a widget.
 *
 * build: (model) → a list of elements, top to bottom. Keys that are typed in the widget stay there,
 * and what has listened to the model stops when the widget leaves the page.
 */
export function widget(build) {
  return {
    render({ model, el }) {
      const heard = [];
      const own = {
        get: (name) => model.get(name),
        set: (name, value) => model.set(name, value),
        save_changes: () => model.save_changes(),
        alone: !model.send, // a page without a kernel has none to send anything to
        on(event, listener) {
          heard.push([event, listener]);
          model.on(event, listener);
        },
      };
      el.classList.add("course");
      // The keys of a notebook, such as the arrows and D D, are not meant here, those that run a cell are.
      // Notebook 7 takes keys on their way down the document and asks their target alone.
      const keys = (event) => {
        if (!el.contains(event.target)) return;
        const runs = event.key === "Enter" && (event.shiftKey || event.ctrlKey);
        event.target.toggleAttribute("data-lm-suppress-shortcuts", !runs);
      };
      window.addEventListener("keydown", keys, { capture: true });
      const said = []; // to the whole page, by other widgets
      own.hear = (event, listener) => {
        said.push([event, listener]);
        document.addEventListener(event, listener);
      };
      el.replaceChildren(...build(own));
      own.on("msg:custom", ({ kind }) => kind === "picture" && handBack(model, el));
      model.send?.({ kind: "drawn" });
      return () => {
        window.removeEventListener("keydown", keys, { capture: true });
        heard.forEach(([event, listener]) => model.off(event, listener));
        said.forEach(([event, listener]) => document.removeEventListener(event, listener));
      };
    },
  };
}

/** Give the kernel a picture of the widget for its notebook; nothing where none can be made. */
async function handBack(model, el) {
  if (!el.closest(".jp-Notebook")) return; // VS Code and Colab would show it below the widget
  if (!el.offsetWidth) await seen(el); // another tab is in front
  try {
    model.send({ kind: "picture", png: (await painted(el, model.get("_css"))).split(",")[1] });
  } catch (error) { // some browsers do not let a page read what they have painted
    console.info("no picture of the widget for the notebook:", error);
  }
}

/** When the element has a size. */
function seen(el) {
  return new Promise((resolve) => {
    const observer = new ResizeObserver(() => {
      if (!el.offsetWidth) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(el);
  });
}

/** A PNG of the element on white, twice as dense as CSS pixels, as a data URL. */
async function painted(el, css) {
  const { width, height } = el.getBoundingClientRect();
  const copy = el.cloneNode(true);
  const pairs = (tag) => {
    const copies = copy.querySelectorAll(tag);
    return [...el.querySelectorAll(tag)].map((part, i) => [part, copies[i]]);
  };
  for (const [input, other] of pairs("input")) other.setAttribute("value", input.value);
  for (const [canvas, other] of pairs("canvas")) { // of which a copy is empty
    const box = canvas.getBoundingClientRect();
    other.replaceWith(h("img", { src: canvas.toDataURL(), style: `display: block; margin: 0 auto;
      image-rendering: pixelated; width: ${box.width}px; height: ${box.height}px` }));
  }
  const paper = h("div", { style: `color-scheme: light; color: #111; background: #fff; width: ${width}px` },
    h("style", {}, css), copy);
  const drawing = s("svg", { width: 2 * width, height: 2 * height, viewBox: `0 0 ${width} ${height}` },
    s("foreignObject", { width, height }, paper));
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(drawing))}`;
  await image.decode();
  const canvas = h("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}

/** Draw now, and when one of the traits has changed, once a frame at most. */
export function follow(model, names, draw) {
  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
  for (const name of names) model.on(`change:${name}`, ask);
  draw();
}

/**
 * Set traits here, and in the kernel, which may be busy or gone: ipywidgets holds back what is new until
 * it has answered. To wait here as well would let its answer to an older value overwrite a newer one.
 */
export function set(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

// --- Controls -----------------------------------------------------------------------------------

/**
 * A slider for a trait, with its label and a readout in which one can type.
 *
 * min, max: the ends, of a trait that is Within its own. step: of the trait, or of its logarithm to
 * the base `log`, which is never shown. places: the numbers that the trait may have, in place of all
 * three; the step is then from one to the next, and what is typed snaps to the nearest.
 * index: the place in a list of numbers, when the trait is a list. format: value → text.
 * colour: that of what it moves in the picture, for the slider; text in it would have too little contrast.
 */
export function slider(model, trait, options) {
  const { label, log, places, index, colour, format = tidy } = options;
  const nearest = (value) => places.reduce((best, place, i) =>
    Math.abs(place - value) < Math.abs(places[best] - value) ? i : best, 0);
  const toPlace = (value) => places ? nearest(value) : log ? Math.log(value) / Math.log(log) : value;
  const toValue = (place) => places ? places[place] : log ? log ** place : +place.toFixed(10);
  const ends = places ? [places[0], places.at(-1)]
    : options.max === undefined ? model.get("ranges")[trait] : [options.min, options.max];
  const [min, max] = ends.map((end) => +toPlace(end).toFixed(10));
  const step = places ? 1 : options.step;
  const get = () => (index === undefined ? model.get(trait) : model.get(trait)[index]);
  const put = (value) => {
    const all = index === undefined ? value : model.get(trait).with(index, value);
    set(model, { [trait]: all });
  };
  const paint = colour === undefined ? "" : `c${colour}`;
  const range = h("input", {
    type: "range", min, max, step, class: paint, "aria-label": label, disabled: min === max ? "" : undefined,
    oninput: () => put(toValue(range.valueAsNumber)),
  });
  const readout = h("input", {
    type: "text", inputmode: "decimal", "aria-label": `${label}, value`, autocomplete: "off",
    onchange: () => {
      const text = readout.value.trim().replace("−", "-").replace(",", ".");
      const place = text === "" || Number.isNaN(Number(text)) ? NaN : toPlace(Number(text));
      if (!Number.isNaN(place)) put(toValue(Math.min(max, Math.max(min, place))));
      show(); // also when nothing was taken
    },
  });
  const show = () => {
    const value = get();
    range.value = toPlace(value);
    range.setAttribute("aria-valuetext", format(value));
    readout.value = format(value);
  };
  model.on(`change:${trait}`, show);
  show();
  return h("label", { class: "slider" }, h("span", {}, label), range, readout);
}

/** Buttons of which one is pressed: the choice that a trait names. options: value → text; index: as above. */
export function choice(model, trait, label, options, index) {
  const get = () => (index === undefined ? model.get(trait) : model.get(trait)[index]);
  const put = (value) =>
    set(model, { [trait]: index === undefined ? value : model.get(trait).with(index, value) });
  const buttons = Object.entries(options).map(([value, text]) =>
    h("button", { type: "button", onclick: () => put(value) }, text));
  const show = () => Object.keys(options).forEach((value, i) =>
    buttons[i].setAttribute("aria-pressed", get() === value));
  model.on(`change:${trait}`, show);
  show();
  return h("div", { class: "choice", role: "group", "aria-label": label },
    h("span", {}, label), ...buttons);
}

export function button(text, press) {
  return h("button", { type: "button", onclick: press }, text);
}

/** A line of text for the outcome, which a screen reader announces when it changes. */
export function result() {
  return h("p", { class: "result", role: "status" });
}

/** Elements side by side, or below each other where there is no room. */
export function row(...elements) {
  return h("div", { class: "row" }, ...elements);
}

// --- Pictures of pixels -------------------------------------------------------------------------

/** The pixels of C × H × W numbers in [0, 1], which are cut, into a canvas's image data. */
function paint(data, [C, H, W], numbers, offset = 0) {
  for (let i = 0; i < H * W; i++) {
    for (let c = 0; c < 3; c++) {
      data[4 * i + c] = 255 * numbers[offset + (C === 3 ? c * H * W : 0) + i]; // it rounds and cuts
    }
    data[4 * i + 3] = 255;
  }
}

/**
 * Pictures on a grid of rows and columns, with a rim of a pixel between them, as a canvas.
 *
 * Call `show(tiles)`, where tiles(i) gives the numbers of the i-th. label: what they are, for those who
 * do not see them; none for what is a part of another picture.
 */
export function tiled([C, H, W], rows, columns, label) {
  const canvas = h("canvas", { width: columns * (W + 1) - 1, height: rows * (H + 1) - 1,
    role: label && "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const data = context.createImageData(W, H);
  canvas.show = (tiles) => {
    for (let i = 0; i < rows * columns; i++) {
      paint(data.data, [C, H, W], tiles(i));
      context.putImageData(data, (i % columns) * (W + 1), Math.floor(i / columns) * (H + 1));
    }
    return canvas;
  };
  return canvas;
}

/**
 * A picture of C × H × W numbers, grey or red, green and blue, sharp at any enlargement.
 *
 * label: what it is, as caption and for those who do not see it. side: in CSS pixels.
 * Call `show(numbers)` with numbers in [0, 1], or beyond, which are cut, from `offset` on.
 */
export function picture([C, H, W], { label, side = 168, caption = true }) {
  const canvas = h("canvas", { width: W, height: H, role: "img", "aria-label": label });
  const unit = side / Math.max(H, W);
  canvas.style.width = `${unit * W}px`;
  const context = canvas.getContext("2d");
  const data = context.createImageData(W, H);
  const element = h("figure", {}, canvas, ...(caption ? [h("figcaption", {}, label)] : []));
  element.canvas = canvas;
  element.show = (numbers, offset = 0) => {
    paint(data.data, [C, H, W], numbers, offset);
    context.putImageData(data, 0, 0);
  };
  return element;
}

// --- Pictures of lines --------------------------------------------------------------------------

/** Round numbers between two others, about so many. */
export function ticks(low, high, about = 5) {
  const raw = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => +((first + i) * step).toPrecision(12));
}

/** The next round number above: the end of an axis. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7, 10].find((factor) => factor * power >= value * (1 - 1e-9)) * power;
}

/**
 * Axes in which lines, areas and points are drawn.
 *
 * x, y: ranges [low, high]; `range(x, y)` changes them. xLabel, yLabel: what they are.
 * xTicks, yTicks: [place, text], … in place of round numbers. left: pixels for the texts on the left.
 * square: as high as wide, on a phone too, in place of a height.
 * label: what the picture is, its caption; `describe(text)` says what is in it now.
 * onpoint: called with (x, y) of the axes where the reader presses and drags, by mouse or touch, and
 *     whether it is the press.
 * Marks are drawn anew each time: `clear()`, then `line`, `area`, `dots` and so on, back to front.
 */
export function plot({
  label, x, y, xLabel = "", yLabel = "", xTicks, yTicks, width = 320, height = 230, square = false, left = 44, onpoint,
}) {
  const [right, top, bottom] = [12, 10, 38];
  width = Math.min(width, window.innerWidth - 16); // on a phone narrower, with text as large as ever
  if (square) height = width - left - right + top + bottom;
  const frame = s("g", { class: "frame" });
  const marks = s("g");
  const clip = `clip-${plot.count = (plot.count ?? 0) + 1}-${Math.random().toString(36).slice(2)}`;
  const inside = s("rect", {
    x: left, y: top, width: width - left - right, height: height - top - bottom,
  });
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": label }, s("clipPath", { id: clip }, inside), marks, frame);
  const element = h("figure", {}, svg, h("figcaption", {}, label));

  const px = (value) => left + (value - x[0]) / (x[1] - x[0]) * (width - left - right);
  const py = (value) => height - bottom - (value - y[0]) / (y[1] - y[0]) * (height - top - bottom);
  const path = (xs, ys) => Array.from(xs, (value, i) =>
    `${i ? "L" : "M"}${px(value).toFixed(2)} ${Math.max(-1e4, Math.min(1e4, py(ys[i]))).toFixed(2)}`).join("");
  const add = (mark) => (marks.append(mark), mark);
  const clipped = { "clip-path": `url(#${clip})` };

  const axes = () => {
    const [x0, y0, x1, y1] = [left, height - bottom, width - right, top];
    frame.replaceChildren(s("path", { d: `M${x0} ${y1}V${y0}H${x1}` }),
      s("text", { x: (x0 + x1) / 2, y: height - 4, "text-anchor": "middle" }, xLabel),
      s("text", { x: 0, y: 0, "text-anchor": "middle",
        transform: `translate(11 ${(y0 + y1) / 2}) rotate(-90)` }, yLabel));
    for (const [tick, text] of xTicks ?? ticks(...x).map((place) => [place, tidy(place)])) {
      frame.append(s("path", { d: `M${px(tick)} ${y0}v4` }),
        s("text", { x: px(tick), y: y0 + 16, "text-anchor": "middle" }, text));
    }
    for (const [tick, text] of yTicks ?? ticks(...y, 4).map((place) => [place, tidy(place)])) {
      frame.append(s("path", { d: `M${x0} ${py(tick)}h-4` }),
        s("text", { x: x0 - 7, y: py(tick) + 4, "text-anchor": "end" }, text));
    }
  };
  axes();

  if (onpoint) {
    svg.classList.add("draggable");
    const point = (event, first) => {
      const box = svg.getBoundingClientRect();
      const u = (event.clientX - box.left) / box.width * width;
      const v = (event.clientY - box.top) / box.height * height;
      const within = (value, [low, high]) => Math.min(high, Math.max(low, value));
      onpoint(within(x[0] + (u - left) / (width - left - right) * (x[1] - x[0]), x),
        within(y[0] + (height - bottom - v) / (height - top - bottom) * (y[1] - y[0]), y), first);
    };
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      point(event, true);
    });
    svg.addEventListener("pointermove", (event) => {
      if (svg.hasPointerCapture(event.pointerId)) point(event, false);
    });
  }

  return Object.assign(element, {
    svg,
    range(newX, newY, labels = {}) {
      [x, y] = [newX, newY];
      ({ xLabel = xLabel, yLabel = yLabel } = labels);
      axes();
    },
    describe: (text) => svg.setAttribute("aria-label", `${label}: ${text}`),
    clear: () => marks.replaceChildren(),
    line: (xs, ys, { colour, dash, thin = false } = {}) => add(s("path", {
      d: path(xs, ys), class: `line ${thin ? "thin " : ""}${colour === undefined ? "plain" : `c${colour}`}`,
      "stroke-dasharray": dash, ...clipped })),
    area: (xs, ys, { colour, base = 0 }) => add(s("path", {
      d: `${path(xs, ys)}L${px(xs[xs.length - 1])} ${py(base)}L${px(xs[0])} ${py(base)}Z`,
      class: `area c${colour}`, ...clipped })),
    polygon: (corners, { colour }) => add(s("path", {
      d: `${path(corners.map(([a]) => a), corners.map(([, b]) => b))}Z`, class: `cell c${colour}` })),
    box: ([x0, x1], [y0, y1], { colour }) => add(s("rect", {
      x: px(x0), y: py(y1), width: Math.max(1, px(x1) - px(x0)), height: py(y0) - py(y1),
      class: `box c${colour}` })),
    // From each place to another, with a head where there is room for one.
    arrows(starts, ends, { colour, width = 1.2 }) {
      const d = starts.map(([a, b], i) => {
        const [x0, y0, x1, y1] = [px(a), py(b), px(ends[i][0]), py(ends[i][1])];
        const length = Math.hypot(x1 - x0, y1 - y0);
        const [u, v] = length < 5 ? [0, 0] : [5 * (x1 - x0) / length, 5 * (y1 - y0) / length];
        return `M${x0} ${y0}L${x1} ${y1}l${-u - v / 2} ${-v + u / 2}M${x1} ${y1}l${-u + v / 2} ${-v - u / 2}`;
      }).join("");
      return add(s("path", { d, class: `line c${colour}`, style: `stroke-width: ${width}px`, ...clipped }));
    },
    // Thousands of points are one path: strokes of length 0 with round ends.
    dots: (xs, ys, { colour, size = 4 } = {}) => add(s("path", {
      d: Array.from(xs, (value, i) => `M${px(value).toFixed(1)} ${py(ys[i]).toFixed(1)}h0`).join(""),
      class: `dots ${colour === undefined ? "plain" : `c${colour}`}`, "stroke-width": size,
      ...clipped })),
    // A canvas whose corners lie at these places.
    image: (canvas, [x0, x1], [y0, y1]) => add(s("image", { href: canvas.toDataURL(), x: px(x0),
      y: py(y1), width: px(x1) - px(x0), height: py(y0) - py(y1), preserveAspectRatio: "none" })),
    // A ring that can move without anything else being drawn anew.
    ring(a, b) {
      const ring = add(s("g", { class: "ring" }, s("circle", { r: 9 }), s("circle", { r: 9 })));
      ring.move = (u, v) => ring.setAttribute("transform", `translate(${px(u)} ${py(v)})`);
      ring.move(a, b);
      return ring;
    },
    mark: (a, b, { colour, open = false } = {}) => add(s("circle", { cx: px(a), cy: py(b), r: 6,
      class: `mark ${open ? "open " : ""}${colour === undefined ? "plain" : `c${colour}`}` })),
    // A code of a codebook: its number in a circle, struck through when no vector chooses it.
    code: (a, b, k, { chosen, dead }) => add(s("g", { class: `code${chosen ? " chosen" : ""}`,
      transform: `translate(${px(a)} ${py(b)})` }, s("circle", { r: chosen ? 12 : 10 }),
      ...dead ? [s("path", { d: "M-8 8L8 -8" })] : [], s("text", { y: 4, "text-anchor": "middle" }, `${k}`))),
    text: (a, b, text, { anchor = "middle", dy = 4, dx = 0, halo = true } = {}) => add(s("text", {
      x: px(a) + dx, y: py(b) + dy, "text-anchor": anchor, class: halo ? "halo" : "" }, text)),
  });
}

/** What the colours mean: [number, text], …; a number is that of a colour, "plain" no colour. */
export function legend(...entries) {
  return h("ul", { class: "legend" }, ...entries.map(([colour, text]) =>
    h("li", {}, h("i", { class: `swatch ${colour === "plain" ? "plain" : `c${colour}`}` }), text)));
}

/** A table of text; `fill(rows)` puts lists of cells below the head, the first of each a name. */
export function table(head) {
  const body = h("tbody");
  const element = h("table", {}, h("thead", {}, h("tr", {},
    ...head.map((cell) => cell ? h("th", { scope: "col" }, cell) : h("td")))), body);
  element.fill = (rows) => body.replaceChildren(...rows.map(([name, ...cells]) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", {}, cell)))));
  return element;
}
