"""All exercises: discrete distributions, regularised autoencoders, normals, latent-variable models,
understanding, β-VAE, VQ-VAE, priors, posterior collapse, conditions, applications, levels.
"""

import runpy
from pathlib import Path

from course_lib.exercises.bank_applications import APPLICATIONS
from course_lib.exercises.bank_beta import BETA
from course_lib.exercises.bank_codebook import CODEBOOK
from course_lib.exercises.bank_collapse import COLLAPSE
from course_lib.exercises.bank_conditional import CONDITIONAL
from course_lib.exercises.bank_discrete import DISCRETE
from course_lib.exercises.bank_hierarchy import HIERARCHY
from course_lib.exercises.bank_latent import LATENT
from course_lib.exercises.bank_meaning import MEANING
from course_lib.exercises.bank_normal import NORMAL
from course_lib.exercises.bank_priors import PRIORS
from course_lib.exercises.bank_regularised import REGULARISED
from course_lib.exercises.exercise import Exercise

GROUPS = (
    DISCRETE, REGULARISED, NORMAL, LATENT, MEANING, BETA, CODEBOOK, PRIORS, COLLAPSE, CONDITIONAL,
    APPLICATIONS, HIERARCHY,
)  # fmt: skip
EXERCISES = {exercise.id: exercise for group in GROUPS for exercise in group}


def bank() -> dict[str, Exercise]:
    """Every exercise by its id, in the order in which a course meets them."""
    return dict(EXERCISES)


TRIED = 20  # variants of each exercise of one's own


class ForeignExercises(ValueError):
    """A file with exercises that cannot be used; the message says why."""


def add_exercises(path: Path | None) -> None:
    """Add the EXERCISES of a Python file, which is executed, to the bank; None adds nothing.

    What is in this bank is public, and so are its answers: exercises that nobody has seen come
    from a file of one's own.
    Raises ForeignExercises when the file fails, has none, one whose id is taken, or one of which
    no variant can be made.
    """
    if path is None:
        return
    if not path.is_file():
        raise ForeignExercises(f"{path} is not a file")
    try:
        found = runpy.run_path(str(path)).get("EXERCISES")
    except Exception as error:
        raise ForeignExercises(f"{path}: {type(error).__name__}: {error}") from error
    if not isinstance(found, (tuple, list)) or not all(isinstance(e, Exercise) for e in found):
        raise ForeignExercises(
            f"{path} must define EXERCISES, a tuple of course_lib.exercises.Exercise"
        )
    ids = [exercise.id for exercise in found]
    taken = sorted({id for id in ids if id in EXERCISES or ids.count(id) > 1})
    if taken:
        raise ForeignExercises(f"{path}: the ids {', '.join(taken)} are taken")
    EXERCISES.update(zip(ids, found, strict=True))
    from course_lib.exercises.check import answer_key, variant  # which needs the bank

    for id in ids:
        try:
            for seed in range(TRIED):
                answer_key(variant(id, seed))
        except Exception as error:
            raise ForeignExercises(f"{path}, {id}: {type(error).__name__}: {error}") from error
