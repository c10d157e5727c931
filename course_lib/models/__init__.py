"""One model per file, each named like its chapter."""

from course_lib.models.autoencoder import Autoencoder
from course_lib.models.contractive_autoencoder import ContractiveAutoencoder
from course_lib.models.denoising_autoencoder import DenoisingAutoencoder
from course_lib.models.sparse_autoencoder import L1Autoencoder, SparseAutoencoder, TopKAutoencoder
from course_lib.models.variational_autoencoder import VAE, ConvolutionalVAE, ScoreFunctionVAE

__all__ = [
    "VAE",
    "Autoencoder",
    "ContractiveAutoencoder",
    "ConvolutionalVAE",
    "DenoisingAutoencoder",
    "L1Autoencoder",
    "ScoreFunctionVAE",
    "SparseAutoencoder",
    "TopKAutoencoder",
]
