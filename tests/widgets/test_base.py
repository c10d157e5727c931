"""Every widget with every model: it works, or names the models that do. Every kind of picture."""

import itertools

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._pytree import tree_leaves

from course_lib import models, widgets
from course_lib.objectives import EveryBeta

IMAGES = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
SHAPE = (1, 8, 8)
MODELS = {  # every model of the course, untrained, if it can with a code of two numbers
    "Autoencoder": lambda: models.Autoencoder(SHAPE, 2),
    "ConditionalVAE": lambda: models.ConditionalVAE.dense(SHAPE, 2, 1, (8,)),
    "ContractiveAutoencoder": lambda: models.ContractiveAutoencoder(SHAPE, 2),
    "DenoisingAutoencoder": lambda: models.DenoisingAutoencoder(SHAPE, 2),
    "L1Autoencoder": lambda: models.L1Autoencoder(SHAPE, 2),
    "SparseAutoencoder": lambda: models.SparseAutoencoder(SHAPE, 2),
    "TokenPrior": lambda: models.TokenPrior(8, 4, width=8),
    "TopKAutoencoder": lambda: models.TopKAutoencoder(SHAPE, 2, k=1),
    "VAE": lambda: models.VAE.dense(SHAPE, 2),
    "VAE.convolutional": lambda: models.VAE.convolutional(SHAPE, 2, channels=(4,)),
    "VQVAE": lambda: vq_vae(),
    "VQVAE.convolutional": lambda: models.VQVAE.convolutional(
        SHAPE, models.VectorQuantizer(8, 2), channels=(4,)
    ),
    "VectorQuantizer": lambda: models.VectorQuantizer(8, 2),
}


def vq_vae(shape=SHAPE, K=8, **settings):
    return models.VQVAE.dense(shape, models.VectorQuantizer(K, 2), **settings)


EVERY = EveryBeta()
TOKENS = {"VQVAE", "VQVAE.convolutional"}
OTHERS = {"ConditionalVAE", "TokenPrior", "VectorQuantizer"}  # no code for an image alone
ONE_CODE = set(MODELS) - TOKENS - OTHERS
UNIT_CODE = {"ContractiveAutoencoder", "SparseAutoencoder", "L1Autoencoder", "TopKAutoencoder"}


def surface(shape):
    """(B, 2) → images (B, *shape), smooth in both numbers."""
    weights = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return lambda uv: torch.einsum("bk,kchw->bchw", uv, weights).sigmoid()


MAKERS = {  # widget → how it is made, and the models that it can show
    "BetaExplorer": (lambda m, x: widgets.BetaExplorer(m, EVERY, x), {"ConditionalVAE"}),
    "CodebookExplorer": (lambda m, x: widgets.CodebookExplorer(model=m, images=x), TOKENS),
    "ContractionEllipse": (
        lambda m, x: widgets.ContractionEllipse({0.5: m}, surface(x.shape[1:])),
        UNIT_CODE,  # in [0, 1], ReLU units as long as they are untrained
    ),
    "DenoisingRows": (lambda m, x: widgets.DenoisingRows({"model": m}, x), ONE_CODE | TOKENS),
    "Interpolation": (lambda m, x: widgets.Interpolation(x, {"model": m}), ONE_CODE),
    "LatentMap": (lambda m, x: widgets.LatentMap(m, x), ONE_CODE),
    "LatentTraversal": (lambda m, x: widgets.LatentTraversal(m, x), ONE_CODE),
    "SparseSweep": (lambda m, x: widgets.SparseSweep({(1.0, 0.1): m}, x), ONE_CODE),
    "TokenEditor": (lambda m, x: widgets.TokenEditor(m, x), TOKENS),
}
NAMED = "Autoencoder|autoencoders|VAE|codes must be given"


def move_everything(widget):
    """Each control to both ends of its range; what goes wrong is raised."""
    for control in widget.controls:
        if isinstance(control, ipywidgets.SelectionSlider):
            ends = control.options[0], control.options[-1]
        elif isinstance(control, ipywidgets.FloatLogSlider):
            ends = control.base**control.min, control.base**control.max
        else:
            ends = control.min, control.max
        for end in ends:
            control.value = end
    assert widget.error.value == ""


def test_no_model_is_forgotten():
    assert {name.split(".")[0] for name in MODELS} == set(models.__all__)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("widget", MAKERS)
