"""One widget per file; none has mathematics of its own."""

from course_lib.widgets.latent_traversal import LatentTraversal

__all__ = ["LatentTraversal"]
