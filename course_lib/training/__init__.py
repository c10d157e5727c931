"""The training loop, which knows no model, and many trainings at once.

Importing it sets PyTorch to one thread, unless OMP_NUM_THREADS says otherwise: chapter 1 takes as
long with two threads, and beside another busy program they wait for each other (docs/benchmarks.md
has the measurement). Commands that train for minutes take all.
"""

import os

import torch

from course_lib.training.aggressive import AggressiveVAE
from course_lib.training.loop import History, Progress, batches, fit, step
from course_lib.training.sweeps import sweep

if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(1)

__all__ = ["AggressiveVAE", "History", "Progress", "batches", "fit", "step", "sweep"]
