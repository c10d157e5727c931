"""An image as the grid of its tokens: change one and see what becomes of the picture."""

import math

from torch import Tensor
from traitlets import Bool, Dict, List

from course_lib.models import VQVAE
from course_lib.plots import check_images
from course_lib.widgets.inputs import check_fit, check_has, like
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Widget, script


class TokenEditor(Widget):
    """An image, its tokens, and the picture decoded after one of them has been replaced.

    model: a VQVAE; images: (N, C, H, W) to choose from, grey or RGB.
    The image, the row and the column of a token in the grid, and the code that takes its place are
    chosen by sliders or by a press on a picture; a button goes back to the image's own code. A
    line of tokens is one row.
    Above the image, the picture rebuilt from its tokens, the picture after the change, and the
    difference of these two, grey where there is none. Below, both grids of numbers.
    Raises ValueError for other images, when there is none, and for a model without tokens.
    """

    _esm = script("token_editor.js")

    image, row, column, code = (
        Index(f"n_{name}") for name in ("images", "rows", "columns", "codes")
    )
    images, codebook, network = (Dict().tag(sync=True) for _ in range(3))
    tokens, grid = (List().tag(sync=True) for _ in range(2))
    placed = Bool().tag(sync=True)

    def __init__(self, model: VQVAE, images: Tensor) -> None:
        check_images(images)
        check_has(model, "tokens", "decode_tokens", kinds="VQ-VAEs")
        check_fit(lambda x: model.decode_tokens(model.tokens(x)), model, images)
        tokens = model.tokens(like(model, images)).cpu()  # (N, *grid)
        grid = tokens.shape[1:]
        rows, columns = math.prod(grid[:-1]), grid[-1]
        codebook = model.quantizer.codebook.detach()
        self.n_images, self.n_rows, self.n_columns, self.n_codes = (
            len(images),
            rows,
            columns,
            len(codebook),
        )
        own = tokens[0].view(rows, columns)[rows // 2, columns // 2].item()
        example = codebook[tokens[:1].to(codebook.device)]  # (1, *grid, D_e)
        super().__init__(
            row=rows // 2,
            column=columns // 2,
            code=(own + 1) % len(codebook),
            images=sent_images(images),
            codebook=sent_numbers(codebook),
            network=sent_network(decoder_of(model), example),
            tokens=tokens.flatten().tolist(),
            grid=[rows, columns],
            placed=len(grid) == 2 and rows > 1,  # whether tokens have a place in the picture
            alt="An image, its reconstruction, the reconstruction after one token has been "
            "replaced and the difference; below the grids of tokens before and after.",
        )
