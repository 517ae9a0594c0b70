# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What programs print costs nothing where it cannot be printed, and standard output is theirs alone."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import HANG_S

SCRIPT = Path(__file__).resolve().parents[1] / "apps" / "run_loopback.py"
PRINTING = """
import os, sys
from rich.console import Console
from rich.table import Table
from semisac_ml.printing import harmless_printing
with harmless_printing("program"):
    table = Table("a – b", "1 … 2")
    table.add_row("×", "30°")
    for _ in range(int(sys.argv[1])):
        Console().print(table)
    print("line", "\\udcff", flush=True)
    open("done", "w").close()
sys.exit(7)
"""


def run(folder: Path, program: str, *arguments: str, redirect: str = "", **environment: str):
    """Run Python, in a shell that redirects its output."""
    command = ["bash", "-c", f'"$@" {redirect}', "bash", sys.executable, "-c", program, *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, timeout=HANG_S
    )


@pytest.mark.parametrize(
    ("redirect", "said"),
    [
        ("| true; exit ${PIPESTATUS[0]}", b""),
        (">/dev/full", b"program: what it printed is lost: No space left on device\n"),
        (">&-", b""),
        (">&- 2>&- <&-", b""),
        ("2>/dev/full", b""),
    ],
)
def test_output_that_goes_nowhere(tmp_path, redirect, said):
    done = run(tmp_path, PRINTING, "500", redirect=redirect)
    assert (done.returncode, done.stderr) == (7, said)
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "euc_jp", "cp1252", "utf-8"])
def test_characters_that_an_encoding_lacks(tmp_path, encoding):
    done = run(tmp_path, PRINTING, "1", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (7, b"")
    lines = done.stdout.splitlines()
    assert lines[-1] == b"line \xff"  # the name of a file as it is
    table = b"\n".join(lines[:-1]).decode(encoding)
    if encoding == "utf-8":
        assert "a – b" in table and "┃" in table
    else:
        assert "┃" not in table and "\\u" not in table
        assert "1 ... 2" in table or "1 … 2" in table
    if encoding == "ascii":
        assert "a - b" in table and "30 deg" in table


def test_a_reader_that_is_slow(tmp_path):
    """Somebody, such as a remote shell, makes the pipe non-blocking; nothing is lost."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    heard = []

    def listen() -> None:
        with open(reading, "rb") as pipe:
            heard.append(pipe.read())

    command = [sys.executable, "-c", PRINTING, "1000"]
    program = subprocess.Popen(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    listener = threading.Thread(target=listen)
    listener.start()
    assert program.wait(HANG_S) == 7, program.stderr.read()
    listener.join()
    assert heard[0].decode("utf-8", "replace").count("a – b") == 1000


def test_others_do_not_write_to_standard_output(tmp_path):
    program = """
import os, sys
from semisac_ml.printing import harmless_printing
from semisac_ml.outputs import write_output
with harmless_printing("program"):
    os.write(1, b"compiled code\\n")
    write_output(sys.argv[1], "{}\\n")
"""
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"):
        done = run(tmp_path, program, name)
        assert (done.stdout, done.stderr) == (b"{}\n", b"compiled code\n")


def test_a_closed_descriptor_is_not_given_to_a_file(tmp_path):
    program = """
import contextlib, os
from semisac_ml.printing import harmless_printing
with harmless_printing("program"):
    with open("file", "w") as file:
        with contextlib.suppress(OSError):  # compiled code goes on, too
            os.write(1, b"log")
        print("table", flush=True)
"""
    assert run(tmp_path, program, redirect=">&- 2>&-").returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


def test_results_that_were_asked_for_are_not_lost_in_silence(tmp_path):
    program = """
import sys
from semisac_ml.command_line import new_program, run_program
from semisac_ml.printing import harmless_printing
from semisac_ml.outputs import check_outputs, print_json
program = new_program("program")
@program.default
def command(*, check: bool = False):
    if check:
        check_outputs({"--json": "-"})
    print_json([0])
with harmless_printing("program"):
    sys.exit(run_program(program))
"""
    done = run(tmp_path, program, redirect=">/dev/full")
    assert (done.returncode, done.stderr) == (2, b"program: standard output: No space left on device\n")
    done = run(tmp_path, program, "--check", redirect=">&-")
    assert (done.returncode, done.stderr) == (
        2, b"program: --json is standard output, but it is closed: choose a file\n"
    )  # fmt: skip
    done = run(tmp_path, program, redirect="| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("redirect", [">/dev/full", "| true; exit ${PIPESTATUS[0]}", ">&-"])
def test_a_run_keeps_its_results(tmp_path, own_home, redirect):
    pytest.importorskip("gnuradio.semisac", reason="run_loopback.py needs GNU Radio and the module")
    name = os.fsdecode(b"r\xff.html")
    program = f"import runpy, sys; sys.path[0] = {str(SCRIPT.parent)!r}; sys.argv = sys.argv[1:];"
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    options = ("--bundle", "jssc/awgn", "--images", "8", "--json", "figures.json", "--report", name)
    done = run(tmp_path, program, str(SCRIPT), *options, redirect=redirect)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["figures.json", name]
    assert "r\\udcff.html" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("run_loopback", ("--images", "8", "--no-report")),
        ("run_beam_tracking", ("--frames", "5", "--bundle", "none", "--no-report")),
        ("run_receiver", ("--radio", "simulation", "--images", "8")),
    ],
)
def test_json_on_standard_output_is_alone_there(tmp_path, own_home, program, arguments):
    pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
    command = [sys.executable, str(SCRIPT.with_name(f"{program}.py")), *arguments, "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finished"] is True
    assert "95 % interval" in done.stderr


@pytest.mark.slow
def test_gnuradio_logs_to_standard_error(tmp_path):
    pytest.importorskip("gnuradio", reason="its log is looked at")
    program = """
from semisac_ml.printing import harmless_printing
with harmless_printing("program"):
    from gnuradio import gr
    log = gr.logger("block")
    log.error("in trouble")
"""
    done = run(tmp_path, program)
    assert done.stdout == b"" and b"in trouble" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("run_loopback", ("--images", "8", "--report", "report")),
        ("run_beam_tracking", ("--frames", "5", "--bundle", "none", "--report", "report")),
        ("run_receiver", ("--radio", "simulation", "--images", "8")),
    ],
)
def test_a_full_disk_costs_what_is_on_it_alone(tmp_path, own_home, program, arguments):
    pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
    command = [sys.executable, str(SCRIPT.with_name(f"{program}.py")), *arguments, "--json", "/dev/full"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"{program}: /dev/full: No space left on device"
    assert "95 % interval" in done.stdout
    assert (tmp_path / "report").exists() is ("--report" in arguments)
