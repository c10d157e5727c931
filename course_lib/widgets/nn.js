// The layers of the course's models, for one input at a time. sent.py writes what is read here.

/** Numbers as they were sent, float16 or float32: {bytes} → Float32Array. */
export function numbers({ bytes: view, dtype = "float32" }) {
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  if (dtype === "float32") return new Float32Array(bytes);
  return Float32Array.from(new Uint16Array(bytes), (half) => {
    const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -24 * fraction;
  });
}

/** Bytes as they were sent: {bytes} → Uint8Array. */
export function bytes({ bytes: view }) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const each = (f) => (x) => x.map(f);
const sigmoid = (a) => 1 / (1 + Math.exp(-a));

/** Layers without weights: numbers → numbers. */
const ACTIVATIONS = {
  ReLU: each((a) => Math.max(0, a)),
  Sigmoid: each(sigmoid),
  SiLU: each((a) => a * sigmoid(a)),
  Tanh: each(Math.tanh),
  Exp: each(Math.exp),
  Softmax: softmax,
};

export function softmax(x) {
  const largest = x.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = x.map((a) => Math.exp(a - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((a) => a / sum);
}

/** y = Wx + b with W (m, n). */
function linear({ weight: W, bias: b }) {
  const [m, n] = [b.length, W.length / b.length];
  return (x) => {
    const y = new Float32Array(m);
    for (let i = 0; i < m; i++) {
      let sum = b[i];
      for (let j = 0; j < n; j++) sum += W[i * n + j] * x[j];
      y[i] = sum;
    }
    return y;
  };
}

/** A convolution, (I, H, W) → (O, H', W'), with a kernel (O, I, k, k). */
function convolution({ weight, bias, kernel: k, stride, padding, shape: [I, H, W], out: [O, P, Q] }) {
  return (x) => {
    const y = new Float32Array(O * P * Q);
    for (let o = 0; o < O; o++) {
      y.fill(bias[o], o * P * Q, (o + 1) * P * Q);
      for (let i = 0; i < I; i++) {
        for (let u = 0; u < k; u++) {
          for (let v = 0; v < k; v++) {
            const w = weight[((o * I + i) * k + u) * k + v];
            for (let p = 0; p < P; p++) {
              const row = p * stride + u - padding;
              if (row < 0 || row >= H) continue;
              for (let q = 0; q < Q; q++) {
                const column = q * stride + v - padding;
                if (column < 0 || column >= W) continue;
                y[(o * P + p) * Q + q] += w * x[(i * H + row) * W + column];
              }
            }
          }
        }
      }
    }
    return y;
  };
}

/** A transposed convolution, (I, H, W) → (O, H', W'), with a kernel (I, O, k, k). */
function transposed({ weight, bias, kernel: k, stride, padding, shape: [I, H, W], out: [O, P, Q] }) {
  return (x) => {
    const y = new Float32Array(O * P * Q);
    for (let o = 0; o < O; o++) {
      y.fill(bias[o], o * P * Q, (o + 1) * P * Q);
      for (let i = 0; i < I; i++) {
        for (let u = 0; u < k; u++) {
          for (let v = 0; v < k; v++) {
            const w = weight[((i * O + o) * k + u) * k + v];
            for (let r = 0; r < H; r++) {
              const p = r * stride + u - padding;
              if (p < 0 || p >= P) continue;
              for (let c = 0; c < W; c++) {
                const q = c * stride + v - padding;
                if (q < 0 || q >= Q) continue;
                y[(o * P + p) * Q + q] += w * x[(i * H + r) * W + c];
              }
            }
          }
        }
      }
    }
    return y;
  };
}

/** (C, H, W) → (H, W, C), or back: the places of a grid first or last. */
function transpose({ rows, columns }) {
  return (x) => {
    const y = new Float32Array(x.length);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) y[j * rows + i] = x[i * columns + j];
    }
    return y;
  };
}

const LAYERS = { Linear: linear, Conv2d: convolution, ConvTranspose2d: transposed,
  Transpose: transpose };

/**
 * A function numbers → numbers: the layers one after the other.
 *
 * network: {layers, dtype, bytes}; a layer names where its own numbers begin among all and how many
 * there are: {kind, weight: [offset, length], bias: [offset, length], …}.
 */
export function sequential(network) {
  const all = numbers(network);
  const own = ([offset, length]) => all.subarray(offset, offset + length);
  const steps = network.layers.map((layer) => {
    if (ACTIVATIONS[layer.kind]) return ACTIVATIONS[layer.kind];
    const weights = layer.weight ? { weight: own(layer.weight), bias: own(layer.bias) } : {};
    return LAYERS[layer.kind]({ ...layer, ...weights });
  });
  return (x) => steps.reduce((value, step) => step(value), Float32Array.from(x));
}

/** The numbers of the i-th of equal parts, such as one image of many or one row of a table. */
export function part(all, i, length) {
  return all.subarray(i * length, (i + 1) * length);
}
