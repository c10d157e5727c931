"""One model per file, each named like its chapter."""

from course_lib.models.autoencoder import Autoencoder
from course_lib.models.conditional_vae import ConditionalNormal, ConditionalVAE, OneHot
from course_lib.models.contractive_autoencoder import ContractiveAutoencoder
from course_lib.models.denoising_autoencoder import DenoisingAutoencoder
from course_lib.models.pixel_cnn import PixelCNN
from course_lib.models.pretrained import pretrained
from course_lib.models.semi_supervised_vae import SemiSupervisedVAE
from course_lib.models.sparse_autoencoder import L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.token_prior import TokenPrior
from course_lib.models.variational_autoencoder import VAE
from course_lib.models.vector_quantizer import VectorQuantizer
from course_lib.models.vq_vae import VQVAE

__all__ = [
    "VAE",
    "VQVAE",
    "Autoencoder",
    "ConditionalNormal",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "L1Autoencoder",
    "OneHot",
    "PixelCNN",
    "SemiSupervisedVAE",
    "SparseAutoencoder",
    "TokenPrior",
    "TopKAutoencoder",
    "VectorQuantizer",
    "pretrained",
]
