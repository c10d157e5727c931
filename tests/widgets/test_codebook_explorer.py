"""A codebook in the plane: the page's steps are those of VectorQuantizer."""

import pytest
import torch

from course_lib.evaluation import perplexity, usage
from course_lib.models import VQVAE, VectorQuantizer
from course_lib.models.vector_quantizer import nearest_code
from course_lib.widgets import CodebookExplorer

GENERATOR = torch.Generator().manual_seed(0)
VECTORS = torch.randn(60, 2, generator=GENERATOR)
IMAGES = torch.rand(9, 1, 8, 8, generator=GENERATOR)
MODEL = VQVAE.dense((1, 8, 8), VectorQuantizer(5, 2), tokens=2)


@pytest.mark.equation("VQ.11")
@pytest.mark.equation("VQ.12")
@pytest.mark.parametrize("gamma", [0.0, 0.8, 0.99])
def test_every_step_is_the_quantizers(javascript, gamma):
    quantizer = VectorQuantizer(9, 2, gamma=gamma, revive_below=0, initial="normal").double()
    vectors = VECTORS.double()
    start = {"codebook": quantizer.codebook.tolist(), "count": quantizer.count.tolist(),
             "sum": quantizer.sum.tolist()}  # fmt: skip
    ours = javascript(
        "codebook_explorer.js",
        """Array.from({ length: 20 }).reduce((all, _) =>
            [...all, step(all.at(-1), vectors, gamma)], [start])""",
        start=start, vectors=vectors.tolist(), gamma=gamma,
    )  # fmt: skip
    for averages in ours[1:]:
        quantizer.step(vectors, nearest_code(vectors, quantizer.codebook))
        for name in ("codebook", "count", "sum"):
            expected = getattr(quantizer, name)
            assert torch.tensor(averages[name], dtype=torch.float64).allclose(
                expected, atol=1e-9
            ), name


@pytest.mark.equation("VQ.2")
def test_the_nearest_code_is_the_librarys_and_the_first_of_several(javascript):
    codes = torch.randn(7, 2, generator=GENERATOR)
    codes[3] = codes[5]
    found = javascript(
        "codebook_explorer.js", "nearest(vectors, codebook)", vectors=VECTORS.tolist(),
        codebook=codes.tolist(),
    )  # fmt: skip
    assert found == nearest_code(VECTORS, codes).tolist()


def test_the_cells_divide_the_plane(javascript):
    codes = torch.randn(6, 2, generator=GENERATOR).clamp(-2, 2).tolist()
    corners = javascript(
        "codebook_explorer.js", "codes.map((_, k) => cell(codes, k, [-3, 3], [-3, 3]))", codes=codes
    )
    areas = []
    for k, polygon in enumerate(corners):
        p = torch.tensor(polygon, dtype=torch.float64)
        q = p.roll(-1, 0)
        areas.append((p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]).sum().abs().item() / 2)
        inside = p.mean(0, keepdim=True)  # cells are convex
        assert nearest_code(inside, torch.tensor(codes, dtype=torch.float64)).item() == k
    assert sum(areas) == pytest.approx(36)


def test_dead_codes_are_revived_and_others_left(javascript):
    revived = javascript(
        "codebook_explorer.js",
        """revived({codebook: [[0, 0], [9, 9]], count: [4, 0.01], sum: [[0, 0], [0.09, 0.09]]},
            [[5, 6]], 0.05)""",
    )
    assert revived == {
        "codebook": [[0, 0], [5, 6]], "count": [4, 0.5], "sum": [[0, 0], [2.5, 3]],
    }  # fmt: skip


def announced(codes, vectors, steps):
    indices = nearest_code(vectors, codes)
    K = len(codes)
    error = (vectors - codes[indices]).square().sum(1).mean().item()
    return (
        f"steps: {steps}; in use: {int((usage(indices, K) > 0).sum())} of {K} codes; perplexity "
        f"{perplexity(indices, K):.2f}; mean of ‖z_e − e‖²: {error:.4f}"
    )


