"""Questions of understanding: one right answer among wrong ones, each with its explanation."""

from course_lib.exercises.exercise import Exercise, Mistake
from course_lib.exercises.mistakes import (
    DEFINITIONS,
    DERIVATION,
    DIRECTION,
    ELBO,
    FITTING,
    NOISE,
    RATIO,
    SUM,
)  # fmt: skip

PIXELS = "Look at the negative log-likelihood of a binary pixel in chapter 1, (AE.3)."
HOLES = "Look at the two terms, and at all codes together, in chapter 7, (VAE.2) and (VAE.5)."
ACTIVE = "Look at collapse in chapter 7, (VAE.6) and (VAE.5)."
TERMS = "Look at how chapter 5 reads the terms of (KL.10) one by one."

EXCESS_LENGTH = Exercise(
    id="what-kl-measures",
    title="What the divergence measures",
    kind="choice",
    statement=r"Data come from $p$. What does $\mathrm{KL}(p \,\|\, q)$ measure?",
    truth="The expected excess length of a code made for q",
    mistakes=(
        Mistake("information-lost", "The information about p that is lost by coding with q",
                "Nothing is lost: a longer code can still be decoded exactly.", DEFINITIONS),
        Mistake("distance", "The distance between p and q, whichever comes first",
                "A distance would be the same both ways.", DIRECTION),
        Mistake("whole-length", "The expected length of a code made for q",
                "That is the cross-entropy; a part of it is there even with the best code.",
                DEFINITIONS),
    ),
    hints=("It is zero when the code was made for the right distribution.",),
)  # fmt: skip

DIRECTION_CHOICE = Exercise(
    id="which-direction-covers",
    title="Covering and seeking",
    kind="choice",
    statement=r"A single normal $q$ is fitted to a $p$ with two distant peaks by minimising "
    r"$\mathrm{KL}(p \,\|\, q)$. What happens?",
    truth="q becomes wide and covers both peaks",
    mistakes=(
        Mistake("mode-seeking", "q settles on one of the peaks and leaves the other",
                "That is what the other direction does: there q is punished where p is small.",
                FITTING),
        Mistake("between-and-narrow", "q stays as narrow as one peak and sits between the two",
                "There p would be large where q is almost zero, which costs most.", FITTING),
        Mistake("direction-does-not-matter", "The same as by minimising KL(q ‖ p)",
                "The two directions punish different errors.", DIRECTION),
    ),
    hints=("The expectation is taken under p.", "What does it cost if q is small where p is not?"),
)  # fmt: skip

SIGMA_TERMS = Exercise(
    id="which-term-holds-sigma",
    title="Spot the error: what keeps σ at 1",
    kind="choice",
    statement=r"Which part of $\tfrac12 (\mu^2 + \sigma^2 - \log \sigma^2 - 1)$ keeps $\sigma$ "
    "from becoming too small as well as too large?",
    truth="σ² and −log σ² together, neither of them alone",
    mistakes=(
        Mistake("square-alone", "σ² alone, which is smallest at σ = 1",
                "σ² grows with σ all the way from zero.", TERMS),
        Mistake("log-alone", "−log σ² alone, which is smallest at σ = 1",
                "−log σ² falls with σ all the way.", TERMS),
        Mistake("constant-holds", "−1, which moves the smallest value to σ = 1",
                "A constant moves the height of the curve and not the place of its minimum.",
                TERMS),
        Mistake("square-and-constant", "σ² and −1 together, which are zero at σ = 1",
                "Their sum is zero there and negative below: zero is not its smallest value.",
                TERMS),
    ),
    hints=("Differentiate each term by σ.",),
)  # fmt: skip

INFINITE = Exercise(
    id="an-outcome-ruled-out",
    title="An outcome ruled out",
    kind="choice",
    statement=r"Let $p = (0.5, 0.5, 0)$ and $q = (0.5, 0, 0.5)$. What is "
    r"$\mathrm{KL}(p \,\|\, q)$?",
    truth="Infinite, because of the second outcome",
    mistakes=(
        Mistake("dropped-outcome", "Zero, because the outcomes with a probability of 0 drop out",
                "Only outcomes that p never draws drop out.", DEFINITIONS),
        Mistake("wrong-outcome", "Infinite, because of the third outcome",
                "p never draws that outcome, so it has the weight zero: 0 log 0 counts as 0.",
                DEFINITIONS),
        Mistake("undefined", "Undefined, because one cannot divide by zero",
                "The limit exists, and it has a meaning: no code word for something that happens.",
                DEFINITIONS),
    ),
    hints=("Which outcomes does p draw?", "What does q's code offer for them?"),
)  # fmt: skip

