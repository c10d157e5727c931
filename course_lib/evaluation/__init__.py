"""What a trained model has learned, in numbers."""

from course_lib.evaluation.codebooks import followed, perplexity, usage
from course_lib.evaluation.disentanglement import (
    DCI,
    dci,
    mutual_information_gap,
    separated_attribute_predictability,
)
from course_lib.evaluation.evidence_lower_bound import (
    LogLikelihood,
    OneDimensionalModel,
    importance_weighted_log_likelihood,
    posterior_mean,
)
from course_lib.evaluation.features import (
    lifetime_activity,
    orientation_selectivity,
    participation_ratio,
    population_activity,
    unit_features,
)
from course_lib.evaluation.latent_space import (
    KLSplit,
    PriorMatch,
    RateDistortion,
    active_units,
    kl_per_dimension,
    match_prior,
    rate_distortion,
    split_kl,
)
from course_lib.evaluation.outliers import AUROC, auroc
from course_lib.evaluation.paths import geodesic, path_length
from course_lib.evaluation.samples import (
    confident_share,
    frechet_distance,
    inception_score,
    nearest_distance,
    precision_recall,
)
from course_lib.evaluation.speech import log_spectrogram

__all__ = [
    "AUROC",
    "DCI",
    "KLSplit",
    "LogLikelihood",
    "OneDimensionalModel",
    "PriorMatch",
    "RateDistortion",
    "active_units",
    "auroc",
    "confident_share",
    "dci",
    "followed",
    "frechet_distance",
    "geodesic",
    "importance_weighted_log_likelihood",
    "inception_score",
    "kl_per_dimension",
    "lifetime_activity",
    "log_spectrogram",
    "match_prior",
    "mutual_information_gap",
    "nearest_distance",
    "orientation_selectivity",
    "participation_ratio",
    "path_length",
    "perplexity",
    "population_activity",
    "posterior_mean",
    "precision_recall",
    "rate_distortion",
    "separated_attribute_predictability",
    "split_kl",
    "unit_features",
    "usage",
]
