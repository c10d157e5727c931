// How a student may spell what an answer holds. exercises/answers.py reads this table too: from the
// first brace to the last it is JSON.

export const SPELLINGS = {
  "characters": {
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "√": " sqrt ", "₀": "0", "₁": "1", "₂": "2", "₃": "3", "₄": "4",
    "\u00a0": " ", "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u200e": "", "\u200f": "", "\u2060": "", "\ufeff": "",
    "α": " alpha ", "β": " beta ", "γ": " gamma ", "δ": " delta ", "ε": " epsilon ", "ϵ": " epsilon ",
    "ζ": " zeta ", "η": " eta ", "θ": " theta ", "κ": " kappa ", "λ": " lambda ", "μ": " mu ",
    "µ": " mu ", "ν": " nu ", "ξ": " xi ", "π": " pi ", "ρ": " rho ", "σ": " sigma ", "τ": " tau ",
    "φ": " phi ", "ϕ": " phi ", "χ": " chi ", "ψ": " psi ", "ω": " omega "
  },
  "fractions": { "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8" },
  "superscripts": {
    "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9",
    "⁻": "-"
  },
  "quotes": "\"'`“”„‘’‚«»",
  "modules": ["np", "numpy", "math", "torch"],
  "wrappers": ["np.float64", "np.float32", "tensor", "torch.tensor"],
  "units": { "nats": ["nats", "nat", "Nats", "Nat"], "bits": ["bits", "bit", "Bits", "Bit"] },
  "advice": {
    ",": "Write a decimal point, as in 2.5, and no comma.",
    "%": "Write a fraction instead of a percentage, as in 0.05 for 5 percent.",
    "=": "Give the expression alone, without an equals sign.",
    "{": "Nothing in braces is worked out here: type the number itself, or the formula.",
    "}": "Nothing in braces is worked out here: type the number itself, or the formula."
  }
};
