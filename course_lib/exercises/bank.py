"""All exercises: discrete distributions, normals, latent-variable models, understanding."""

from course_lib.exercises.bank_discrete import DISCRETE
from course_lib.exercises.bank_latent import LATENT
from course_lib.exercises.bank_meaning import MEANING
from course_lib.exercises.bank_normal import NORMAL
from course_lib.exercises.exercise import Exercise

EXERCISES = {exercise.id: exercise for exercise in (*DISCRETE, *NORMAL, *LATENT, *MEANING)}


def bank() -> dict[str, Exercise]:
    """Every exercise by its id, in the order in which a course meets them."""
    return dict(EXERCISES)
