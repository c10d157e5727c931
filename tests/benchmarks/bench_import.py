"""What importing the library costs beyond importing torch, each in a fresh interpreter."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["torch", "course_lib", "course_lib.models"])
def test_import_on_top_of_torch(benchmark, module):
    command = [sys.executable, "-c", f"import torch, {module}"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=7, warmup_rounds=1)
