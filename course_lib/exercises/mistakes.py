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
FITTING = "Look at forward and reverse fits in chapter 5, (KL.13)."
UNITS = "Look at nats and bits in chapter 5, (KL.4)."
WEIGHT = "Look at the question again: what is asked for holds λ."
SQUARES = "Write a negative number in parentheses before you square it."
NON_NEGATIVE = "Look at the proof in chapter 5 that no divergence is, (KL.5)."
GRADIENT = "Differentiate the terms of (KL.10) in chapter 5 one after the other."
DEFINITIONS = "Look at the definitions in chapter 5, (KL.1) to (KL.3)."
CLEAN_TARGET = "Look at the loss of a denoising autoencoder in chapter 2, (DAE.4)."
DENOISER = "Look at the best denoiser of a normal in chapter 2, (DAE.6)."
SCORE = "Look at the score that a denoiser estimates in chapter 2, (DAE.6) and (DAE.8)."
SPARSITY = "Look at mean activations and their penalty in chapter 3, (SAE.2) and (SAE.3)."
SPARSITY_SLOPE = "Look at the slope of the penalty in chapter 3, (SAE.4)."
LIFETIME = "Look at lifetime and population sparsity in chapter 3, (SAE.7)."
LOCALISATION = "Look at the participation ratio in chapter 3, (SAE.5)."
CLOSED_FORM = "Look at the closed form for a sigmoid layer in chapter 4, (CAE.2) to (CAE.4)."
HUTCHINSON = "Look at Hutchinson's estimate in chapter 4, (CAE.5)."
SHIFT = "Look at the code under small noise in chapter 4, (CAE.6)."
LOOPHOLE = "Look at how the penalty can be escaped in chapter 4, (CAE.7)."
LINEAR_MODEL = "Look at the evidence of a linear model in chapter 6, (ELBO.15)."
LIKELIHOOD = (
    "Look at the negative log-likelihood of a normal in the laboratory of chapter 1, (AE.6)."
)
SPREAD = "Write down the mean and the variance of the decoded code wz."
NOISE = "Look at (VAE.3) in chapter 7; logvar is log σ²."
SCORE_FUNCTION = "Look at the score function in the laboratory of chapter 7, (VAE.9)."
BATCH = "Look at the loss in chapter 7, (VAE.2): one divergence per image, then the mean."
DERIVATION = "Look at the derivation of the ELBO in chapter 6, (ELBO.5) to (ELBO.8)."
ELBO = "Look at the ELBO and the gap above it in chapter 6, (ELBO.8) and (ELBO.11)."
BETA_LOSS = "Look at the loss of a β-VAE in chapter 8, (BVAE.3)."
BUDGET = "Look at the constrained problem in chapter 8, (BVAE.1) and (BVAE.2)."
MULTIPLIER = "Look at the multiplier that is learned in chapter 8, (BVAE.8)."
CAPACITY = "Look at the loss with a capacity in chapter 8, (BVAE.6)."
LINEAR_RATE = "Look at the linear β-VAE in chapter 8, (BVAE.9) and (BVAE.10)."
KL_PARTS = "Look at the parts of the divergence in chapter 8, (BVAE.12)."
TC_LOSS = "Look at the loss of a β-TCVAE in chapter 8, (BVAE.13)."
STRATA = "Look at the stratified weights in chapter 8, (BVAE.14)."
GAP = "Look at the mutual information gap in chapter 8, (BVAE.7)."
COMPLETENESS = "Look at DCI in chapter 8, (BVAE.15)."
SAP = "Look at SAP in chapter 8, (BVAE.16)."
LOOKUP = "Look at the lookup in chapter 9, (VQ.2) and (VQ.3)."
SURROGATE = "Look at the straight-through estimator in chapter 9, (VQ.4)."
STOPS = "Look at where the gradient is stopped in chapter 9, (VQ.5) and (VQ.6)."
VQ_LOSS = "Look at the loss of a VQ-VAE in chapter 9, (VQ.7)."
AVERAGES = "Look at the moving averages in the laboratory of chapter 9, (VQ.11) and (VQ.12)."
PERPLEXITY = "Look at the perplexity of a codebook in chapter 9, (VQ.8)."
TOKENS = "Look at the prior over tokens in chapter 9, (VQ.10)."
RATE = "Look at the rate of a grid of tokens in chapter 9, (VQ.9)."
VQ_ELBO = "Look at the ELBO of a VQ-VAE in the laboratory of chapter 9, (VQ.14)."
REACH = "Look at what a masked convolution sees in chapter 11, at (COL.1)."
CHAIN = "Look at the chain of probabilities in chapter 11, (COL.1)."
BITS_BACK = "Look at the three parts of −ELBO in chapter 11, (COL.2) and (COL.3)."
LEAST_RATE = "Look at what telling costs at least in chapter 11, (COL.4)."
FREE_NATS = "Look at free bits in chapter 11, (COL.6)."
CYCLE = "Look at annealing in cycles in the laboratory of chapter 11, (COL.8)."
DELTA = "Look at the prior that no encoder matches in the laboratory of chapter 11, (COL.7)."

