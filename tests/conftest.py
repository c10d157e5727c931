"""Settings of every test run: no windows, one thread a worker; in CI no unexplained skip.

Some tests need data that the repository does not hold: the original MNIST files, a part of
dSprites, the five source documents. These are looked for in the folder that COURSE_DATA_DIR names,
or in ../shared; MNIST and Fashion-MNIST are downloaded if need be. Where data are out of reach the
tests are skipped, in CI, too, or fail if COURSE_REQUIRE_DATA is set, as .ci/run does.
"""

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


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


class DataMissing(pytest.skip.Exception):
    """A skip that is no failure in CI."""


def missing(reason):
    """Skip the test, or fail it where the data are required."""
    if os.environ.get("COURSE_REQUIRE_DATA"):
        pytest.fail(f"COURSE_REQUIRE_DATA is set, but {reason}", pytrace=False)
    raise DataMissing(reason)


def data_folder():
    """The folder with what cannot be downloaded."""
    return Path(os.environ.get("COURSE_DATA_DIR") or SHARED).expanduser()


@pytest.fixture(scope="session")
def real_files():
    """The folder of the original MNIST and Fashion-MNIST files, downloaded if need be."""
    from course_lib.datasets import files

    if not os.environ.get("COURSE_DATA_DIR") and SHARED.is_dir():
        return SHARED
    try:
        for (name, split), hashes in files.SHA256.items():
            for file, sha256 in zip(files.IDX_FILES[split], hashes, strict=True):
                files.fetch(name, file, sha256)
    except OSError as error:  # no network, no room, or a COURSE_DATA_DIR without these files
        missing(str(error))
    return files.originals_folder()


@pytest.fixture
def sprites_file():
    """A part of dSprites."""
    path = data_folder() / "dsprites" / "dsprites_subset.npz"
    return path if path.is_file() else missing(f"{path} is not here")


@pytest.fixture
def source_documents():
    """The folder of the five documents that the course follows, beside that of the data."""
    folder = data_folder().parent / "sources"
    return folder if (folder / "errata.md").is_file() else missing(f"{folder} is not here")


@pytest.fixture(scope="module")  # while it is open, nothing else can use asyncio, nor a second one
def chromium():
    """A headless browser; skipped, with the reason, where one is missing."""
    pytest.importorskip("playwright", reason="Playwright is not installed")
    from course_lib.widgets import page

    try:
        with page.chromium() as browser:
            yield browser
    except FileNotFoundError as error:
        pytest.skip(str(error))


LONGEST = (  # of `make test`, in the order in which they are begun
    "tests/notebooks/test_seeds.py",
    "tests/notebooks/test_mnist.py",
    "tests/browser/",
    "chapters/",
    "tests/site/",
    "tests/exercises/",
    "tests/grading/",
)
APART = LONGEST[:2]  # files whose tests share no fixture that would be made once for each worker


def pytest_collection_modifyitems(items):
    """In workers the longest files come first: one begun last would leave the others idle."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: [not item.nodeid.startswith(path) for path in LONGEST])


@pytest.hookimpl(optionalhook=True)  # without xdist nobody asks
def pytest_xdist_make_scheduler(config, log):
    """Give workers one file at a time, and of those in APART one test."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LongestFirst(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if nodeid.startswith(APART) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # not by the number of tests; before xdist 3.8 it is
    return LongestFirst(config, log)


def pytest_configure(config):
    """In CI a skipped test is a failure, unless it needs data: nothing else has a reason."""
    if os.environ.get("CI"):
        config.pluginmanager.register(SkipsAreFailures())


class SkipsAreFailures:
    """A plugin and not two functions here, which would not see the notebooks in chapters/."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call):
        report = yield
        lacks_data = call.excinfo is not None and call.excinfo.errisinstance(DataMissing)
        return report if lacks_data else fail_if_skipped(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self):
        return fail_if_skipped((yield))


def fail_if_skipped(report):
    """Turn the report of a skip, but not of an expected failure, into that of a failure."""
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a failure in CI: {report.longrepr[-1]}"
    return report
