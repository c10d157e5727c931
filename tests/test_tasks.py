"""What the reader builds: unwritten, solved, and with each mistake of the catalogue."""

import inspect

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from course_lib.information import kl_normal
from course_lib.likelihoods import bernoulli_nll
from course_lib.models.contractive_autoencoder import sigmoid_contractive_penalty
from course_lib.models.sparse_autoencoder import kl_sparsity
from course_lib.models.vector_quantizer import VectorQuantizer, nearest_code
from course_lib.notebook import check_task
from course_lib.notebook.tasks import TASKS, judge, same, several

MISTAKES = [(name, says) for name, task in TASKS.items() for says in task.mistakes]


@pytest.fixture
def shell():
    """A session that records what is displayed."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def unwritten(*args, **given):
    """What stands in a chapter."""
    ...


@pytest.mark.parametrize("name", TASKS)
def test_an_unwritten_function_is_asked_for_and_the_chapter_goes_on(name, shell):
    with capture_output() as captured:
        function = check_task(name, unwritten)
    assert captured.stdout.startswith(f"✎ {name} returns nothing yet")
    assert function is TASKS[name].solution
    (shown,) = captured.outputs
    assert inspect.getsource(function) in shown.data["text/markdown"]
    assert shown.data["text/markdown"].count("<details>") == len(TASKS[name].hints) + 1


@pytest.mark.parametrize("name", TASKS)
def test_the_solution_is_right_and_short(name, shell):
    task = TASKS[name]
    with capture_output() as captured:
        assert check_task(name, task.solution) is task.solution
    assert captured.stdout == f"✓ {name} is right.\n"
    assert captured.outputs == []
    lines = inspect.getsource(task.solution).splitlines()
    assert 2 <= len(lines) <= 8  # with its head


@pytest.mark.parametrize(("name", "says"), MISTAKES)
def test_a_mistake_is_told(name, says):
    assert judge(TASKS[name], TASKS[name].mistakes[says]) == f"✗ {name}: not yet. {says}"


def test_every_task_knows_several_mistakes():
    assert len(TASKS) >= 12
    assert all(len(task.mistakes) >= 4 and task.hints for task in TASKS.values())


def test_other_results_are_described():
    task = TASKS["reparameterized"]
    assert judge(task, lambda mu, logvar, epsilon: mu[0]) == (
        "✗ reparameterized: not yet. The result has the shape (3,) and should have (4, 3)."
    )
    assert judge(task, lambda mu, logvar, epsilon: mu + 1000).startswith(
        "✗ reparameterized: not yet. It is off by up to 1e+03, by none"
    )
    assert judge(task, lambda mu, logvar, epsilon: mu + torch.nan).startswith("✗")
    said = judge(task, lambda mu: mu)
    assert said.startswith("✗ reparameterized stopped with TypeError: ")
    assert "unexpected keyword argument 'logvar'" in said
    assert judge(task, lambda **_: "z").startswith("✗ reparameterized stopped with ")


def test_what_the_reader_does_to_the_arguments_is_gone_at_the_next_try():
    def careless(mu, logvar, epsilon):
        return mu.zero_()

    for _ in range(2):
        assert judge(TASKS["reparameterized"], careless).startswith("✗")
    assert judge(TASKS["reparameterized"], TASKS["reparameterized"].solution).startswith("✓")


def test_an_unknown_task():
    with pytest.raises(ValueError, match="name must be one of cross_entropy_of_logits, .*'kl'"):
        check_task("kl", unwritten)


# The library's own functions do the same, where they have the same arguments.

LIBRARY = {
    "cross_entropy_of_logits": bernoulli_nll,
    "sparsity_penalty": kl_sparsity,
    "sigmoid_penalty": sigmoid_contractive_penalty,
    "kl_of_normals": kl_normal,
    "nearest_index": nearest_code,
}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_is_right(name):
    assert same(several(LIBRARY[name](**TASKS[name].given)), several(TASKS[name].wanted))


def test_the_quantizer_of_the_library_moves_its_codes_as_the_task_does():
    given = TASKS["ema_codes"].given
    quantizer = VectorQuantizer(5, 2, gamma=given["gamma"], revive_below=0, initial="normal")
    quantizer.count.copy_(given["count"])
    quantizer.sum.copy_(given["total"])
    quantizer.step(given["z_e"], given["indices"])
    chosen = given["indices"].unique()
    wanted = TASKS["ema_codes"].wanted[chosen]
    assert torch.allclose(quantizer.codebook[chosen], wanted, rtol=1e-3)  # Laplace's 10⁻⁵