CATALOGUE = {
    CLEAN_TARGET: {
        "noisy-target": "The reconstruction was compared with the corrupted image.",
        "doing-nothing": "This is the error of the corrupted image, before any reconstruction.",
        "only-corrupted-pixels": "Only the corrupted pixel was counted; the others count too.",
        "mean-over-pixels": "The pixels were averaged; the loss is a sum over them.",
        "not-squared": "The terms were added without being squared.",
        "sum-then-square": "The terms were added first and squared afterwards.",
        "extra-half": "There is a factor of one half too many.",
        "root-given": "This is the root of what was asked for.",
    },
    DENOISER: {
        "weights-swapped": "The weights changed places: more noise would mean more trust in x̃.",
        "ratio-for-share": "The weight of x̃ is the ratio of two variances; it can exceed one.",
        "mean-ignored": "The mean of the clean values was taken as zero.",
        "corrupted-given": "This is x̃ itself, as if nothing were known about x.",
        "prior-mean-given": "This is the mean of x, as if x̃ said nothing.",
        "halfway": "Mean and corrupted value got equal weights, whatever the noise.",
    },
    SCORE: {
        "times-noise-variance": "The difference was multiplied by the variance of the noise.",
        "step-given": "This is the step that the denoiser makes; it was not divided by anything.",
        "corrupted-not-subtracted": "The corrupted value was not subtracted.",
        "denoiser-left-out": "The denoiser's answer was left out.",
        "noise-forgotten": "This belongs to the clean value; the noise was left out.",
        "noise-alone": "Only the variance of the noise was counted; the clean value varies too.",
        "denoiser-given": "This is the denoiser's answer, and the score was asked for.",
    },
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
    WEIGHT: {
        "weight-left-out": "The weight λ was left out.",
    },
    SQUARES: {
        "square-of-negative": "A square came out negative: −2**2 is −(2**2), and (−2)**2 is meant.",
    },
    NON_NEGATIVE: {
        "negative-divergence": "The sign is wrong: this divergence would be negative somewhere.",
    },
    GRADIENT: {
        "wrong-sign": "The sign is wrong.",
        "halved": "The two from the square cancels the one half before it; the half was kept.",
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
        "variance-divides": "σ² divides inside the logarithm; a wider normal has more entropy.",
        "absolute-values": "The terms were added without their signs; some are negative.",
    },
    SPARSITY: {
        "dropped-second-half": "The other outcome counts too, with its own probability.",
        "mean-over-units": "The units were averaged; the penalty is a sum over them.",
        "mean-activation-first": "The activations were averaged; each unit has its own term.",
        "wrong-sign-inside": "One of the two terms has the wrong sign.",
        "penalty-per-image": "Each single activation was compared with the target.",
        "averaged-over-units": "The average was taken over the units of each image.",
        "squared-distance": "This is a squared distance to the target and no divergence.",
    },
    SPARSITY_SLOPE: {
        "gradient-of-swapped": "This differentiates the divergence in the other direction.",
    },
    LIFETIME: {
        "population-for-lifetime": "This counts units for one image, not images for one unit.",
        "whole-table": "This is the share among all units and images.",
        "count-for-share": "This is a number of cases, and their share was asked for.",
        "inactive-share": "The cases in which the unit is not active were counted.",
        "divided-by-units": "The division is by the number of units.",
    },
    LOCALISATION: {
        "above-not-squared": "The sum above the line was not squared.",
        "half-the-powers": "Absolute values and squares stand where higher powers belong.",
        "counted-weights": "This counts the weights that are not zero, however small they are.",
        "compared-with-largest": "The sum was divided by the largest of its terms.",
    },
    CLOSED_FORM: {
        "mean-over-entries": "The entries were averaged; the squared norm is a sum over them.",
        "slope-not-squared": "The derivative of the sigmoid was not squared.",
        "weights-not-squared": "The weights were not squared.",
        "slope-forgotten": "The derivative of the sigmoid was left out.",
        "activation-for-slope": "The activation stands where the derivative belongs.",
        "slope-of-tanh": "This holds the derivative of tanh; the units are sigmoids.",
    },
    HUTCHINSON: {
        "probe-on-the-right": "The probe was put on the pixels, as Jv; it belongs to the units.",
        "exact-given": "This is the exact squared norm; one probe gives an estimate of it.",
        "signs-ignored": "The rows were added without the signs of the probe.",
        "averaged-over-the-probe": "This was divided by the length of the probe.",
    },
    SHIFT: {
        "two-noisy-codes": "This is the distance of two noisy codes; one of the two is clean.",
        "times-pixels": "This was multiplied by the number of pixels; the norm adds them up.",
        "divided-by-pixels": "This was divided by the number of pixels.",
        "penalty-squared-again": "The norm was squared a second time.",
    },
    LOOPHOLE: {
        "penalty-unchanged": "Only the reconstruction stays as it is; the encoder has changed.",
        "scale-not-squared": "The scale was not squared.",
        "scale-doubled": "The penalty was multiplied by twice the scale.",
        "divided-by-scale": "The penalty was divided by the scale, as the decoder's weights are.",
        "divided-by-square": "This is how the squared norm of the decoder's Jacobian changes.",
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
    NOISE: {
        "noise-times-variance": "The noise was multiplied by the variance.",
        "noise-not-scaled": "The noise was added as it is; σ scales it.",
        "noise-left-out": "This is the mean of the code; the noise was left out.",
        "mean-left-out": "This is the scaled noise alone; it is added to the mean.",
        "noise-subtracted": "The noise has the wrong sign.",
    },
    SCORE_FUNCTION: {
        "path-given": "This is the gradient along the path of the draw; the score was asked for.",
        "baseline-forgotten": "The baseline was not subtracted.",
        "baseline-added": "The baseline was added; it is subtracted.",
        "value-forgotten": "This is the score alone; it was not multiplied by any value of f.",
    },
    BATCH: {
        "summed-over-batch": "The images were added up; the loss is a mean over them.",
        "the-wrong-way-round": "The images were added and the dimensions averaged: reversed.",
        "first-image-only": "Only the first image was counted.",
    },
    BETA_LOSS: {
        "beta-ignored": "Nothing was weighted with β.",
        "beta-on-reconstruction": "β stands on the reconstruction; it weighs the divergence.",
        "beta-on-both": "β multiplies the whole loss; it weighs the divergence alone.",
        "beta-per-pixel": "The divergence was divided by the number of pixels.",
        "beta-times-pixels": "The divergence was multiplied by the number of pixels.",
        "reconstruction-per-pixel": "The reconstruction was averaged; it is a sum over pixels.",
        "objective-for-loss": "This is the objective to be maximised; a loss is its negative.",
        "minus-kl": "The divergence was subtracted; it adds to a reconstruction error.",
    },
    MULTIPLIER: {
        "excess-reversed": "The direction is wrong: a larger β makes the KL smaller.",
        "excess-not-relative": "The excess was not divided by the budget.",
        "excess-over-kl": "The excess was divided by the KL; it is a share of the budget.",
        "budget-not-subtracted": "The budget was not subtracted from the KL.",
        "rate-forgotten": "The rate η was left out.",
        "step-added": "The step was added to β; it is added to the logarithm of β.",
        "exponential-forgotten": "β was multiplied by 1 plus the step, not by its exponential.",
    },
    CAPACITY: {
        "sign-of-the-distance-kept": "The difference kept its sign: a KL below C was rewarded.",
        "one-sided": "A KL below the capacity was taken as free; it costs as much as one above.",
        "distance-squared": "The distance was squared; it counts as it is.",
        "capacity-forgotten": "The capacity was not subtracted from the KL.",
        "kl-counted-too": "The KL itself was added as well; only its distance from C counts.",
        "distance-not-weighted": "The distance was not weighted with γ.",
    },
    LINEAR_RATE: {
        "beta-left-out": "β was left out.",
        "decoder-variance-left-out": "The variance of the decoder was left out.",
        "times-decoder-variance": "The variance of the decoder stands on the wrong side.",
        "divided-by-beta": "β stands on the wrong side of the fraction.",
        "inactive-counted": "A component below the level counts as zero; it was counted negative.",
        "one-added": "A one was added inside the logarithm: that is the capacity of a channel.",
        "inactive-for-active": "These are the dimensions that are not used.",
        "distortion-given": "This is the distortion, and the rate was asked for.",
        "exponent-halved": "There is a factor of two missing in the exponent.",
        "exponent-reversed": "The exponent has the wrong sign: more budget means a smaller β.",
        "budget-in-bits": "The budget was read as bits; it is given in nats.",
    },
    KL_PARTS: {
        "correlation-not-squared": "The correlation was not squared.",
        "square-added": "The squared correlation has the wrong sign inside the logarithm.",
        "squared-correlation-given": "This is the squared correlation, a share of a variance.",
        "scales-counted": "The standard deviations were counted; here they cancel.",
    },
    TC_LOSS: {
        "beta-on-the-whole": "β weighs the whole divergence, as in a β-VAE.",
        "total-correlation-twice": "The total correlation is in the KL already: it counts twice.",
        "beta-on-information": "β weighs the mutual information; another part is meant.",
        "beta-on-marginals": "β weighs the divergences of the single dimensions.",
        "other-parts-lost": "The other two parts of the divergence were left out.",
        "marginals-not-taken-out": "The divergences of the single dimensions were weighted too.",
    },
    STRATA: {
        "weight-of-itself": "This is the weight of one image if all of them were there.",
        "batch-for-data-set": "The batch was taken for the whole data set.",
        "own-share-not-taken-out": "The rest shares everything, and the image has a share itself.",
        "shared-among-all": "The share of the others was divided by the whole batch.",
        "uneven-weight": "Chen et al. give this weight to one of the others, and more to the rest.",
        "naive-weight": "This weight makes the sum much too small: it is divided twice.",
    },
    GAP: {
        "gap-not-divided": "The gap was not divided by the entropy of the factor.",
        "best-alone": "This counts the best dimension alone; the next has to be subtracted.",
        "mean-subtracted": "The mean of the others was subtracted; it is the next best that counts.",
        "smallest-subtracted": "The smallest was subtracted; it is the next best that counts.",
        "divided-by-log-bins": "The division is by the entropy of the bins, not of the factor.",
        "divided-by-best": "The gap was divided by the best dimension's information.",
        "divided-by-values": "The gap was divided by a number of values, not by their entropy.",
        "units-mixed": "Nats and bits were mixed; both logarithms need the same base.",
        "gap-between-factors": "This is the gap between two factors for one dimension.",
    },
    COMPLETENESS: {
        "entropy-not-divided": "The entropy was not divided by the largest that it can have.",
        "spread-for-certainty": "This is large when the dimension serves all factors alike.",
        "dimensions-for-factors": "The shares belong to factors; their number counts, not d.",
        "largest-share": "This is the largest share; all of them count, by an entropy.",
        "gap-of-shares": "This is a gap between shares, as in MIG; here an entropy counts.",
    },
    SAP: {
        "correlations-not-squared": "The correlations were not squared.",
        "signs-kept": "The correlations were ranked with their signs; −0.9 predicts as well as 0.9.",
        "difference-squared": "The difference was squared; each correlation has its own square.",
        "root-of-the-gap": "This is the root of what was asked for.",
    },
    LOOKUP: {
        "largest-product": "The largest inner product was taken; long codes win it from afar.",
        "first-coordinate-only": "Only the first coordinate was compared.",
        "farthest": "This is the squared distance of the farthest code.",
        "index-given": "This is the number of the nearest code; its squared distance was asked for.",
    },
    VQ_LOSS: {
        "commitment-left-out": "The commitment was left out.",
        "codebook-left-out": "The codebook term was left out; the codes learn by gradient here.",
        "weight-on-both": "The weight stands on both terms; it belongs to the commitment.",
        "commitment-not-weighted": "The commitment was not weighted.",
        "norms-not-squared": "The distances were not squared.",
        "mean-over-tokens": "The tokens were averaged; the loss is a sum over them.",
        "first-token-only": "Only the first token was counted.",
        "reconstruction-left-out": "The reconstruction was left out.",
    },
    STOPS: {
        "codebook-term-on-encoder": "The codebook term pulls here: the stopped gradients are swapped.",
        "nothing-stopped": "Both terms pull here; one of them is stopped before it arrives.",
        "true-derivative": "The gradient of the reconstruction was left out, as if not copied.",
        "commitment-pulls-nothing": "The commitment was left out; it is what pulls z_e to its code.",
        "difference-reversed": "The difference has the wrong sign: it would push apart.",
        "square-lost-two": "The derivative of a square has a factor of two.",
        "after-straight-through": "The two terms were computed from z_q, after the step (VQ.4).",
        "commitment-weight-on-code": "The commitment pulls here: the stopped gradients are swapped.",
        "reconstruction-reaches-code": "The gradient of the reconstruction passes the code by.",
        "commitment-reaches-code": "The commitment was added; its gradient is stopped at the code.",
        "averaged-over-vectors": "The vectors were averaged; each has its own term in the sum.",
    },
    AVERAGES: {
        "decay-swapped": "γ and 1 − γ changed places.",
        "batch-mean-given": "This is the mean of the batch, without what was there before.",
        "codes-averaged": "Old code and batch mean were averaged; it is counts and sums that are.",
        "count-without-decay": "The new vectors were added to the count without any decay.",
        "count-unchanged": "The count was not updated; only the sum was.",
        "decay-forgotten": "γ was left out: all vectors ever seen count alike.",
        "batch-mean-in-sum": "The mean of the batch went into the sum; its sum belongs there.",
    },
    PERPLEXITY: {
        "entropy-for-perplexity": "This is the entropy in nats; the perplexity is a number of codes.",
        "entropy-in-bits": "This is the entropy in bits; the perplexity is a number of codes.",
        "two-to-the-nats": "Two was raised to an entropy in nats; the base must fit the unit.",
        "e-to-the-bits": "e was raised to an entropy in bits; the base must fit the unit.",
        "collision-number": "This is one divided by the sum of the squared shares.",
        "codes-in-use": "This counts the codes in use, however seldom they are.",
        "size-of-the-codebook": "This is the size of the codebook, whatever is in use.",
        "share-of-the-codebook": "This is a share of the codebook; a number of codes was asked for.",
    },
    RATE: {
        "one-token": "This is the cost of one token.",
        "tokens-and-codes-swapped": "Number of tokens and size of the codebook changed places.",
        "values-counted": "The sizes were multiplied; a token is worth a logarithm.",
        "vectors-sent": "Each number of the vectors was paid for; both sides know the codebook.",
        "one-side-only": "Only one side of the grid was counted.",
        "uniform-rate": "This is what a uniform prior pays; the codes are not used equally often.",
        "perplexity-per-token": "The perplexity was paid for each token; its logarithm is due.",
    },
    TOKENS: {
        "probability-given": "This is the probability of the tokens; its −log is due.",
        "bits-per-token": "This is the mean per token.",
        "last-token-only": "This is the cost of the last token; the ones before it cost too.",
        "probabilities-averaged": "The probabilities were averaged; they multiply.",
        "log-probability": "This is the logarithm of the probability; a length is its negative.",
    },
    VQ_ELBO: {
        "prior-as-reward": "The cost of the tokens was added; the ELBO subtracts it.",
        "bits-in-nats": "The cost is in bits and the likelihood in nats.",
        "one-token-paid": "Only one token was paid for.",
        "tokens-free": "The tokens were taken as free, since q is certain of them.",
        "roles-of-sizes-swapped": "T log K stands the other way round.",
    },
    REACH: {
        "one-layer-counted": "This is what one layer sees; the next sees what it has seen.",
        "reaches-and-layers-added": "Reach and number of layers were added.",
        "whole-kernels-counted": "Whole kernels were counted; of each only the rows above are seen.",
        "first-layer-left-out": "One layer is missing.",
    },
    CHAIN: {
        "all-pixels-taken-for-ones": "Every pixel was taken for a 1.",
        "pixels-turned": "Black and white changed places.",
        "mean-of-the-chain": "The pixels were averaged; their logarithms add up.",
        "bits-of-the-chain": "This is in bits, and nats were asked for.",
        "last-pixel-alone": "This is the cost of the last pixel; all count.",
        "ones-alone": "The pixels that are 0 were left out; they cost, too.",
        "log-probability-of-the-chain": "This is the log-likelihood; its negative is asked for.",
    },
    BITS_BACK: {
        "gap-forgotten": "The gap of the encoder was left out.",
        "gap-added": "The gap has the wrong sign.",
        "entropy-forgotten": "The entropy of the data was left out.",
        "entropy-added": "The entropy has the wrong sign.",
        "sign-of-the-loss": "Everything has the wrong sign; a divergence is not negative.",
        "code-taken-as-free": "The code was taken as free because nobody listens.",
        "code-as-a-gain": "The divergence was subtracted; it is a cost.",
        "elbo-for-its-negative": "This is the ELBO, and its negative was asked for.",
    },
    LEAST_RATE: {
        "information-alone": "This is the information alone; the mismatch with the prior costs, too.",
        "mismatch-alone": "This is the mismatch alone; what is told costs, too.",
        "mismatch-subtracted": "The mismatch was subtracted; it adds to the cost.",
        "kinds-for-their-logarithm": "The number of kinds stands where its logarithm belongs.",
        "information-in-bits": "The information is in bits and the mismatch in nats.",
    },
    FREE_NATS: {
        "maximum-for-each-image": "The maximum was taken for each image, and not of the mean.",
        "maximum-after-the-sum": "The dimensions were added before the maximum was taken.",
        "smaller-for-larger": "The smaller was taken in place of the larger.",
        "free-nats-subtracted": "λ was subtracted; the loss keeps it.",
        "nothing-free": "λ was left out.",
        "batch-added-up": "The images were added; the loss is their mean.",
    },
    CYCLE: {
        "rise-forgotten": "The line was drawn over the whole cycle.",
        "cycles-forgotten": "This counts from the start of the training, as if there were one cycle.",
        "falling": "The weight falls here; it grows.",
        "steps-of-the-cycle": "This is the number of steps in the cycle, and no weight.",
        "rise-multiplied": "The share of the rise was multiplied in place of divided.",
    },
    DELTA: {
        "all-numbers-alike": "All numbers got two neighbours; the first and the last have one.",
        "delta-lost-half": "A factor of one half is missing.",
        "delta-sign-of-the-end": "One of the two logarithms has the wrong sign.",
        "ends-alone": "Only what the ends contribute was counted.",
        "alpha-not-squared": "α was not squared.",
        "delta-in-bits": "This is in bits, and nats were asked for.",
        "standard-normal-at-best": "This is the KL of N(0, I), which is not the best diagonal normal.",
        "one-group-alone": "This is what one group costs.",
        "groups-in-one-chain": "All numbers were put into one chain; the groups are independent.",
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
