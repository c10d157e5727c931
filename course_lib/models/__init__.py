"""One model per file, each named like its chapter."""

from course_lib.models.autoencoder import Autoencoder
from course_lib.models.conditional_vae import ConditionalNormal, ConditionalVAE, OneHot
from course_lib.models.contractive_autoencoder import ContractiveAutoencoder
from course_lib.models.denoising_autoencoder import DenoisingAutoencoder
from course_lib.models.hierarchical_prior import HierarchicalPrior, as_text
from course_lib.models.pixel_cnn import PixelCNN
from course_lib.models.pretrained import pretrained
from course_lib.models.quantizers import (
    FiniteScalarQuantizer,
    ResidualQuantizer,
    RotationQuantizer,
)
from course_lib.models.semi_supervised_vae import SemiSupervisedVAE
from course_lib.models.sparse_autoencoder import L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.token_prior import TokenPrior
from course_lib.models.variational_autoencoder import VAE
from course_lib.models.vector_quantizer import VectorQuantizer
from course_lib.models.vq_vae import VQVAE
from course_lib.models.vq_vae_2 import VQVAE2

__all__ = [
    "VAE",
    "VQVAE",
    "VQVAE2",
    "Autoencoder",
    "ConditionalNormal",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "FiniteScalarQuantizer",
    "HierarchicalPrior",
    "L1Autoencoder",
    "OneHot",
    "PixelCNN",
    "ResidualQuantizer",
    "RotationQuantizer",
    "SemiSupervisedVAE",
    "SparseAutoencoder",
    "TokenPrior",
    "TopKAutoencoder",
    "VectorQuantizer",
    "as_text",
    "pretrained",
]
