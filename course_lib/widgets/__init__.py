"""One widget per file; none has mathematics of its own."""

from course_lib.widgets.beta_explorer import BetaExplorer
from course_lib.widgets.codebook_explorer import CodebookExplorer
from course_lib.widgets.condition_explorer import ConditionExplorer
from course_lib.widgets.contraction_ellipse import ContractionEllipse
from course_lib.widgets.denoising_field import DenoisingField
from course_lib.widgets.evidence_gap import EvidenceGap
from course_lib.widgets.exercise_card import ExerciseCard
from course_lib.widgets.gaussian_kl import GaussianKL
from course_lib.widgets.interpolation import Interpolation
from course_lib.widgets.latent_traversal import LatentTraversal
from course_lib.widgets.loss_curves import LossCurves
from course_lib.widgets.posterior_plane import PosteriorPlane
from course_lib.widgets.prediction import Prediction
from course_lib.widgets.prior_plane import PriorPlane
from course_lib.widgets.reparameterization import Reparameterization
from course_lib.widgets.sound import Sound
from course_lib.widgets.sparse_sweep import SparseSweep
from course_lib.widgets.sweep_rows import SweepRows, denoising_rows
from course_lib.widgets.token_editor import TokenEditor
from course_lib.widgets.token_levels import TokenLevels
from course_lib.widgets.training_scrubber import TrainingScrubber

__all__ = [
    "BetaExplorer",
    "CodebookExplorer",
    "ConditionExplorer",
    "ContractionEllipse",
    "DenoisingField",
    "EvidenceGap",
    "ExerciseCard",
    "GaussianKL",
    "Interpolation",
    "LatentTraversal",
    "LossCurves",
    "PosteriorPlane",
    "Prediction",
    "PriorPlane",
    "Reparameterization",
    "Sound",
    "SparseSweep",
    "SweepRows",
    "TokenEditor",
    "TokenLevels",
    "TrainingScrubber",
    "denoising_rows",
]
