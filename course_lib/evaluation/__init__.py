"""What a trained model has learned, in numbers."""

from course_lib.evaluation.features import (
    lifetime_activity,
    orientation_selectivity,
    participation_ratio,
    population_activity,
)

__all__ = [
    "lifetime_activity",
    "orientation_selectivity",
    "participation_ratio",
    "population_activity",
]
