"""What a trained model has learned, in numbers."""

from course_lib.evaluation.features import (
    lifetime_activity,
    orientation_selectivity,
    participation_ratio,
    population_activity,
)
from course_lib.evaluation.samples import confident_share, nearest_distance

__all__ = [
    "confident_share",
    "lifetime_activity",
    "nearest_distance",
    "orientation_selectivity",
    "participation_ratio",
    "population_activity",
]
