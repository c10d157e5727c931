"""Settings of every test run: no windows, one thread a worker; in CI no skipped test."""

import os
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # workers, and the kernels they start, share the cores
    os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import matplotlib  # noqa: F401  (reads the backend when imported)
import pytest

# No deadline, since machines may be busy; in CI the same examples every time.
hypothesis.settings.register_profile("course", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("course")

# Not for the kernels, in which pictures belong into the notebook.
del os.environ["MPLBACKEND"]


def pytest_addoption(parser):
    parser.addoption("--screenshots", metavar="DIR", help="where browser tests save pictures")


@pytest.fixture
def real_files():
    """The folder of the original MNIST and Fashion-MNIST files; skipped where they are not."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("COURSE_DATA_DIR") or shared)
    if not (folder / "mnist").is_dir() or not (folder / "fashion-mnist").is_dir():
        pytest.skip("the original MNIST and Fashion-MNIST files are not here: set COURSE_DATA_DIR")
    return folder


@pytest.fixture
def source_documents(real_files):
    """The folder of the five documents that the course follows, beside that of the data."""
    folder = real_files.parent / "sources"
    if not (folder / "errata.md").is_file():
        pytest.skip("the source documents are not here")
    return folder


def pytest_configure(config):
    """In CI a skipped test is a failure: nothing there has a reason not to run."""
    if os.environ.get("CI"):
        config.pluginmanager.register(SkipsAreFailures())


class SkipsAreFailures:
    """A plugin and not two functions here, which would not see the notebooks in chapters/."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        return fail_if_skipped((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self):
        return fail_if_skipped((yield))


def fail_if_skipped(report):
    """Turn the report of a skip, but not of an expected failure, into that of a failure."""
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a failure in CI: {report.longrepr[-1]}"
    return report
