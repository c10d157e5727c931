import {
  button, fixed, follow, gaussian, h, linspace, picture, plot, result, row, set, slider, tiled, widget,
} from "./draw.js";
import { bytes, numbers, part, sequential } from "./nn.js";

const SMOOTHING = 1e-5; // ε of Laplace
const SHOWN = 14; // images and their reconstructions below

/** kᵢ = argminₖ ‖z_eᵢ − eₖ‖, the first of the nearest  (VQ.2). */
export function nearest(vectors, codebook) {
  return vectors.map(([x, y]) => {
    let [best, least] = [0, Infinity];
    codebook.forEach(([a, b], k) => {
      const distance = (x - a) ** 2 + (y - b) ** 2;
      if (distance < least) [best, least] = [k, distance];
    });
    return best;
  });
}

/**
 * Moving averages and codes after one batch  (VQ.11, VQ.12), as VectorQuantizer takes a step.
 *
 * averages: {codebook, count, sum}. Codes without a vector stay.
 */
export function step({ codebook, count, sum }, vectors, gamma) {
  const K = codebook.length;
  const [n, total] = [Array(K).fill(0), Array.from({ length: K }, () => [0, 0])];
  nearest(vectors, codebook).forEach((k, i) => {
    n[k] += 1;
    total[k] = [total[k][0] + vectors[i][0], total[k][1] + vectors[i][1]];
  });
  const mix = (old, fresh) => gamma * old + (1 - gamma) * fresh;
  const N = count.map((value, k) => mix(value, n[k]));
  const m = sum.map((value, k) => [0, 1].map((j) => mix(value[j], total[k][j])));
  const all = N.reduce((a, b) => a + b, 0);
  const smoothed = N.map((value) => (value + SMOOTHING) * all / (all + K * SMOOTHING));
  return { count: N, sum: m,
    codebook: codebook.map((e, k) => n[k] > 0 ? [m[k][0] / smoothed[k], m[k][1] / smoothed[k]] : e) };
}

/** Codes used less than a share of the mean use go to vectors, with the mean count. */
export function revived({ codebook, count, sum }, vectors, share) {
  const mean = count.reduce((a, b) => a + b, 0) / count.length;
  const fresh = vectors.length / count.length;
  const placed = { codebook: [...codebook], count: [...count], sum: [...sum] };
  count.forEach((value, k) => {
    if (value >= share * mean) return;
    const to = vectors[Math.floor(Math.random() * vectors.length)];
    [placed.codebook[k], placed.count[k], placed.sum[k]] = [to, fresh, to.map((x) => x * fresh)];
  });
  return placed;
}

/** exp of the entropy of the codes' shares. */
export function perplexity(shares) {
  return Math.exp(-shares.reduce((sum, p) => p > 0 ? sum + p * Math.log(p) : sum, 0));
}

/** A share as text, in which only a code without vectors has 0 %. */
function share(p) {
  return p > 0 && p < 0.005 ? "< 1 %" : `${fixed(100 * p, 0)} %`;
}

/** The part of a rectangle that is nearer to code k than to any other: corners in order. */
export function cell(codebook, k, [x0, x1], [y0, y1]) {
  const [a, b] = codebook[k];
  let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  codebook.forEach(([c, d], other) => {
    if (other === k || (a === c && b === d)) return;
    const beyond = ([x, y]) => (x - (a + c) / 2) * (c - a) + (y - (b + d) / 2) * (d - b);
    corners = corners.flatMap((corner, i) => {
      const next = corners[(i + 1) % corners.length];
      const [from, to] = [beyond(corner), beyond(next)];
      const kept = from <= 0 ? [corner] : [];
      if ((from < 0 && to > 0) || (from > 0 && to < 0)) {
        const t = from / (from - to);
        kept.push(corner.map((value, j) => value + t * (next[j] - value)));
      }
      return kept;
    });
  });
  return corners;
}

