"""course_lib.datasets.files: downloads, a classroom's copy, and bad or missing files."""

import errno
import gzip
import hashlib
import os
import struct
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from course_lib import datasets
from course_lib.datasets import ImageSet, files, load, read_idx

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES, LABELS = datasets.IDX_FILES["test"]


# --- Small originals, and servers that deliver them or fail to --------------------------------


def idx(array: np.ndarray, magic: int | None = None, shape: tuple[int, ...] | None = None) -> bytes:
    """An IDX file, gzipped; a wrong `magic` or `shape` may be written into its header."""
    magic = 0x800 + array.ndim if magic is None else magic
    shape = shape or array.shape
    return gzip.compress(struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.tobytes())


@pytest.fixture
def originals(monkeypatch, tmp_path) -> dict[str, bytes]:
    """A fashion_mnist of seven test images, to be kept in an empty cache of this test's own."""
    rng = np.random.default_rng(0)
    contents = {
        IMAGES: idx(rng.integers(0, 256, (7, 28, 28), dtype=np.uint8)),
        LABELS: idx(np.arange(7, dtype=np.uint8)),
    }
    hashes = tuple(hashlib.sha256(content).hexdigest() for content in contents.values())
    monkeypatch.setitem(datasets.SHA256, ("fashion_mnist", "test"), hashes)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return contents


