# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures that all tests share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import importlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Tiny networks: a second thread would wait more than it computes. It must be set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for tiny_bundle


@pytest.fixture
def called_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Callable:
    """Function that calls a program in this process, from its module under apps/ and arguments: what a
    process of its own would have given. For calls that end before a flowgraph starts.
    """
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "apps"))

    def call(module: str, *arguments: object) -> subprocess.CompletedProcess:
        given = [str(argument) for argument in arguments]
        code = importlib.import_module(module).run(given)
        captured = capfd.readouterr()
        return subprocess.CompletedProcess(given, code, captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A HOME with nothing in it, and with FFTW's wisdom of its own, for all tests of a module.

    GNU Radio complains when two programs write their wisdom at the same moment.
    """
    from gnuradio.semisac.wisdom_folder import provide_wisdom_folder

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        provide_wisdom_folder()
        yield home


@pytest.fixture
def traced() -> Iterator[None]:
    """Networks are exported quickly, see traced_export.py."""
    from traced_export import traced_export

    with traced_export():
        yield


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the made-up bundles jssc/tiny (AWGN) and jssc/tiny_rayleigh."""
    pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")
    from tiny_bundle import make_tiny_bundle

    models = tmp_path_factory.mktemp("models")
    make_tiny_bundle(models / "jssc" / "tiny", "awgn")
    make_tiny_bundle(models / "jssc" / "tiny_rayleigh", "rayleigh")
    return models


@pytest.fixture
def tiny_bundle(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the made-up bundle jssc/tiny, which can also be loaded by that name."""
    monkeypatch.setenv("SEMISAC_MODELS", str(tiny_models))
    return tiny_models / "jssc" / "tiny"


@pytest.fixture
def tiny_rayleigh_bundle(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the made-up bundle jssc/tiny_rayleigh, which can also be loaded by that name."""
    monkeypatch.setenv("SEMISAC_MODELS", str(tiny_models))
    return tiny_models / "jssc" / "tiny_rayleigh"


@pytest.fixture
def usrp_stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The stub in the place of gnuradio.uhd, calibrations in a folder of the test."""
    from usrp_testing import installed_stub

    monkeypatch.setenv("SEMISAC_CONFIG", str(tmp_path))
    return installed_stub(monkeypatch)


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def official_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A small archive declared official, served from a local HTTP server: (url, its batches)."""
    from semisac_ml.data import cifar10

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    served = tmp_path / "served"
    served.mkdir()
    batches = {name: f"batch {name}".encode() for name in cifar10.BATCH_MD5}
    for name, content in batches.items():
        monkeypatch.setitem(cifar10.BATCH_MD5, name, hashlib.md5(content, usedforsecurity=False).hexdigest())
    members = {f"{cifar10.FOLDER}/{name}": content for name, content in batches.items()}
    members |= {f"{cifar10.FOLDER}/readme.html": b"text", "../../outside": b"text"}
    archive = _archive(served / "cifar.tar.gz", members)
    monkeypatch.setattr(
        cifar10, "ARCHIVE_MD5", hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/cifar.tar.gz", batches
    server.shutdown()
    server.server_close()


@pytest.fixture
def free_port() -> Iterator[Callable[[], int]]:
    """Function that gives a TCP port of 127.0.0.1 that nobody listens at, and nobody else is given until the
    test ends: a socket is bound to it. Who sets SO_REUSEADDR, as ZeroMQ and iiod do, can listen there.
    """
    with contextlib.ExitStack() as held:

        def port() -> int:
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            return holder.getsockname()[1]

        yield port


@pytest.fixture
def serve_pluto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Start an IIO daemon in front of a Pluto that is made up, from an `Air` and options: IioServer."""
    from iio_server import IioServer
    from pluto_emulator import PlutoEmulator
    from pluto_testing import be_patient

    be_patient(monkeypatch)
    servers = []

    def start(air=None, **options) -> IioServer:
        servers.append(IioServer(PlutoEmulator(air, **options)).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


@pytest.fixture
def iiod(free_port: Callable[[], int]) -> Iterator[Callable]:
    """Start libiio's own daemon in front of another one, from the URI of that; the URI."""
    from patience import until

    tool = shutil.which("iiod", path=f"{os.environ['PATH']}:/usr/sbin")
    processes = []

    def start(uri: str) -> str:
        if tool is None:
            pytest.skip("iiod is not installed")
        port = free_port()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([tool, "-p", str(port), "-u", uri], **quiet)
        processes.append(process)

        def listens() -> bool:
            assert process.poll() is None, "iiod has ended"
            with socket.socket() as attempt:
                return attempt.connect_ex(("127.0.0.1", port)) == 0

        until(listens)
        return f"ip:127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.wait()
