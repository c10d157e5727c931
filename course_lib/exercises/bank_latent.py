"""Exercises on latent-variable models."""

from course_lib.exercises.exercise import Exercise, Mistake

LATENT = (
    Exercise(
        id="kl-meaning",
        title="What the divergence measures",
        kind="choice",
        statement=r"What does $\mathrm{KL}(p \,\|\, q)$ measure?",
        truth="The expected extra code length when data from p are coded with a code made for q",
        mistakes=(
            Mistake("information-lost", "The information that is lost when p is coded as q",
                    "Nothing is lost: the code can be decoded exactly.", "See chapter 5."),
            Mistake("distance", "The distance between p and q",
                    "A distance would be the same in both directions.", "See chapter 5."),
        ),
        hints=("Think of a Huffman code.",),
    ),
)  # fmt: skip