@pytest.fixture
def mirror(originals):
    """mirror(behaviour) starts a server and returns its address; .requests lists the paths."""
    servers, requests = [], []

    def start(behaviour: str, contents: dict[str, bytes] = originals) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                content = contents[self.path.lstrip("/")]
                if behaviour == "silent":
                    self.rfile.read(1)  # until the client gives up
                    return
                self.send_response(403 if behaviour == "forbidden" else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if behaviour == "wrong bytes":
                    content = bytes(len(content))
                if behaviour == "breaks off":
                    content = content[: len(content) // 2]
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    start.requests = requests
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def use(monkeypatch, *mirrors: str) -> None:
    monkeypatch.setitem(datasets.MIRRORS, "fashion_mnist", mirrors)


def cached_files() -> list[Path]:
    return [path for path in pooch.os_cache(files.PROJECT).rglob("*") if path.is_file()]


def assert_is_small_set(images: ImageSet, originals: dict[str, bytes]) -> None:
    pixels = np.frombuffer(gzip.decompress(originals[IMAGES])[16:], np.uint8)
    expected = torch.tensor(pixels.reshape(7, 1, 28, 28) / 255, dtype=torch.float32)
    torch.testing.assert_close(images.images, expected)
    assert images.labels.tolist() == list(range(7))


BAD = ["breaks off", "forbidden", "wrong bytes", "silent"]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(files, "TIMEOUT", (5, 0.3))  # waits for the silent server only so long


# --- Downloads --------------------------------------------------------------------------------


NOBODY = "http://127.0.0.1:9/"  # port 9 is for discarding: nobody listens


def test_download_then_cache(originals, mirror, monkeypatch, capfd):
    use(monkeypatch, mirror("good"))
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    assert mirror.requests == [f"/{IMAGES}", f"/{LABELS}"]
    assert {path.name for path in cached_files()} == {IMAGES, LABELS}
    # The names that COURSE_DATA_DIR has, so that a cache can be shared with a class.
    assert cached_files()[0].parent == files.originals_folder() / "fashion-mnist"
    monkeypatch.setenv("COURSE_DATA_DIR", str(files.originals_folder()))
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    monkeypatch.delenv("COURSE_DATA_DIR")

    capfd.readouterr()
    use(monkeypatch, NOBODY)
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    assert len(mirror.requests) == 2
    assert capfd.readouterr().err == ""


def test_download_shows_its_progress(originals, mirror, monkeypatch, capfd):
    # Whatever TQDM_DISABLE says, and however fast it goes.
    shown = partial(files.progress, disable=False, mininterval=0, miniters=1)
    monkeypatch.setattr(files, "progress", shown)
    use(monkeypatch, mirror("good"))
    load("fashion_mnist", "test")
    said = capfd.readouterr().err
    for file in (IMAGES, LABELS):
        assert f"{file}: 100%" in said
    assert said.splitlines()[-1].strip() == ""  # gone when it is done: no widget in a notebook


@pytest.mark.parametrize("behaviour", BAD)
def test_second_mirror_helps_out(originals, mirror, monkeypatch, impatient, behaviour):
    use(monkeypatch, mirror(behaviour), mirror("good"))
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    assert {path.name for path in cached_files()} == {IMAGES, LABELS}


def test_all_mirrors_bad_then_one_good(originals, mirror, monkeypatch, impatient):
    nobody = mirror("good")
    bad = [mirror(behaviour) for behaviour in BAD]
    use(monkeypatch, *bad)
    with pytest.raises(ConnectionError) as raised:
        load("fashion_mnist", "test")
    lines = str(raised.value).splitlines()
    assert IMAGES in lines[0] and "fashion_mnist" in lines[0]
    assert [line.split(": ")[0].strip() for line in lines[1:-1]] == bad
    for line, reason in zip(
        lines[1:-1], ["", "403", "does not match", "read timeout=0.3"], strict=True
    ):
        assert reason in line and line.split(": ", 1)[1]
    for way_out in ("COURSE_DATA_DIR", "fashion-mnist/", "digits", "glyphs", "faces"):
        assert way_out in lines[-1]
    assert cached_files() == []

    use(monkeypatch, nobody)
    assert_is_small_set(load("fashion_mnist", "test"), originals)


def test_no_server_at_all(originals, monkeypatch):
    use(monkeypatch, NOBODY)
    with pytest.raises(ConnectionError, match=NOBODY):
        load("fashion_mnist", "test")
    assert cached_files() == []


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", bytes.upper])
def test_damaged_cache_is_replaced(originals, mirror, monkeypatch, damage):
    use(monkeypatch, mirror("good"))
    load("fashion_mnist", "test")
    path = files.originals_folder() / "fashion-mnist" / IMAGES
    path.write_bytes(damage(originals[IMAGES]))
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    assert path.read_bytes() == originals[IMAGES]
    assert mirror.requests.count(f"/{IMAGES}") == 2
    assert mirror.requests.count(f"/{LABELS}") == 1


def test_downloads_go_to_the_cache_of_the_user(tmp_path):
    """In a process of its own, because the tests above replace the function that names it."""
    code = "from course_lib.datasets import files; print(files.originals_folder())"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "COURSE_DATA_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(done.stdout.strip())
    assert "from-autoencoders-to-vq-vae" in folder.parts
    assert Path(sys.prefix) not in folder.parents and REPOSITORY not in folder.parents
    if sys.platform == "linux":
        assert folder.parent == tmp_path


@pytest.mark.parametrize("blocked", ["cache", "cache/from-autoencoders-to-vq-vae/fashion-mnist"])
def test_a_cache_that_cannot_be_made(originals, mirror, monkeypatch, tmp_path, blocked):
    """A file stands where the folder should be: not even root can write into that."""
    path = tmp_path / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    use(monkeypatch, mirror("good"))
    with pytest.raises(OSError) as raised:
        load("fashion_mnist", "test")
    assert_says_what_to_do(raised.value)


def test_a_disk_that_is_full(originals, mirror, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.core, "stream_download", full)
    use(monkeypatch, mirror("good"))
    with pytest.raises(OSError, match="No space left on device") as raised:
        load("fashion_mnist", "test")
    assert_says_what_to_do(raised.value)


def assert_says_what_to_do(error: OSError) -> None:
    folder = files.originals_folder() / "fashion-mnist"
    assert str(error).startswith(f"{IMAGES} of fashion_mnist cannot be kept in {folder}: ")
    for way_out in ("a folder that you can write to", "COURSE_DATA_DIR", "fashion-mnist/"):
        assert way_out in str(error)


def test_download_of_the_real_files(mirror, real_files, monkeypatch):
    folder = real_files / "mnist"
    contents = {file: (folder / file).read_bytes() for file in (IMAGES, LABELS)}
    monkeypatch.setitem(datasets.MIRRORS, "mnist", (mirror("good", contents),))
    assert load("mnist", "test").images.shape == (10_000, 1, 28, 28)


# --- A classroom's copy -----------------------------------------------------------------------


@pytest.fixture
def classroom(originals, monkeypatch, tmp_path) -> Path:
    """The folder fashion-mnist of a COURSE_DATA_DIR. No mirror can be reached."""
    folder = tmp_path / "class" / "fashion-mnist"
    folder.mkdir(parents=True)
    for file, content in originals.items():
        (folder / file).write_bytes(content)
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder.parent))
    use(monkeypatch)
    return folder


