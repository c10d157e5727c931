"""The plane of a prior: page and library agree on densities, draws, lines and pictures."""

import math

import pytest
import torch
from scipy import stats

from course_lib.models import VAE
from course_lib.priors import (
    FlowPrior,
    GaussianMixture,
    Prior,
    StandardNormal,
    VampPrior,
    mixture_log_prob,
)
from course_lib.widgets import PriorPlane
from course_lib.widgets.prior_plane import sent_prior

IMAGES = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def model(prior=None, seed=0):
    return VAE.dense((1, 8, 8), 2, hidden=(6,), prior=prior, seed=seed)


def moved(prior, by=0.4):
    """The prior with parameters anywhere."""
    for i, parameter in enumerate(prior.parameters()):
        noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i))
        parameter.data += by * noise
    return prior


PRIORS = {
    "N(0, I)": lambda: StandardNormal(2),
    "mixture": lambda: moved(GaussianMixture(2, 4)),
    "vamp": lambda: moved(VampPrior(model().encoder, IMAGES[:5])),
    "flow": lambda: moved(FlowPrior(2, couplings=5, hidden=8)),
}
PLACES = 2 * torch.randn(9, 2, generator=torch.Generator().manual_seed(3))


def as_json(sent):
    """What was sent, as JSON carries it, with a recipe for its bytes."""
    if isinstance(sent, bytes):
        return list(sent)
    if isinstance(sent, dict):
        return {key: as_json(value) for key, value in sent.items()}
    return [as_json(value) for value in sent] if isinstance(sent, list) else sent


# Bytes come to the page as DataViews.
REVIVED = """((sent) => {
    const revived = (part) => part && typeof part === "object" && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).map(([key, value]) => [key, key === "bytes"
            ? new DataView(Uint8Array.from(value).buffer) : revived(value)]))
        : Array.isArray(part) ? part.map(revived) : part;
    return revived(sent);
})(sent)"""


