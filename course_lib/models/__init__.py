"""One model per file, each named like its chapter."""

from course_lib.models.autoencoder import Autoencoder
from course_lib.models.beta_vae import (
    BetaTCVAE,
    BetaVAE,
    CapacityVAE,
    ConditionalBetaVAE,
    ConstrainedVAE,
)
from course_lib.models.contractive_autoencoder import ContractiveAutoencoder
from course_lib.models.denoising_autoencoder import DenoisingAutoencoder
from course_lib.models.sparse_autoencoder import L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.variational_autoencoder import VAE, ConvolutionalVAE, ScoreFunctionVAE
from course_lib.models.vq_vae import VQVAE, ConvolutionalVQVAE, TokenPrior, VectorQuantizer

__all__ = [
    "VAE",
    "VQVAE",
    "Autoencoder",
    "BetaTCVAE",
    "BetaVAE",
    "CapacityVAE",
    "ConditionalBetaVAE",
    "ConstrainedVAE",
    "ContractiveAutoencoder",
    "ConvolutionalVAE",
    "ConvolutionalVQVAE",
    "DenoisingAutoencoder",
    "L1Autoencoder",
    "ScoreFunctionVAE",
    "SparseAutoencoder",
    "TokenPrior",
    "TopKAutoencoder",
    "VectorQuantizer",
]
