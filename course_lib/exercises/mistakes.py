"""The usual mistakes in words, under the sentence that says where the course shows how it goes."""

from collections.abc import Callable

from course_lib.exercises.exercise import Mistake

DENSITIES = "Look at (KL.8) in chapter 5 and at where σ stands with a square."
RATIO = "Look at the first step of the derivation in chapter 5, (KL.8)."
TERMS = "Look at the second step of the derivation in chapter 5, (KL.9), and put it into (KL.8)."
SUM = "Look at the third step of the derivation in chapter 5, (KL.10)."
DIMENSIONS = "Look at the step from one dimension to d in chapter 5, (KL.11) and (KL.12)."
LOGVAR = "Look at (KL.12) in chapter 5; logvar is log σ²."
DIRECTION = "Look at which distribution the expectation is taken under in (KL.7) of chapter 5."
FITTING = "Look at forward and reverse fits in chapter 5, (KL.16)."
UNITS = "Look at nats and bits in chapter 5, (KL.4)."
NON_NEGATIVE = "Look at the proof in chapter 5 that no divergence is, (KL.5)."
GRADIENT = "Differentiate the terms of (KL.10) in chapter 5 one after the other."
DEFINITIONS = "Look at the definitions in chapter 5, (KL.1) to (KL.3)."
SPARSITY = "Look at the divergence between two coins in chapter 5, (KL.6)."
LIKELIHOOD = "Look at the negative log-likelihood of a normal in chapter 1, (AE.5)."
SPREAD = "Write down the mean and the variance of the decoded code wz."
ELBO = "Look at the derivation of the ELBO in the chapter on the VAE."

