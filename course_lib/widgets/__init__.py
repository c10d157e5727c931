"""One widget per file; none has mathematics of its own."""

from course_lib.widgets.gaussian_kl import GaussianKL
from course_lib.widgets.interpolation import Interpolation
from course_lib.widgets.latent_map import LatentMap
from course_lib.widgets.latent_traversal import LatentTraversal
from course_lib.widgets.loss_curves import LossCurves
from course_lib.widgets.reparameterization import Reparameterization
from course_lib.widgets.sweep_rows import SweepRows

__all__ = [
    "GaussianKL",
    "Interpolation",
    "LatentMap",
    "LatentTraversal",
    "LossCurves",
    "Reparameterization",
    "SweepRows",
]
