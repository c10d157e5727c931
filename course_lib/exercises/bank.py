"""All exercises of the course, in the order of the chapters."""

from course_lib.exercises.bank_latent import LATENT
from course_lib.exercises.bank_normal import NORMAL
from course_lib.exercises.exercise import Exercise


def bank() -> dict[str, Exercise]:
    """Every exercise by its id."""
    return dict(EXERCISES)


EXERCISES = {exercise.id: exercise for exercise in (*NORMAL, *LATENT)}
