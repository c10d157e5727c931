"""The explorer of β: every number and picture is that of the model at this β."""

import copy
import re

import pytest
import torch

from course_lib.evaluation import rate_distortion
from course_lib.models import VAE, ConditionalVAE
from course_lib.objectives import EveryBeta
from course_lib.widgets import BetaExplorer

IMAGES = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
EVERY = EveryBeta(0.1, 4.0)
MODEL = ConditionalVAE.dense((1, 8, 8), 3, 1, seed=2)
with torch.no_grad():  # means that differ from image to image, so that units are active
    MODEL.encoder[-1].weight.mul_(40)
CURVE = "the rate–distortion curve; drag the point"


def said_at(beta, images=IMAGES):
    """The line below the slider, from the library's numbers."""
    measured = rate_distortion(EVERY.at(MODEL, beta), images)
    return (
        f": rate {measured.rate:.2f} nats per image, distortion {measured.distortion:.2f}, "
        f"{int(measured.active.sum())} of 3 units active"
    )


def curve_of(page):
    """Where the curve passes, a place for each β: CSS pixels of the picture."""
    path = page.locator(".line.c0").get_attribute("d")
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_the_slider_spans_the_range_and_starts_near_1():
    widget = BetaExplorer(MODEL, EVERY, IMAGES)
    assert (widget.betas[0], widget.betas[-1], len(widget.betas)) == (0.1, 4.0, 61)
    ratios = [after / before for before, after in zip(widget.betas, widget.betas[1:], strict=False)]
    assert ratios == pytest.approx([40 ** (1 / 60)] * 60)
    assert abs(widget.beta - 1) < 0.05
    assert BetaExplorer(MODEL, EVERY, IMAGES, beta=0.1).beta == 0.1
    assert BetaExplorer(MODEL, EveryBeta(2.0, 8.0), IMAGES).beta == 2  # a range without 1


def test_only_a_place_of_the_slider_can_be_set():
    widget = BetaExplorer(MODEL, EVERY, IMAGES)
    widget.beta = widget.betas[3]
    with pytest.raises(ValueError, match="beta must be one of"):
        widget.beta = 1.2345
    assert widget.beta == widget.betas[3]


def test_the_page_decodes_as_the_model_for_each_beta_does(javascript):
    widget = BetaExplorer(MODEL, EVERY, IMAGES)
    halved = copy.deepcopy(MODEL)
    for parameter in halved.parameters():  # as they are sent
        parameter.data = parameter.data.half().float()
    table = torch.frombuffer(bytearray(widget.table["bytes"]), dtype=torch.float32).view(61, -1)
    z = torch.randn(61, 3, generator=torch.Generator().manual_seed(1))
    network = widget.network | {"bytes": list(widget.network["bytes"])}
    view = "new DataView(Uint8Array.from(network.bytes).buffer)"
    expression = f"xs.map(sequential({{...network, bytes: {view}}}))"
    xs = torch.cat([z, table[:, :1]], 1).tolist()  # the condition of each place, as it is sent
    ours = javascript("nn.js", expression, network=network, xs=xs)
    for i, beta in enumerate(widget.betas):
        with torch.no_grad():
            expected = EVERY.at(halved, beta).decode_mean(z[i : i + 1]).flatten()
        assert torch.tensor(ours[i]).allclose(expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("at", [0, 30, 60])
def test_numbers_and_pictures_are_the_models(shown, pixels, strip, at):
    widget = BetaExplorer(MODEL, EVERY, IMAGES, seed=3)
    widget.beta = widget.betas[at]
    vae = EVERY.at(MODEL, widget.beta)
    measured = rate_distortion(vae, IMAGES)
    page = shown(widget)
    assert page.get_by_role("status").inner_text().endswith(said_at(widget.beta))
    with torch.no_grad():
        means = vae.encode(IMAGES[:7]).mu
        z = torch.randn(7, 3, generator=torch.Generator().manual_seed(3))
        rows = {
            "image": IMAGES[:7],
            "reconstruction": vae.decode_mean(means),
            "sample": vae.decode_mean(z),
        }
        order = [j for j in measured.kl.argsort(descending=True).tolist() if measured.active[j]]
        walk = means[0].repeat(7, 1)
        walk[:, order[0]] = torch.linspace(-3, 3, 7)
        rows["walk along a dimension"] = vae.decode_mean(walk)
    for label, row in rows.items():
        assert (strip(pixels(page, label), 8, 8) - 255 * row).abs().max() < 2
    texts = page.locator(".rows span:visible").all_inner_texts()
    names = [f"{'z' + '₁₂₃'[j]}, {measured.kl[j]:.2f} nats" for j in order]
    assert texts == ["image", "reconstruction", "sample", *names]


def test_a_key_moves_numbers_pictures_and_the_point(shown, pixels):
    widget = BetaExplorer(MODEL, EVERY, IMAGES)
    page = shown(widget)
    sample, image = pixels(page, "sample"), pixels(page, "image")
    page.get_by_role("slider", name="β").press("ArrowLeft")
    at = widget.betas.index(widget.beta) - 1
    page.get_by_role("status").filter(has_text=said_at(widget.betas[at])).wait_for()
    place = [float(page.locator(".mark.c0").get_attribute(name)) for name in ("cx", "cy")]
    assert place == pytest.approx(curve_of(page)[at], abs=0.01)
    assert (pixels(page, "sample") != sample).any()
    assert (pixels(page, "image") == image).all()


def test_colour_pictures_fewer_than_seven_will_do(shown, pixels, strip):
    images = torch.rand(3, 3, 12, 6, generator=torch.Generator().manual_seed(0))
    model = ConditionalVAE.dense((3, 12, 6), 5, 1)
    widget = BetaExplorer(model, EVERY, images)
    page = shown(widget)
    vae = EVERY.at(model, widget.beta)
    with torch.no_grad():
        rebuilt = vae.decode_mean(vae.encode(images).mu)
    for label, row in {"image": images, "reconstruction": rebuilt}.items():
        assert (strip(pixels(page, label), 12, 6) - 255 * row).abs().max() < 2
    box = page.get_by_role("img", name="image", exact=True).bounding_box()
    assert box["height"] < 60


def test_where_the_code_is_ignored_there_are_no_walks_and_the_axes_are_whole_nats(shown):
    model = ConditionalVAE.dense((1, 8, 8), 6, 1)
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].bias.zero_()
    page = shown(BetaExplorer(model, EVERY, IMAGES))
    assert "rate 0.00 nats" in page.get_by_role("status").inner_text()
    assert page.locator(".rows span:visible").count() == 3
    assert page.locator(".rows canvas:visible").count() == 3
    below = page.get_by_role("img", name=CURVE).bounding_box()
    rows = page.locator(".rows").bounding_box()
    assert below["y"] < rows["y"] + 20  # beside the rows
    assert "e−" not in page.get_by_role("img", name=CURVE).text_content()


