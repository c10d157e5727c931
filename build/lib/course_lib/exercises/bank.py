"""All exercises: discrete distributions, regularised autoencoders, normals, latent-variable models,
understanding, β-VAE, VQ-VAE.
"""

from course_lib.exercises.bank_beta import BETA
from course_lib.exercises.bank_codebook import CODEBOOK
from course_lib.exercises.bank_discrete import DISCRETE
from course_lib.exercises.bank_latent import LATENT
from course_lib.exercises.bank_meaning import MEANING
from course_lib.exercises.bank_normal import NORMAL
from course_lib.exercises.bank_regularised import REGULARISED
from course_lib.exercises.exercise import Exercise

GROUPS = (DISCRETE, REGULARISED, NORMAL, LATENT, MEANING, BETA, CODEBOOK)
EXERCISES = {exercise.id: exercise for group in GROUPS for exercise in group}


def bank() -> dict[str, Exercise]:
    """Every exercise by its id, in the order in which a course meets them."""
    return dict(EXERCISES)
