# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""No program opens a connection, or looks up a name, that nobody asked for; nor do the packages that they
use, which keep nothing of their own in HOME.

Watched from the first call to the last of each process by strace: no network is needed, and none is reached.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from patience import HANG_S
from test_cli_program import WITHOUT_CIFAR10
from test_programs_everywhere import APPS, PROGRAMS

ROOT = APPS.parent
EXPECTED_AT_HOME = ("gnuradio", ".gr_fftw_wisdom", "semisac", "matplotlib", "fontconfig", "mesa_shader_cache")
CALLS = "connect,sendto,sendmsg,sendmmsg,openat,open"
# An address of the internet in any of these calls, or a file that is read before a name is looked up.
CONNECTION = re.compile(r"sa_family=AF_INET|/etc/resolv\.conf|/etc/hosts|/run/systemd/resolve")
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        continue  # of a radio that is not here, or the other of two
"""


def can_watch() -> bool:
    """Whether strace is here, and may watch."""
    command = ["strace", "-f", "-o", os.devnull, "true"]
    return bool(shutil.which("strace")) and subprocess.run(command, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_watch(), reason="strace is not here, or may not watch other processes"),
]


def watched(folder: Path, *command: str) -> tuple[list[str], list[str]]:
    """Run Python under strace, as somebody who has never run it: connections, and files in HOME."""
    home, trace = folder / "home", folder / "trace"
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    for name in [name for name in environment if name.startswith(("XDG_", "ORT_"))]:
        del environment[name]
    strace = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", str(trace))
    done = subprocess.run(
        [*strace, sys.executable, *command], cwd=folder, env=environment, capture_output=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    calls = trace.read_text(errors="replace").splitlines()
    assert any("openat" in line for line in calls)
    files = [str(file.relative_to(home)) for file in home.rglob("*") if not file.is_dir()]
    return [line for line in calls if CONNECTION.search(line)], files


def assert_silent(folder: Path, *command: str) -> None:
    connections, files = watched(folder, *command)
    assert connections == []
    assert [name for name in files if not any(known in name for known in EXPECTED_AT_HOME)] == []


def test_a_connection_is_seen(tmp_path):
    program = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    connections, _ = watched(tmp_path, "-c", program)
    assert len(connections) == 1 and "192.0.2.1" in connections[0]


def test_a_name_that_is_looked_up_is_seen(tmp_path):
    program = "import socket\ntry: socket.getaddrinfo('name.invalid', 9)\nexcept OSError: pass"
    assert watched(tmp_path, "-c", program)[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(tmp_path, program):
    pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
    start = (str(APPS / f"{program}.py"),) if program != "semisac" else ("-m", "semisac_ml.cli")
    assert_silent(tmp_path, *start, *PROGRAMS[program])


def test_info(tmp_path):
    assert_silent(tmp_path, "-m", "semisac_ml.cli", "info")


def test_evaluation(tmp_path):
    arguments = ["evaluate", "jssc", "--bundle", "jssc/awgn", "--images", "20", "--json", "figures.json"]
    assert_silent(tmp_path, "-c", f"{WITHOUT_CIFAR10}\nfrom semisac_ml.cli import main\nmain({arguments!r})")


GENERATED = """
import runpy, sys, time
import running_program
from gnuradio import gr
from PyQt5 import Qt
started, start = [], gr.top_block.start
gr.top_block.start = lambda flowgraph, *most: (started.append(flowgraph), start(flowgraph, *most))
def until_it_works(application):
    while not running_program.works(started[0], False):
        time.sleep(0.02)
    started[0].stop()
    started[0].wait()
Qt.QApplication.exec_ = until_it_works
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_generated_flowgraph(tmp_path, monkeypatch):
    pytest.importorskip("gnuradio.semisac", reason="flowgraphs need GNU Radio and the module")
    pytest.importorskip("PyQt5", reason="its window needs it")
    grcc = Path(sys.executable).with_name("grcc")
    if not grcc.exists():
        pytest.skip("not in an environment made by scripts/setup.sh, which has grcc with our blocks")
    example = ROOT / "examples" / "jssc_loopback.grc"
    subprocess.run([grcc, "-o", tmp_path, example], check=True, capture_output=True, timeout=HANG_S)
    (made,) = tmp_path.glob("*.py")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    assert_silent(tmp_path, "-c", GENERATED, str(made))


def test_packages(tmp_path):
    """All that the project depends on, as far as it is installed, with every option."""
    named = {re.match(r"[\w.-]+", one)[0].lower() for one in metadata.requires("semisac")}
    modules = [
        module
        for module, packages in metadata.packages_distributions().items()
        if module.isidentifier() and module[0] != "_" and named & {package.lower() for package in packages}
    ]
    assert {"numpy", "onnxruntime", "matplotlib"} <= set(modules)
    program = f"import semisac_ml\n{IMPORT_ALL}"
    assert_silent(tmp_path, "-c", program, *sorted(modules))