def test_walks_go_along_active_dimensions_with_the_largest_kl_first(javascript):
    walked = javascript("beta_explorer.js", "walked([1, 5, 3, 4, 2, 9], [1, 1, 1, 1, 1, 0])")
    assert walked == [1, 3, 2, 4]


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0, 14.6, [0, 15]), (17.2, 24.9, [17, 25]), (140.1, 182, [140, 185]), (0, 1e-7, [0, 0.5]),
     (3, 3, None)],
)  # fmt: skip
def test_axes_end_at_round_numbers(javascript, low, high, ends):
    first, last = javascript("beta_explorer.js", "rounded(low, high)", low=low, high=high)
    assert first <= low <= high <= last and first < last
    assert ends is None or [first, last] == ends


def test_near_is_what_looks_near_on_the_axes(javascript):
    at = javascript(
        "beta_explorer.js",
        "points.map((p) => nearest([[0, 0], [1, 0], [0, 50]], p, [0, 1], [0, 100]))",
        points=[[0.1, 20], [0.6, 20], [0.2, 26], [0, 100], [0.9, 30]],
    )  # fmt: skip
    assert at == [0, 1, 2, 2, 1]


def test_a_press_or_a_drag_on_the_curve_chooses_the_beta_nearest_to_it(shown, value):
    widget = BetaExplorer(MODEL, EVERY, IMAGES, [(1.0, 2.0, 40.0)])
    page = shown(widget)
    box = page.get_by_role("img", name=CURVE).bounding_box()
    places = curve_of(page)
    assert len(places) == 61
    for i in (5, 57):
        page.mouse.move(box["x"] + places[i][0], box["y"] + places[i][1])
        page.mouse.down()
        page.get_by_role("status").filter(has_text=said_at(widget.betas[i])).wait_for()
        u, v = places[i - 4]
        page.mouse.move(box["x"] + u, box["y"] + v, steps=2)
        page.mouse.up()
        page.get_by_role("status").filter(has_text=said_at(widget.betas[i - 4])).wait_for()
        assert value(page, "β") == pytest.approx(widget.betas[i - 4], rel=0.01)


def test_points_of_other_models_have_labels_where_there_is_room(shown):
    points = [(0.1, 60.0, 30.0), (1.0, 30.0, 60.0), (1.1, 30.5, 60.5)]
    page = shown(BetaExplorer(MODEL, EVERY, IMAGES, points))
    curve = page.get_by_role("img", name=CURVE)
    assert curve.locator(".mark.c1").count() == 3
    assert curve.locator("text.halo").all_text_contents() == ["0.1", "1"]
    assert page.locator(".legend").inner_text().split("\n")[-1] == "a model for each β"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": VAE.dense((1, 8, 8), 2)}, "model must be a ConditionalVAE"),
        ({"objective": None}, "objective an EveryBeta, got ConditionalVAE and NoneType"),
        ({"images": IMAGES[0]}, r"images must have shape \(N, C, H, W\)"),
        ({"images": IMAGES[:1]}, "with N ≥ 2"),
        ({"images": torch.rand(3, 1, 4, 4)}, "do not fit the model"),
        ({"images": IMAGES.expand(-1, 3, 8, 8)}, r"images of shape \(3, 8, 8\) do not fit"),
        ({"points": [(1, 2)]}, "points must be triples"),
        ({"beta": 5.0}, "beta must be one of"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BetaExplorer(**{"model": MODEL, "objective": EVERY, "images": IMAGES} | arguments)
