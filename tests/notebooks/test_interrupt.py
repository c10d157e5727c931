"""Kernel → Interrupt during a training, in a real kernel."""

from jupyter_client.manager import start_new_kernel

TRAIN = """
import torch
from course_lib.models import Autoencoder
from course_lib.training import fit


class Announcing(Autoencoder):
    steps = 0

    def loss(self, x, generator=None):
        self.steps += 1
        if self.steps == 50:
            print("training", flush=True)
        return super().loss(x, generator)


model = Announcing((1, 8, 8), 2)
before = torch.nn.utils.parameters_to_vector(model.parameters()).clone()
history = fit(model, torch.rand(500, 1, 8, 8), epochs=10**6)
"""
REPORT = """
after = torch.nn.utils.parameters_to_vector(model.parameters())
print(history.interrupted, len(history.terms["total"]) > 10, not torch.equal(before, after))
"""
CLAIM = """
from course_lib.notebook import claim
try:
    claim("AE.small", "The loss is small.", 9, at_most=1)
except AssertionError as error:
    print(error)
"""


def printed(client):
    """The next text that the kernel prints."""
    while True:
        message = client.get_iopub_msg(timeout=120)
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            return message["content"]["text"]


def test_the_user_interrupts_and_keeps_weights_and_history():
    manager, client = start_new_kernel()
    try:
        client.execute(TRAIN)
        assert printed(client) == "training\n"
        manager.interrupt_kernel()
        assert printed(client).startswith("interrupted after ")
        client.execute(REPORT)
        assert printed(client) == "True True True\n"
        client.execute(CLAIM)
        assert "The training of Announcing was interrupted" in printed(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