export default widget((model) => {
  const flat = numbers(model.get("vectors"));
  const vectors = Array.from({ length: flat.length / 2 }, (_, i) => [...part(flat, i, 2)]);
  const [xEnds, yEnds] = model.get("ends");
  const decode = model.get("network").layers && sequential(model.get("network")); // with a model alone

  // What the codes are averages of is known here alone; codes set from elsewhere lie where they are put.
  let own = { codebook: null };
  const averages = () => {
    const [codebook, count] = [model.get("codebook"), model.get("count")];
    if (codebook !== own.codebook) own = { codebook, count, sum: codebook.map((e, k) => e.map((x) => x * count[k])) };
    return own;
  };
  const put = (next, steps) => {
    own = next;
    set(model, { before: steps ? model.get("codebook") : next.codebook, count: next.count,
      codebook: next.codebook, steps });
  };
  const step_once = () => {
    const next = step(averages(), vectors, model.get("gamma"));
    put(revived(next, vectors, model.get("revive_below")), model.get("steps") + 1);
  };
  const fresh = () => {
    const K = model.get("K");
    const codebook = Array.from({ length: K }, () => model.get("initial") === "normal"
      ? [gaussian(), gaussian()] : vectors[Math.floor(Math.random() * vectors.length)]);
    const count = Array(K).fill(model.get("initial") === "normal" ? 1 : vectors.length / K);
    set(model, { code: Math.min(model.get("code"), K - 1) });
    put({ codebook, count, sum: codebook.map((e, k) => e.map((x) => x * count[k])) }, 0);
  };
  const move = (place) => {
    const [k, { codebook, count, sum }] = [model.get("code"), averages()];
    put({ codebook: codebook.with(k, place), count, sum: sum.with(k, place.map((x) => x * count[k])) }, model.get("steps"));
    set(model, { before: own.codebook }); // nobody's step
  };
  model.on("change:K", () => model.get("codebook").length !== model.get("K") && fresh());
  const same = ([a, b], [c, d]) => Math.abs(a - c) + Math.abs(b - d) < 1e-9;
  const follow_code = () => {
    const [K, code] = [model.get("codebook").length, model.get("code")];
    if (code >= K) return set(model, { code: K - 1 }); // the slider goes on to the largest K
    const place = model.get("codebook")[code];
    if (place && !same(place, model.get("place"))) set(model, { place });
  };
  model.on("change:code", follow_code);
  model.on("change:codebook", follow_code);
  model.on("change:place", () => {
    if (!same(model.get("place"), model.get("codebook")[model.get("code")])) move(model.get("place"));
  });

  const plane = plot({
    label: "vectors, codes and their cells; drag a code", x: xEnds, y: yEnds, width: 400, square: true,
    onpoint: (x, y, first) => first ? set(model, { code: nearest([[x, y]], model.get("codebook"))[0] })
      : set(model, { place: [x, y] }),
  });
  const tiles = h("div", { class: "tiles" });
  const said = result();

  const { shape: [n = 0, ...shape] = [] } = model.get("images");
  const size = shape.reduce((a, b) => a * b, 1);
  const per = n && vectors.length / n; // tokens of an image
  const decoded = (tokens) => decode(tokens.flatMap((k) => model.get("codebook")[k]));
  const strips = n ? ["image", "rebuilt"].map((label) => {
    const strip = tiled(shape, 1, Math.min(n, SHOWN), label);
    strip.style.width = `${Math.min(n, SHOWN) * 48}px`;
    return strip;
  }) : [];
  if (n) {
    const pixels = bytes(model.get("images"));
    strips[0].show((i) => Float32Array.from(part(pixels, i, size), (byte) => byte / 255));
  }

  follow(model, ["codebook", "code", "steps"], () => {
    const [codebook, before, chosen] = ["codebook", "before", "code"].map((name) => model.get(name));
    const indices = nearest(vectors, codebook);
    const shares = codebook.map((_, k) => indices.filter((i) => i === k).length / vectors.length);
    plane.clear();
    codebook.forEach((_, k) => plane.polygon(cell(codebook, k, xEnds, yEnds), { colour: k % 10 }));
    for (let colour = 0; colour < 10; colour++) {
      const mine = vectors.filter((_, i) => indices[i] % 10 === colour);
      plane.dots(mine.map(([x]) => x), mine.map(([, y]) => y), { colour, size: 4 });
    }
    const drawn = [...codebook.keys()].filter((k) => k !== chosen);
    for (const k of [...drawn, chosen]) { // the chosen one on top
      const [x, y] = codebook[k];
      if (before[k]) plane.line([before[k][0], x], [before[k][1], y]);
      plane.code(x, y, k, { chosen: k === chosen, dead: shares[k] === 0 });
    }
    tiles.replaceChildren(...codebook.map((_, k) => {
      const look = decode ? picture(shape, { label: `what code ${k} decodes to`, side: 46, caption: false })
        : h("div", { class: "block" });
      if (decode) look.show(decoded(Array(per).fill(k)));
      return h("figure", { class: `c${k % 10}` }, look, h("figcaption", {}, `${k}: ${share(shares[k])}`));
    }));
    if (n) strips[1].show((i) => decoded(indices.slice(i * per, (i + 1) * per)));
    const error = indices.reduce((sum, k, i) => sum + vectors[i].reduce((far, x, j) => far + (x - codebook[k][j]) ** 2, 0), 0);
    said.textContent = `steps: ${model.get("steps")}; in use: ${shares.filter((p) => p > 0).length} of ${codebook.length} ` +
      `codes; perplexity ${fixed(perplexity(shares))}; mean of ‖z_e − e‖²: ${fixed(error / vectors.length, 4)}`;
  });
  const along = (label, index, [min, max]) => slider(model, "place",
    { label, index, min, max, step: (max - min) / 100, format: (value) => fixed(value) });
  const code = slider(model, "code", { label: "code", places: linspace(0, model.get("most") - 1, model.get("most")) });
  return [
    row(slider(model, "K", { label: "K", min: 2, max: model.get("most"), step: 1 }),
      slider(model, "gamma", { label: "γ", step: 0.01 })),
    row(button("one EMA step", step_once), button("new codes", fresh)),
    row(code, along("x", 0, xEnds), along("y", 1, yEnds)), said,
    row(plane, h("div", { class: "shares" }, h("p", { class: "note" }, "share of the vectors"), tiles)),
    ...n ? [h("div", { class: "rows two" }, h("span", {}, "image"), strips[0], h("span", {}, "rebuilt"), strips[1])] : [],
  ];
});