def test_every_widget_shows_a_model_or_names_those_that_it_can(widget, model):
    make, works = MAKERS[widget]
    if model in works:
        for dtype in (torch.float32, torch.float64):
            shown = make(MODELS[model]().to(dtype), IMAGES)
            move_everything(shown)
            assert shown.snapshot().height > shown.picture().height
    else:
        with pytest.raises(ValueError, match=NAMED):
            make(MODELS[model](), IMAGES)


class Elsewhere(torch.Tensor):
    """A tensor as on an accelerator: it mixes with none from the CPU, and NumPy cannot have it."""

    MAY_MIX = ("copy_", "embedding", "grad")  # of two devices, or simulated too coarsely here

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert a device tensor to numpy")
        if func in (torch.Tensor.cpu, torch.Tensor.to):
            target = torch.empty(0) if func is torch.Tensor.cpu else args[1]
            if isinstance(target, torch.Tensor):
                with torch._C.DisableTorchFunctionSubclass():
                    moved = args[0].to(target.dtype) if func is torch.Tensor.to else args[0]
                    return moved.as_subclass(type(target))
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        with torch._C.DisableTorchFunctionSubclass():
            mixed = len({isinstance(t, Elsewhere) for t in tensors if t.ndim}) == 2
        if mixed and func.__name__ not in cls.MAY_MIX:
            raise RuntimeError(f"tensors on two devices in {func.__name__}")
        return super().__torch_function__(func, types, args, kwargs or {})


def moved(model):
    for module in model.modules():
        for name, weight in module._parameters.items():
            there = weight.detach().as_subclass(Elsewhere)
            module._parameters[name] = torch.nn.Parameter(there, weight.requires_grad)
        for name, values in module._buffers.items():
            module._buffers[name] = values.as_subclass(Elsewhere)
    return model


# Not of BetaExplorer, whose noise moves to a device by name, which this one does not have.
@pytest.mark.slow
@pytest.mark.parametrize("widget", sorted(set(MAKERS) - {"BetaExplorer"}))
def test_models_on_another_device_are_shown(widget):
    make, works = MAKERS[widget]
    for model in sorted(works):
        move_everything(make(moved(MODELS[model]()), IMAGES))


def test_double_models_decode_in_double_precision():
    model = models.VAE.dense((1, 8, 8), 2).double()
    traversal = widgets.LatentTraversal(model, IMAGES)
    expected = model.decode_mean(traversal.code.double()[None])[0]
    torch.testing.assert_close(traversal.decoded(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("widget", ["BetaExplorer", "CodebookExplorer", "Interpolation"])
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 6)])
def test_images_of_another_shape_than_the_models_are_refused(widget, shape):
    make, works = MAKERS[widget]
    model = MODELS[min(works)]()
    with pytest.raises(ValueError, match=r"the model's shape \(1, 8, 8\), got|do not fit the mo"):
        make(model, torch.zeros(4, *shape))


def test_codes_outside_the_unit_square_have_no_place_in_the_ellipses_plane():
    model = models.Autoencoder(SHAPE, 2)
    with torch.no_grad():
        model.encoder[-1].bias.fill_(3.0)
    with pytest.raises(ValueError, match=r"models\[0.5\] must lie in \[0, 1\], .* got \d"):
        MAKERS["ContractionEllipse"][0](model, IMAGES)


def test_one_image_is_a_slider_with_one_place():
    move_everything(widgets.LatentTraversal(models.VAE.dense((1, 8, 8), 2), IMAGES[:1]))
    move_everything(widgets.TokenEditor(vq_vae(), IMAGES))
    traversal = widgets.LatentTraversal(models.VAE.dense((1, 8, 8), 2), IMAGES[:1])
    row = np.asarray(traversal.snapshot())[:26].astype(int)
    _, columns = np.nonzero(abs(row - (0x3F, 0x90, 0xDA)).sum(2) < 10)
    assert columns.mean() == pytest.approx(110, abs=1)  # the handle stands at the left end


# Pictures of every size, grey and in colour