TWO_PARTS = Exercise(
    id="the-two-parts-of-the-elbo",
    title="The two parts of the ELBO",
    kind="choice",
    statement="Which expression is the ELBO?",
    truth="E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))",
    mistakes=(
        Mistake("plus-kl", "E_q[log p(x|z)] + KL(q(z|x) ‖ p(z))",
                "The loss adds the divergence to the negative log-likelihood; the ELBO does not.",
                ELBO),
        Mistake("kl-swapped", "E_q[log p(x|z)] − KL(p(z) ‖ q(z|x))",
                "The expectation in the divergence is taken under the encoder.", ELBO),
        Mistake("kl-to-posterior", "E_q[log p(x|z)] − KL(q(z|x) ‖ p(z|x))",
                "The divergence to the true posterior is the gap below the log-evidence.", ELBO),
        Mistake("nothing-to-reconstruct", "log p(x) − KL(q(z|x) ‖ p(z))",
                "From the log-evidence another divergence has to be subtracted.", ELBO),
    ),
    hints=("One part rewards reconstruction, the other keeps the code near the prior.",),
)  # fmt: skip

ELBO_ROSE = Exercise(
    id="what-a-higher-elbo-means",
    title="What a higher ELBO means",
    kind="choice",
    statement=r"Training raised the ELBO of an image by one nat. What follows?",
    truth="log p(x) minus the gap KL(q(z|x) ‖ p(z|x)) rose by one nat",
    mistakes=(
        Mistake("evidence-rose", "log p(x) rose by at least one nat",
                "A smaller gap raises the bound as well; the evidence may even fall.", ELBO),
        Mistake("gap-fell", "The gap KL(q(z|x) ‖ p(z|x)) fell by one nat",
                "A higher evidence raises the bound as well.", ELBO),
        Mistake("reconstruction-rose", "E_q[log p(x|z)] rose by one nat",
                "The divergence to the prior has changed too.", ELBO),
    ),
    hints=("The ELBO is a difference of two things that both depend on the training.",),
)  # fmt: skip

HOLES_CHOICE = Exercise(
    id="why-fewer-holes",
    title="Why a VAE has fewer holes",
    kind="choice",
    statement="Draws from the prior decode better with a VAE than with an autoencoder. Why?",
    truth="Noise makes neighbours decode alike, and KL draws all codes together to the prior",
    mistakes=(
        Mistake("full-support", "Each q(z|x) is positive everywhere, so no point can be a hole",
                "A density may be positive and still negligible: full support rules nothing out.",
                HOLES),
        Mistake("each-is-the-prior", "The KL term makes q(z|x) equal to the prior for every image",
                "Then the code would say nothing about the image. It is all codes together that "
                "should look like the prior.", HOLES),
        Mistake("fewer-dimensions", "The latent space has fewer dimensions, so that it fills up",
                "Both models may have the same number of latent dimensions.", HOLES),
        Mistake("guaranteed", "The ELBO guarantees that every z decodes to something valid",
                "There is no such guarantee: the bound is an average over the images.", HOLES),
    ),
    hints=("Both parts of the ELBO have a share in it.",),
)  # fmt: skip

COLLAPSE = Exercise(
    id="posterior-collapse",
    title="Posterior collapse",
    kind="choice",
    statement="What shows that a latent dimension has collapsed?",
    truth="q(z|x) is the prior for every image, and the decoder ignores z",
    mistakes=(
        Mistake("aggregate-is-prior", "The codes of all images together are spread like the prior",
                "That is the aim, and the single codes may still differ.", ACTIVE),
        Mistake("sigma-near-zero", "The encoder's σ is close to zero for every image",
                "Then the code is almost exact, as in an autoencoder, and the divergence large.",
                ACTIVE),
        Mistake("large-kl", "The divergence to the prior is large for every image",
                "A large divergence may come from a code that is used well.", ACTIVE),
        Mistake("large-loss", "The reconstruction of every image is poor",
                "A collapsed dimension leaves the work to the other dimensions or the decoder.",
                ACTIVE),
    ),
    hints=("What does a dimension cost that says nothing?",),
)  # fmt: skip

SAMPLING = Exercise(
    id="sampling-from-logvar",
    title="Sampling a code",
    kind="choice",
    statement=r"An encoder returns `mu` and `logvar`, and $\varepsilon \sim \mathcal N(0, I)$. "
    "Which line draws the code?",
    truth="z = mu + exp(logvar / 2) * epsilon",
    mistakes=(
        Mistake("exp-of-logvar", "z = mu + exp(logvar) * epsilon",
                "That multiplies the noise by the variance.", NOISE),
        Mistake("logvar-as-sigma", "z = mu + logvar * epsilon",
                "logvar may be negative: it is a logarithm.", NOISE),
        Mistake("root-of-logvar", "z = mu + sqrt(logvar) * epsilon",
                "The root of the logarithm is not the root of the variance.", NOISE),
        Mistake("added-noise", "z = mu + exp(logvar / 2) + epsilon",
                "The noise has to be scaled, not shifted.", NOISE),
    ),
    hints=("The noise is multiplied by a standard deviation.",),
)  # fmt: skip