def test_the_button_takes_steps_and_the_error_is_the_quantizers(shown):
    widget = CodebookExplorer(VECTORS, K=6, gamma=0.5, initial="normal")
    quantizer = VectorQuantizer(6, 2, gamma=0.5, revive_below=0, initial="normal")
    quantizer.load_state_dict(quantizer.state_dict())
    quantizer.codebook.data = torch.tensor(widget.codebook)
    quantizer.sum.copy_(quantizer.codebook)
    page = shown(widget)
    said = page.get_by_role("status")
    assert said.inner_text() == announced(quantizer.codebook, VECTORS, 0)
    for steps in (1, 2, 3):
        quantizer.step(VECTORS, nearest_code(VECTORS, quantizer.codebook))
        page.get_by_role("button", name="one EMA step").click()
        said.filter(has_text=announced(quantizer.codebook, VECTORS, steps)).wait_for()


def test_a_code_is_dragged_by_the_mouse_and_moved_by_sliders(shown, value):
    widget = CodebookExplorer(VECTORS, K=4)
    page = shown(widget)
    plane = page.get_by_role("img", name="vectors, codes")
    circle = plane.locator(".code", has_text="2").bounding_box()
    x, y = circle["x"] + circle["width"] / 2, circle["y"] + circle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.get_by_role("status").wait_for()
    assert value(page, "code") == 2
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 60, steps=3)
    page.mouse.up()
    (left, _), (low, _) = widget.ends
    assert value(page, "x") < left + 1 and value(page, "y") < low + 1
    before = page.get_by_role("status").inner_text()
    page.get_by_role("slider", name="x", exact=True).press("End")
    page.wait_for_function(
        "text => document.querySelector('[role=status]').innerText !== text", arg=before
    )
    moved = plane.locator(".code.chosen").bounding_box()
    assert moved["x"] > box["x"] + box["width"] - 60


def test_another_k_and_new_codes(shown, value):
    page = shown(CodebookExplorer(VECTORS, K=4))
    said = page.get_by_role("status")
    page.get_by_role("slider", name="K", exact=True).press("ArrowRight")
    said.filter(has_text="of 5 codes").wait_for()
    page.get_by_role("button", name="one EMA step").click()
    said.filter(has_text="steps: 1;").wait_for()
    page.get_by_role("button", name="new codes").click()
    said.filter(has_text="steps: 0;").wait_for()
    page.get_by_role("slider", name="code").press("End")
    assert value(page, "code") == 4


def test_with_a_model_codes_have_pictures_and_images_are_rebuilt(shown, pixels, strip):
    page = shown(CodebookExplorer(model=MODEL, images=IMAGES))
    with torch.no_grad():
        z_e = MODEL.encode(IMAGES)
        codebook = MODEL.quantizer.codebook
        rebuilt = MODEL(IMAGES)
        pictures = MODEL.decode_mean(codebook[:, None].expand(-1, 2, -1))
    assert page.get_by_role("status").inner_text() == announced(codebook, z_e.flatten(0, 1), 0)
    assert (strip(pixels(page, "rebuilt"), 8, 8) - 255 * rebuilt).abs().max() < 1.5
    for k in range(5):
        assert (pixels(page, f"what code {k} decodes to") - 255 * pictures[k]).abs().max() < 1.5


def test_in_python_too_another_k_draws_new_codes():
    widget = CodebookExplorer(VECTORS, K=4)
    widget.code = 3
    widget.K = 3
    assert len(widget.codebook) == len(widget.count) == 3 and widget.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either z_e or both model and images"),
        ({"z_e": VECTORS, "model": MODEL}, "give either"),
        ({"model": MODEL}, "give either"),
        ({"z_e": torch.randn(5, 3)}, r"z_e must be \(M, 2\)"),
        ({"z_e": VECTORS, "K": 65}, "K must be from 2 to 64, got 65"),
        ({"z_e": VECTORS, "K": 1}, "K must be from 2 to 64, got 1"),
        ({"z_e": VECTORS, "gamma": 1.0}, "gamma must lie in"),
        ({"z_e": VECTORS, "initial": "zeros"}, "initial"),
        ({"model": MODEL, "images": IMAGES[:, :, :4]}, "model"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CodebookExplorer(**arguments)
