"""A codebook in the plane: which code each vector becomes, and how the codes move."""

import math
from typing import Literal

import torch
from torch import Tensor
from traitlets import Dict, Float, Int, List, Unicode, observe

from course_lib.models import VQVAE, VectorQuantizer
from course_lib.models.vector_quantizer import nearest_code
from course_lib.plots import check_images
from course_lib.widgets.inputs import check_fit, check_has, like
from course_lib.widgets.sent import decoder_of, sent_images, sent_network, sent_numbers
from course_lib.widgets.widget import Index, Numbers, Widget, Within, script

LARGEST_K = 64


class CodebookExplorer(Widget):
    """Vectors in the plane, K codes with their cells, and the moving averages step by step.

    z_e: (M, 2), the vectors; or, in their place,
    model: a VQVAE with code_dim 2, and images (N, C, H, W), grey or RGB, for it to encode. The
        codes start as those of the model, which is not changed, and what they decode to is shown,
        too: for each code the picture of which every token is this code, and the first images
        rebuilt.
    K, gamma: where their sliders start; K from 2 to 64, and at first that of a model.
    initial: "data", codes are drawn from the vectors; or "normal", from N(0, I).
    revive_below: as in VectorQuantizer; 0 leaves unused codes where they are.
    seed: of the codes.

    One button takes a step (VQ.11), (VQ.12) with all vectors as the batch, the other draws new
    codes, and so does the slider of K. Codes are dragged, or chosen and moved by three sliders.
    Codes that no vector chooses are crossed out. `codebook` holds pairs and can be set.
    Raises ValueError for anything else, and as VectorQuantizer does.
    """

    _esm = script("codebook_explorer.js")

    K = Int(8).tag(sync=True)
    gamma = Within(0, 0.99, 0.8)
    code = Index("K")
    place = Numbers()
    codebook, before, count, ends = (List().tag(sync=True) for _ in range(4))
    steps, most = (Int().tag(sync=True) for _ in range(2))
    initial = Unicode().tag(sync=True)
    revive_below = Float().tag(sync=True)
    vectors, images, network = (Dict().tag(sync=True) for _ in range(3))

    def __init__(
        self,
        z_e: Tensor | None = None,
        *,
        model: VQVAE | None = None,
        images: Tensor | None = None,
        K: int = 8,
        gamma: float = 0.8,
        initial: Literal["data", "normal"] = "data",
        revive_below: float = 0.0,
        seed: int = 0,
    ) -> None:
        if (z_e is None) == (model is None) or (model is None) != (images is None):
            raise ValueError("give either z_e or both model and images")
        decoding = {}
        if model is not None and images is not None:
            check_images(images)
            check_has(model, "encode", "decode", "quantizer", kinds="VQ-VAEs")
            check_fit(model, model, images)
            K = len(model.quantizer.codebook)
            with torch.no_grad():
                z_e = model.encode(like(model, images))  # (N, *grid, 2)
            decoding = {
                "images": sent_images(images),
                "network": sent_network(decoder_of(model), z_e[:1]),
            }
            z_e = z_e.flatten(0, -2)
        assert z_e is not None
        if not 2 <= K <= LARGEST_K:
            raise ValueError(f"K must be from 2 to {LARGEST_K}, got {K}")
        self._z_e, self._seed = z_e.detach().float().cpu(), seed
        quantizer = VectorQuantizer(K, 2, gamma=gamma, revive_below=revive_below, initial=initial)
        nearest_code(self._z_e, quantizer.codebook)  # refuses what does not lie in the plane
        if model is not None:
            quantizer = model.quantizer.cpu()
            codes, count = quantizer.codebook.detach(), quantizer.count
        else:
            codes, count = self._drawn(K, initial)
        low, high = self._ends(codes, initial)
        super().__init__(
            K=K,
            gamma=gamma,
            codebook=codes.tolist(),
            before=codes.tolist(),
            count=count.tolist(),
            place=codes[0],
            ends=torch.stack([low, high], 1).tolist(),
            most=max(16, K),
            initial=initial,
            revive_below=revive_below,
            vectors=sent_numbers(self._z_e),
            alt="Left vectors in a plane and the cells of the codes, each in the colour of its "
            "code; right every code with the share of the vectors that become it"
            + (", below images and what they become." if model else "."),
            **decoding,
        )

    def _drawn(self, K: int, initial: Literal["data", "normal"]) -> tuple[Tensor, Tensor]:
        """New codes (K, 2) and their counts."""
        quantizer = VectorQuantizer(K, 2, initial=initial, seed=self._seed)
        if initial == "data":
            quantizer.start(self._z_e, torch.Generator().manual_seed(self._seed))
        return quantizer.codebook.detach(), quantizer.count

    def _ends(self, codes: Tensor, initial: str) -> tuple[Tensor, Tensor]:
        """The lower and the upper ends of both axes, which have the same scale."""
        places = torch.cat([self._z_e, codes.cpu()])
        if initial == "normal":  # room for codes from N(0, I)
            places = torch.cat([places, torch.tensor([[-3.0, -3.0], [3.0, 3.0]])])
        low, high = places.amin(0).double(), places.amax(0).double()
        half = 0.55 * (high - low).max().item() or 1.0
        unit = 10 ** math.floor(math.log10(half)) / 2
        half = unit * math.ceil(half / unit)
        centre = unit * ((low + high) / 2 / unit).round()
        return centre - half, centre + half

    @observe("K")
    def _draw_anew(self, change: object) -> None:
        if self.codebook and len(self.codebook) != self.K:  # else the page has drawn them
            codes, count = self._drawn(self.K, self.initial)  # type: ignore[arg-type]
            self.code, self.steps = min(self.code, self.K - 1), 0
            self.count, self.before, self.codebook = count.tolist(), codes.tolist(), codes.tolist()
