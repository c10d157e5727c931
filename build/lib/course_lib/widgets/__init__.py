"""One widget per file; none has mathematics of its own."""

from course_lib.widgets.beta_explorer import BetaExplorer
from course_lib.widgets.codebook_explorer import CodebookExplorer
from course_lib.widgets.contraction_ellipse import ContractionEllipse
from course_lib.widgets.denoising_field import DenoisingField
from course_lib.widgets.denoising_rows import DenoisingRows
from course_lib.widgets.evidence_gap import EvidenceGap
from course_lib.widgets.gaussian_kl import GaussianKL
from course_lib.widgets.interpolation import Interpolation
from course_lib.widgets.latent_map import LatentMap
from course_lib.widgets.latent_traversal import LatentTraversal
from course_lib.widgets.loss_curves import LossCurves
from course_lib.widgets.reparameterization import Reparameterization
from course_lib.widgets.sparse_sweep import SparseSweep
from course_lib.widgets.sweep_rows import SweepRows
from course_lib.widgets.token_editor import TokenEditor

__all__ = [
    "BetaExplorer",
    "CodebookExplorer",
    "ContractionEllipse",
    "DenoisingField",
    "DenoisingRows",
    "EvidenceGap",
    "GaussianKL",
    "Interpolation",
    "LatentMap",
    "LatentTraversal",
    "LossCurves",
    "Reparameterization",
    "SparseSweep",
    "SweepRows",
    "TokenEditor",
]
