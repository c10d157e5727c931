"""The images of the course: digits, glyphs, faces, patches, mnist and fashion_mnist.

All but the last two need no network. `mnist` and `fashion_mnist` are downloaded once, into the
user's cache folder, or read from the folder named by the environment variable COURSE_DATA_DIR,
which is how a classroom shares one copy. data/README.md gives the provenance and the licence of
each.
"""

from collections.abc import Callable
from functools import partial

from course_lib.datasets import faces, images
from course_lib.datasets.augmentation import shifted
from course_lib.datasets.files import DATA_DIR, IDX_FILES, MIRRORS, SHA256, read_idx
from course_lib.datasets.images import ImageSet
from course_lib.datasets.labels import few_labels, labels_repeated

__all__ = [
    "DATA_DIR", "IDX_FILES", "MIRRORS", "SHA256", "ImageSet", "few_labels",
    "labels_repeated",
    "load", "read_idx", "shifted",
]  # fmt: skip

_LOADERS: dict[str, Callable[[str], ImageSet]] = {
    "digits": images.digits,
    "glyphs": images.glyphs,
    "faces": faces.portraits,
    "patches": images.patches,
    "mnist": partial(images.originals, "mnist"),
    "fashion_mnist": partial(images.originals, "fashion_mnist"),
}


def load(name: str, split: str = "train") -> ImageSet:
    """Load one split, "train" or "test", of a data set; every split is fixed.

    name             train    test  image  what
    "digits"         1,437     360    8×8  handwritten digits, 17 grey levels [1]
    "glyphs"         8,000   2,000  28×28  printed digits with known factors, after [2]
    "faces"          3,200     800  32×32  drawn portraits in colour with known factors
    "patches"       20,000   4,000  12×12  whitened pieces of two photographs, no labels [3]
    "mnist"         60,000  10,000  28×28  handwritten digits [4]
    "fashion_mnist" 60,000  10,000  28×28  clothes in ten classes [5]

    The factors of `glyphs` are the digit, slant (degrees, positive leans right), stroke (pixels
    added to the width of the font's strokes), size (height in pixels before that stroke), shift x
    (pixels to the right) and shift y (pixels downwards); the labels are the digits.

    Those of `faces` are the skin (0 light to 1 dark), hair colour (0 black, over brown and auburn,
    to 1 fair), hair length (0 cropped to 1 below the shoulders), smile (−1 frown to 1 laugh), turn
    of the head (degrees, positive to the right of the picture), light (the direction it comes
    from: degrees, positive from the right) and glasses (0 or 1, which are the labels, too). All
    were drawn uniformly and independently of each other.

    Raises ValueError for an unknown name or split and for a damaged file, FileNotFoundError for
    a file missing from COURSE_DATA_DIR, ConnectionError when no mirror delivers a file, and
    OSError when a download cannot be written to the user's cache folder.

    [1] Alpaydin & Kaynak 1998, Cascading classifiers, Kybernetika 34(4).
    [2] Matthey, Higgins, Hassabis & Lerchner 2017, dSprites.
    [3] Olshausen & Field 1997, Sparse coding with an overcomplete basis set, Vision Research 37.
    [4] LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document
        recognition, Proceedings of the IEEE 86(11).
    [5] Xiao, Rasul & Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747.
    """
    if not isinstance(name, str) or name not in _LOADERS:
        raise ValueError(f"name must be one of {', '.join(_LOADERS)}; got {name!r}")
    if split not in ("train", "test"):
        raise ValueError(f"split must be train or test; got {split!r}")
    return _LOADERS[name](split)