CATALOGUE = {
    DENSITIES: {
        "sigma-for-variance": "A standard deviation stands where the variance belongs.",
        "variance-for-sigma": "The variance was taken for σ and squared once more.",
    },
    RATIO: {
        "log-sigma-for-log-variance": "log σ stands for log σ²; the two differ by a factor of two.",
        "wrong-sign-of-log": "The logarithm has the wrong sign.",
        "dropped-log": "The logarithm was left out.",
    },
    TERMS: {
        "dropped-constant": "The constant is missing: equal distributions would not be at zero.",
        "dropped-moment": "The expectation of (z − μ)²/2σ² is missing.",
        "dropped-mean": "The difference of the means was left out.",
        "mean-not-squared": "The difference of the means was not squared.",
        "mean-not-divided": "The distance of the means was not divided by the second variance.",
        "wrong-variance-below": "The distance of the means was divided by the wrong variance.",
        "times-variance": "A squared distance was multiplied by the variance, not divided by it.",
    },
    SUM: {
        "lost-half": "A factor of one half is missing.",
        "kl-lost-half": "The divergence lacks its factor of one half.",
    },
    DIMENSIONS: {
        "mean-over-dimensions": "The dimensions were averaged; a divergence is a sum over them.",
        "constant-only-once": "The constant was subtracted once; every dimension has its own.",
        "latent-dimension-lost": "The divergence is a sum over the latent dimensions, not a mean.",
    },
    LOGVAR: {
        "logvar-as-sigma": "logvar was read as the standard deviation itself.",
        "logvar-as-log-sigma": "logvar was read as log σ; it is the logarithm of the variance.",
        "exp-of-half": "exp(logvar/2) is the standard deviation; the variance belongs here.",
        "wrong-sign-of-logvar": "The term without the exponential has the wrong sign.",
        "squared-logvar": "(log σ)² stands where log σ² belongs.",
    },
    DIRECTION: {
        "swapped-direction": "This is the other direction: the expectation is over the first one.",
        "kl-swapped": "The divergence inside was taken in the other direction.",
    },
    FITTING: {
        "gave-variance": "This is the variance, and the standard deviation was asked for.",
        "other-direction": "This minimises the divergence in the other direction.",
        "only-the-distance": "The width of the peaks was left out.",
        "standard-deviations-added": "Standard deviations were added; it is variances that add.",
        "mean-of-sigmas": "The standard deviations were averaged.",
        "geometric-mean": "This is the geometric mean of the two standard deviations.",
        "mean-of-precision-roots": "1/σ was averaged; the condition holds another power of σ.",
    },
    UNITS: {
        "bits-for-nats": "This is the value in bits, and nats were asked for.",
        "nats-for-bits": "This is the value in nats, and bits were asked for.",
        "times-log-2": "From nats to bits one divides by log 2; this was multiplied.",
        "log10": "This is the decimal logarithm; nats need the natural one.",
        "log10-for-log2": "This is the decimal logarithm; bits need the one to base two.",
    },
    NON_NEGATIVE: {
        "negative-divergence": "The sign is wrong: this divergence would be negative somewhere.",
    },
    GRADIENT: {
        "wrong-sign": "The sign is wrong.",
        "kept-the-two": "The two from the square and the one half before it cancel.",
        "not-divided": "The division by the variance of the second distribution is missing.",
        "divided-by-own-variance": "The division is by the variance of the first distribution.",
        "divided-by-sigma": "The division is by the standard deviation.",
        "derivative-by-variance": "This is the derivative by σ²; the one by σ was asked for.",
        "derivative-by-logvar": "This is the derivative by log σ²; the one by σ was asked for.",
        "derivative-by-sigma": "This is the derivative by σ; the one by logvar was asked for.",
        "derivative-of-log-lost": "The derivative of the logarithm is missing.",
    },
    DEFINITIONS: {
        "negative": "The minus sign before the sum is missing.",
        "unweighted": "The logarithms were added without the probabilities that weigh them.",
        "uniform-weights": "The logarithms got equal weights and not their probabilities.",
        "weights-of-second": "The logarithms were weighed with the second distribution.",
        "cross-entropy-given": "This is the cross-entropy; the entropy has still to be subtracted.",
        "entropy-given": "This is the entropy of the first distribution.",
        "divergence-given": "This is the divergence; the entropy has still to be added.",
        "absolute-values": "The terms were added without their signs; some are negative.",
    },
    SPARSITY: {
        "dropped-second-half": "The other outcome counts too, with its own probability.",
        "mean-over-units": "The units were averaged; the penalty is a sum over them.",
        "mean-activation-first": "The activations were averaged; each unit has its own term.",
        "wrong-sign-inside": "One of the two terms has the wrong sign.",
        "gradient-of-swapped": "This differentiates the divergence in the other direction.",
    },
    LIKELIHOOD: {
        "dropped-normaliser": "The term with log 2πσ² is missing.",
        "prior-variance-lost": "Only the noise of the decoder was counted; the code varies too.",
        "density-for-log": "This is the density, and its logarithm was asked for.",
        "dimension-lost": "The loss averages over the pixels; a likelihood adds them up.",
        "inverted": "This is one divided by what was asked for.",
        "weight-itself": "This is the weight in the code; the averages change its meaning.",
    },
    SPREAD: {
        "mean-decoded-only": "Only the mean of the code was decoded; its spread counts too.",
        "weight-not-squared": "The spread of the code is scaled by the weight squared.",
    },
    ELBO: {
        "plus-kl": "The divergence was added; the ELBO subtracts it.",
        "loss-for-elbo": "This is the negative of what was asked for.",
        "kl-to-prior": "The gap was measured to the prior and not to the true posterior.",
        "no-gap": "This is the log-evidence itself; the bound lies below it.",
    },
}
SENTENCES = {id: (says, see) for see, group in CATALOGUE.items() for id, says in group.items()}


def slips(wrong: dict[str, Callable[..., float]], see: str = "") -> tuple[Mistake, ...]:
    """Mistakes of the catalogue, each with the function that it amounts to.

    see: where to look, for an exercise that the pointers of the catalogue do not fit.
    """
    return tuple(
        Mistake(id, function, SENTENCES[id][0], see or SENTENCES[id][1])
        for id, function in wrong.items()
    )