@pytest.mark.equation("PRIOR.2")
@pytest.mark.equation("PRIOR.4")
@pytest.mark.parametrize("kind", PRIORS)
def test_densities_are_those_of_pytorch(javascript, kind):
    prior = PRIORS[kind]()
    ours = javascript(
        "prior_plane.js", f"(({{ density }}) => places.map(density))(priorOf({REVIVED}))",
        sent=as_json(sent_prior(prior)), places=PLACES.tolist(),
    )  # fmt: skip
    with torch.no_grad():
        expected = prior.log_prob(PLACES)
    torch.testing.assert_close(torch.tensor(ours), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", PRIORS)
def test_draws_are_those_of_pytorch(javascript, kind):
    """From the same noise; of a mixture by its cumulated weights."""
    prior, shares = PRIORS[kind](), torch.linspace(0.01, 0.99, 9)
    ours = javascript(
        "prior_plane.js",
        f"(({{ draw }}) => places.map((noise, i) => draw(shares[i], noise)))(priorOf({REVIVED}))",
        sent=as_json(sent_prior(prior)), places=PLACES.tolist(), shares=shares.tolist(),
    )  # fmt: skip
    with torch.no_grad():
        if kind == "flow":
            expected = prior.from_noise(PLACES)
        elif kind == "N(0, I)":
            expected = PLACES
        else:
            mu, logvar = prior.components() if kind == "vamp" else (prior.mu, prior.logvar)
            weights = prior.logits.softmax(0) if kind == "mixture" else torch.full((5,), 0.2)
            k = torch.searchsorted(weights.cumsum(0), shares)
            expected = mu[k] + (logvar[k] / 2).exp() * PLACES
    torch.testing.assert_close(torch.tensor(ours), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("share", "radius"), [(0.5, 1.177), (0.9, 2.146)])
def test_lines_hold_the_share_that_they_say(javascript, share, radius):
    """Of N(0, I) they are circles: P(‖z‖ < r) = 1 − exp(−r²/2)."""
    assert radius == pytest.approx(stats.chi2(2).ppf(share) ** 0.5, abs=1e-3)
    axis = torch.linspace(-5, 5, 81, dtype=torch.float64)
    values = torch.exp(-(axis[:, None] ** 2 + axis**2) / 2).flatten()
    (line,) = javascript(
        "prior_plane.js", "contours(values, axis, axis, levelOf(values, share))",
        values=values.tolist(), axis=axis.tolist(), share=share,
    )  # fmt: skip
    line = torch.tensor(line)
    torch.testing.assert_close(
        line.norm(dim=1), torch.full((len(line),), radius), atol=0.05, rtol=0
    )
    assert line[0].tolist() == line[-1].tolist()  # closed
    steps = (line[1:] - line[:-1]).norm(dim=1)
    assert steps.max() < 0.2 and steps.sum() == pytest.approx(2 * math.pi * radius, rel=0.02)


def test_two_islands_and_a_line_that_leaves_the_plane(javascript):
    axis = torch.linspace(-3, 3, 61, dtype=torch.float64)
    x, y = axis[None], axis[:, None]
    islands = torch.exp(-4 * ((x - 1.5) ** 2 + y**2)) + torch.exp(-4 * ((x + 1.5) ** 2 + y**2))
    lines = javascript(
        "prior_plane.js", "contours(values, axis, axis, 0.5)",
        values=islands.flatten().tolist(), axis=axis.tolist(),
    )  # fmt: skip
    assert len(lines) == 2
    assert {round(sum(p[0] for p in line) / len(line), 1) for line in lines} == {-1.5, 1.5}
    (ramp,) = javascript(
        "prior_plane.js", "contours(values, axis, axis, 0.25)",
        values=(x + 0 * y).flatten().tolist(), axis=axis.tolist(),
    )  # fmt: skip
    assert {round(p[0], 6) for p in ramp} == {0.25}
    assert {ramp[0][1], ramp[-1][1]} == {-3, 3}


def test_the_page_tells_densities_and_decodes_the_ring(shown, pixels):
    models = {name: model(make(), seed) for seed, (name, make) in enumerate(PRIORS.items())}
    widget = PriorPlane(models, IMAGES, [0.5, 0.25, 0.1, 0.2], "KL in nats:")
    assert (widget.at, widget.place) == (3, [0, 0])
    widget.place = [0.5, -0.25]
    page = shown(widget)
    said = page.get_by_role("status")
    slider = page.get_by_role("slider", name="prior", exact=True)
    for at, (name, net) in reversed(list(enumerate(models.items()))):
        said.filter(has_text=f"prior {name}:").wait_for()
        z = torch.tensor([[0.5, -0.25]])
        with torch.no_grad():
            q = net.encode(IMAGES)
            p = net.prior.log_prob(z).item()
            aggregate = mixture_log_prob(z, -torch.full((12,), 12.0).log(), *q).item()
            picture = net.decode_mean(z)[0]
        numbers = said.inner_text().replace("−", "-").replace(",", "").split()
        assert float(numbers[numbers.index("p(z)") + 2]) == pytest.approx(p, abs=0.006)
        assert float(numbers[-1]) == pytest.approx(aggregate, abs=0.006)
        drawn = pixels(page, "what the ring decodes to")
        assert (drawn - 255 * picture).abs().max() < 1.5
        if at:
            slider.press("ArrowLeft")


def test_the_ring_is_dragged_and_lines_follow_the_slider(shown, value):
    models = {"round": model(), "flow": model(PRIORS["flow"]())}
    page = shown(PriorPlane(models, IMAGES))
    plane = page.get_by_role("img", name="the plane of codes; drag the ring")
    before = plane.locator(".line").first.get_attribute("d")
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 44 + 0.75 * (box["width"] - 56), box["y"] + 60)
    page.mouse.up()
    low, high = PriorPlane(models, IMAGES).ends[0]
    assert value(page, "z₁") == pytest.approx(low + 0.75 * (high - low), abs=0.1)
    page.get_by_role("slider", name="prior", exact=True).press("ArrowLeft")
    page.get_by_role("status").filter(has_text="prior round").wait_for()
    assert plane.locator(".line").first.get_attribute("d") != before


def test_of_many_images_some_are_sent():
    widget = PriorPlane({"one": model()}, IMAGES.repeat(100, 1, 1, 1))
    assert widget.moments[0]["codes"]["mu"]["shape"] == [300, 2]


class Unknown(Prior):
    latent_dim = 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, r"models must have codes of two numbers each, got \[\]"),
        ({"models": {"a": VAE.dense((1, 8, 8), 3)}}, r"two numbers each, got \[3\]"),
        ({"values": [1.0, 2.0]}, "values must number 1 like models, got 2"),
        ({"images": IMAGES[:, 0]}, r"images must have shape \(N, C, H, W\)"),
        ({"images": IMAGES[..., :4]}, "do not fit the model"),
        ({"models": {"a": model(Unknown())}}, "FlowPrior, got Unknown"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PriorPlane(**{"models": {"a": model()}, "images": IMAGES} | arguments)