SHAPES = [(1, 12, 12), (1, 28, 28), (1, 32, 32), (3, 32, 32), (1, 64, 64), (1, 5, 9), (3, 9, 5)]
SHOWN = {
    "BetaExplorer": lambda s, x: widgets.BetaExplorer(
        models.ConditionalVAE.dense(s, 5, 1, (8,)), EVERY, x
    ),
    "CodebookExplorer": lambda s, x: widgets.CodebookExplorer(
        model=vq_vae(s, 40, hidden=(8,)), images=x
    ),
    "ContractionEllipse": lambda s, x: MAKERS["ContractionEllipse"][0](
        models.ContractiveAutoencoder(s, 2), x
    ),
    "DenoisingRows": lambda s, x: widgets.DenoisingRows(
        {"VAE": models.VAE.dense(s, 2, (8,)), "plain": models.Autoencoder(s, 2, (8,))}, x
    ),
    "Interpolation": lambda s, x: widgets.Interpolation(x, {"VAE": models.VAE.dense(s, 2, (8,))}),
    "LatentMap": lambda s, x: widgets.LatentMap(models.VAE.dense(s, 2, (8,)), x),
    "LatentTraversal": lambda s, x: widgets.LatentTraversal(models.VAE.dense(s, 2, (8,)), x),
    "SparseSweep": lambda s, x: widgets.SparseSweep(
        {(1.0, 0.1): models.SparseAutoencoder(s, 30, (8,))}, x
    ),
    "SweepRows": lambda s, x: widgets.SweepRows("β", {1: {"image": x, "negative": 1 - x}}),
    "TokenEditor": lambda s, x: widgets.TokenEditor(vq_vae(s, hidden=(8,)), x),
}


@pytest.fixture
def pasted(monkeypatch):
    """Where pictures are drawn: a list of (page, box), filled while widgets draw."""
    places, paste = [], Image.Image.paste

    def watched(page, picture, box=None, mask=None):
        if isinstance(picture, Image.Image) and box is not None and mask is None:
            left, top = box[:2]
            places.append((page, (left, top, left + picture.width, top + picture.height)))
        paste(page, picture, box, mask)

    monkeypatch.setattr(Image.Image, "paste", watched)
    return places


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("widget", SHOWN)
def test_no_picture_overlaps_another_or_leaves_the_page(widget, shape, pasted):
    images = torch.rand(30, *shape, generator=torch.Generator().manual_seed(0))
    SHOWN[widget](shape, images)
    assert pasted
    for page, (left, top, right, bottom) in pasted:
        assert 0 <= left < right <= page.width and 0 <= top < bottom <= page.height
    for (page, a), (other, b) in itertools.combinations(pasted, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart or page is not other, (a, b)


@pytest.mark.parametrize("widget", sorted(set(SHOWN) - {"SparseSweep"}))
def test_colours_on_the_page_are_those_of_the_image(widget, pasted):
    shape = (3, 6, 9)
    images = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0))
    shown = SHOWN[widget](shape, images)
    page = np.asarray(shown.picture().convert("RGB"))
    image = images[0]
    if widget == "ContractionEllipse":
        image = surface(shape)(torch.tensor([[0.5, 0.5]]))[0]
    if widget == "LatentMap":
        image = shown.decoded()
    expected = 255 * image.permute(1, 2, 0).numpy()
    found = []
    for _, (left, top, right, bottom) in pasted:
        zoom = (right - left) / 9
        if zoom == (bottom - top) / 6 and right <= page.shape[1] and bottom <= page.shape[0]:
            middle = int(zoom / 2)
            squares = page[top + middle : bottom : int(zoom), left + middle : right : int(zoom)]
            found.append(np.abs(squares - expected).max())
    assert min(found) <= 0.51


def test_features_have_colours_too():
    images = torch.rand(8, 3, 6, 9, generator=torch.Generator().manual_seed(0))
    model = models.SparseAutoencoder((3, 6, 9), 4, ())
    page = np.asarray(widgets.SparseSweep({(1.0, 0.1): model}, images).picture())
    at = model.decode_mean(torch.cat([torch.zeros(1, 4), torch.eye(4)])).detach()
    order = model.encode(images).mean(0).argsort(descending=True)
    feature = (at[1:] - at[0])[order[0]]
    expected = 255 * (0.5 + feature / feature.abs().max() / 2).permute(1, 2, 0).numpy()
    squares = page[26 + 8 : 26 + 6 * 16 : 16, 8 : 9 * 16 : 16]  # 150 pixels for 9: 16 for each
    np.testing.assert_allclose(squares, expected, atol=0.51)