def test_classroom_copy(classroom, originals):
    assert_is_small_set(load("fashion_mnist", "test"), originals)
    assert cached_files() == []


def test_classroom_copy_at_home(classroom, originals, monkeypatch):
    for home in ("HOME", "USERPROFILE"):  # of Unix, of Windows
        monkeypatch.setenv(home, str(classroom.parents[1]))
    monkeypatch.setenv("COURSE_DATA_DIR", f"~/{classroom.parent.name}")
    assert_is_small_set(load("fashion_mnist", "test"), originals)


@pytest.mark.parametrize("file", [IMAGES, LABELS])
def test_classroom_file_missing(classroom, file):
    (classroom / file).unlink()
    with pytest.raises(FileNotFoundError, match="unset COURSE_DATA_DIR to download") as raised:
        load("fashion_mnist", "test")
    assert str(raised.value).startswith(f"{classroom / file} does not exist")


def test_classroom_folder_missing(classroom):
    classroom.rename(classroom.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError, match="unset COURSE_DATA_DIR to download") as raised:
        load("fashion_mnist", "test")
    assert str(raised.value).startswith(f"{classroom} does not exist")


BLACK = np.zeros((7, 28, 28), np.uint8)
DAMAGED = {
    "one byte altered": (idx(BLACK), "is not the original file: its SHA-256 is"),
    "magic number": (idx(BLACK, magic=0x801), "has magic number 0x00000801, not 0x00000803"),
    "too short": (idx(BLACK, shape=(8, 28, 28)), "has 5488 bytes .* promises 6272 for the shape"),
    "too long": (idx(BLACK, shape=(6, 28, 28)), "has 5488 bytes .* promises 4704 for the shape"),
    "no header": (gzip.compress(b"\0\0\x08\x03\0\0"), "promises 0 for the shape"),
    "empty": (b"", "has magic number 0x, not 0x00000803"),
    "cut in the header": (idx(BLACK)[:5], "is truncated or not gzip"),
    "cut in the middle": (idx(BLACK)[:-20], "is truncated or not gzip"),
    "cut at the end": (idx(BLACK)[:-1], "is truncated or not gzip"),
    "web page": (b"<html>Please log in</html>", "is truncated or not gzip"),
    "scrambled": (idx(BLACK)[:12] + b"\xff" * 30, "is truncated or not gzip"),
}


@pytest.mark.parametrize(("content", "complaint"), DAMAGED.values(), ids=DAMAGED)
def test_classroom_file_damaged(classroom, content, complaint):
    (classroom / IMAGES).write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as raised:
        load("fashion_mnist", "test")
    assert str(raised.value).startswith(f"{classroom / IMAGES} ")
    assert "Replace it by the original file" in str(raised.value)


def test_wrong_hash_is_told_in_full(classroom, originals):
    altered = idx(np.ones(7, np.uint8))
    (classroom / LABELS).write_bytes(altered)
    with pytest.raises(ValueError) as raised:
        load("fashion_mnist", "test")
    for content in (altered, originals[LABELS]):
        assert hashlib.sha256(content).hexdigest() in str(raised.value)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 28, 28)])
def test_read_idx_inverts_an_independent_writer(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "file.gz"
    path.write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(path, len(shape)), array)
