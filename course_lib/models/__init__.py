"""One model per file, each named like its chapter."""

from course_lib.models.autoencoder import Autoencoder

__all__ = ["Autoencoder"]
