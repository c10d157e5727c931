"""A sweep handed to other processes gives the weights that `fit` gives, to the bit."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from course_lib.datasets import load
from course_lib.models import VAE, VQVAE, VectorQuantizer
from course_lib.objectives import Beta, Constraint
from course_lib.training import fit, sweep

IMAGES = load("digits").images[:200]
SETTINGS = {"epochs": 3, "batch_size": 64, "lr": 3e-3, "seed": 5}


def family():
    """Models and objectives of several kinds, which no stack could take."""
    models = [
        VAE.dense((1, 8, 8), 3, seed=1),
        VAE.convolutional((1, 8, 8), 3, channels=(4,)),
        VAE.dense((1, 8, 8), 2),
        VQVAE.dense((1, 8, 8), VectorQuantizer(8, 2)),
    ]
    return models, [Beta(2.0, warm_up=5), Beta(0.5), Constraint(3.0), None]


def assert_as_alone(executor):
    models, objectives = family()
    histories = sweep(models, IMAGES, objectives, executor=executor, **SETTINGS)
    assert objectives[2].beta != 1  # a multiplier comes back with its model
    for model, history, alone, objective in zip(models, histories, *family(), strict=True):
        assert fit(alone, IMAGES, objective=objective, **SETTINGS) == history
        assert not model.training
        ours, theirs = model.state_dict(), alone.state_dict()
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(ours[name], value), name


@pytest.mark.slow
def test_a_process_pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert_as_alone(pool)


@pytest.mark.slow
def test_what_fails_in_a_worker_is_raised_here():
    models = [VAE.dense((1, 8, 8), 2), VAE.dense((1, 4, 4), 2)]
    objectives = [Beta(1.0), Beta(1.0)]
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(RuntimeError, match="shapes"),
    ):
        sweep(models, IMAGES, objectives, executor=pool, **SETTINGS)


@pytest.mark.slow
def test_a_dask_cluster_of_two_processes():
    distributed = pytest.importorskip("distributed", reason="needs pip install -e '.[cluster]'")
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tcp"
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        assert_as_alone(executor)