SHARED_NOISE = Exercise(
    id="one-noise-for-a-batch",
    title="Spot the error: one noise for all",
    kind="choice",
    statement="A training loop draws `epsilon` with the shape (1, d), so that all images of the "
    "batch share it. What becomes of the estimate of the loss?",
    truth="Its mean stays right and its variance grows",
    mistakes=(
        Mistake("biased", "Its mean becomes wrong, and more images make it worse",
                "Each image still gets noise from the right distribution.", NOISE),
        Mistake("nothing", "Nothing: noise is noise",
                "Errors that are alike for all images do not cancel in their mean.", NOISE),
        Mistake("same-codes", "All images get the same code",
                "The images still differ in their means and standard deviations.", NOISE),
        Mistake("no-gradient", "The gradient of sigma is lost",
                "The derivative of the code by sigma is still the noise.", NOISE),
    ),
    hints=("What is the mean over the batch of errors that all have the same sign?",),
)  # fmt: skip

PIXEL = Exercise(
    id="loss-of-a-binary-pixel",
    title="Spot the error: a binary pixel",
    kind="choice",
    statement="A binary pixel x is decoded as x̂. Which line is its negative log-likelihood? Two of "
    "the others have been printed in tutorials.",
    truth="−x log x̂ − (1 − x) log(1 − x̂)",
    mistakes=(
        Mistake("roles-swapped", "−x̂ log x − (1 − x̂) log(1 − x)",
                "The roles are swapped: this is infinite for a binary x.", PIXELS),
        Mistake("dropped-second-half", "−x log x̂",
                "A dark pixel would then cost nothing, whatever is decoded.", PIXELS),
        Mistake("wrong-sign", "x log x̂ + (1 − x) log(1 − x̂)",
                "This is the log-likelihood itself, which is not a loss.", PIXELS),
    ),
    hints=("Try x = 1 and x = 0.", "A loss is small when x̂ is close to x."),
)  # fmt: skip

FALSE_LINE_KL = Exercise(
    id="first-false-line-kl",
    title="Find the first false line: the divergence of a normal",
    kind="choice",
    statement=r"Somebody computes $\mathrm{KL}(q \,\|\, p)$ of $q = \mathcal N(\mu, \sigma^2)$ and "
    r"$p = \mathcal N(0, 1)$. Which is the first false line? Try $\mu = 1$, $\sigma = 0.5$."
    "\n\n" r"1: $\log q(z) - \log p(z) = -\log \sigma - \frac{(z - \mu)^2}{2 \sigma^2} + "
    r"\frac{z^2}{2}$"
    "\n\n" r"2: Under $q$ the mean of $(z - \mu)^2$ is $\sigma^2$."
    "\n\n" r"3: Under $q$ the mean of $z^2$ is $\mu^2$."
    "\n\n" r"4: So $\mathrm{KL}(q \,\|\, p) = -\log \sigma - \frac12 + \frac{\mu^2}{2}$.",
    truth="Line 3",
    mistakes=(
        Mistake("densities-line", "Line 1",
                "At z = 1, for μ = 1 and σ = 0.5, both sides are 1.193.", RATIO),
        Mistake("variance-line", "Line 2",
                "That is what a variance is: 0.25 on both sides, for σ = 0.5.", SUM),
        Mistake("conclusion-line", "Line 4",
                "It is 0.693 where the divergence is 0.818, but it follows from the lines above.",
                SUM),
    ),
    hints=("z has a mean and varies around it.", "The mean of z² is variance plus squared mean."),
)  # fmt: skip

FALSE_LINE_ELBO = Exercise(
    id="first-false-line-elbo",
    title="Find the first false line: the bound",
    kind="choice",
    statement="Somebody derives a lower bound. Which is the first false line? The chapter has the "
    "value of every piece."
    "\n\n" r"1: $\log p(x) = \log \mathbb{E}_q [ p(x, z) / q(z) ]$"
    "\n\n" r"2: $\ge \mathbb{E}_q [ \log p(x, z) - \log q(z) ]$"
    "\n\n" r"3: $= \mathbb{E}_q [ \log p(x \mid z) ] + \mathbb{E}_q [ \log p(z) - \log q(z) ]$"
    "\n\n" r"4: $= \mathbb{E}_q [ \log p(x \mid z) ] + \mathrm{KL}(q \,\|\, p(z))$"
    "\n\n" r"5: $\ge \mathbb{E}_q [ \log p(x \mid z) ]$",
    truth="Line 4",
    mistakes=(
        Mistake("multiplied-line", "Line 1",
                "Multiplying and dividing by q changes nothing: both sides are −1.047.", DERIVATION),
        Mistake("jensen-line", "Line 2",
                "The right side is −1.547 and the left −1.047, as Jensen's inequality says.",
                DERIVATION),
        Mistake("split-line", "Line 3",
                "The logarithm of a product is a sum: both sides are −1.547.", DERIVATION),
        Mistake("last-line", "Line 5",
                "It follows from line 4, since a divergence is not negative.", DERIVATION),
    ),
    hints=("Compare the last expectation of line 3 with the definition of the divergence.",
           "With its sign it would be −0.661 in line 4, above log p(x)."),
)  # fmt: skip

MEANING = (
    EXCESS_LENGTH, INFINITE, DIRECTION_CHOICE, SIGMA_TERMS, FALSE_LINE_KL, PIXEL, TWO_PARTS,
    FALSE_LINE_ELBO, ELBO_ROSE,
    HOLES_CHOICE, COLLAPSE, SAMPLING, SHARED_NOISE,
)  # fmt: skip
