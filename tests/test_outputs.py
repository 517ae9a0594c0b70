# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that people ask for: whole or not at all, and never in the place of a device, a pipe or a link."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from semisac_ml.outputs import check_outputs, is_replaced, output_file, write_output


def test_a_file_is_replaced_by_a_whole_one(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("old")
    with output_file(file) as unfinished:
        unfinished.write_text("new")
        assert file.read_text() == "old" and unfinished.suffix == ".json"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_after_an_error_everything_is_as_before(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("old")
    with pytest.raises(RuntimeError), output_file(file) as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_links_stay_links(tmp_path):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to(target)  # to a file that is still to be made
    for content in ("one", "two"):
        write_output(link, content)
        assert link.is_symlink() and target.read_text() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_device_stays_a_device():
    before = os.stat("/dev/null")
    write_output("/dev/null", "nothing")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode) and after.st_ino == before.st_ino


def test_files_in_shared_memory_are_files():
    assert is_replaced("/dev/shm/run/hifi.safetensors") and not is_replaced("/dev/null")


def test_a_pipe_is_written_into(tmp_path):
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_output(pipe, "through")
    reader.join()
    assert heard == [b"through"] and stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/proc/self/fd/1"])
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_standard_output_by_any_name(tmp_path, target, into):
    program = (
        f"from semisac_ml.outputs import write_output; print('first'); write_output({target!r}, 'second\\n')"
    )
    if into == "pipe":
        done = subprocess.run([sys.executable, "-u", "-c", program], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "first\nsecond\n"), done.stderr
    else:
        with (tmp_path / "out").open("a") as out:
            done = subprocess.run([sys.executable, "-u", "-c", program], stdout=out)
        assert (done.returncode, (tmp_path / "out").read_text().splitlines()[-1]) == (0, "second")


def test_process_substitution(tmp_path):
    copy = tmp_path / "copy"
    program = "import sys; from semisac_ml.outputs import write_output; write_output(sys.argv[1], 'x')"
    script = f"{sys.executable} -c \"{program}\" >(cat >'{copy}'); wait $!"
    subprocess.run(["bash", "-c", script], check=True)
    assert copy.read_text() == "x"


def test_outputs_are_checked_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "link"
    link.symlink_to("a")
    check_outputs({"--json": "a", "--report": tmp_path / "b", "--other": None, "--more": "-"})
    check_outputs({"--json": "/dev/null", "--report": "/dev/null"})  # both may be dropped
    for outputs, said in (
        ({"--json": ""}, "--json is empty"),
        ({"--json": "none/a"}, "the folder none does not exist: make it"),
        ({"--json": tmp_path}, "is a folder, expected a file"),
        ({"--json": "a", "--report": "./a"}, "--report and --json are both ./a: choose another file for one"),
        ({"--json": "a", "--report": link}, "--report and --json are both"),
        ({"--json": "-", "--report": "/dev/stdout"}, "--report and --json are both"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            check_outputs(outputs)
    assert list(tmp_path.iterdir()) == [link]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_an_error_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_output("/dev/full", "x")


def test_onnx_runtime_is_told_to_report_nothing_before_it_is_imported():
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    for first in ("semisac_ml.runtime", "semisac_ml.cli", "semisac_ml.systems"):
        program = f"import os, sys, {first}; print(os.environ['ORT_DISABLE_TELEMETRY'])"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.stdout == "1\n", done.stderr
    kept = subprocess.run(
        [sys.executable, "-c", "import semisac_ml, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"],
        env=environment | {"ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
    )
    assert kept.stdout == "0\n"


def holding(pattern: str) -> list[str]:
    """Files of the tree in which a pattern is found."""
    root = Path(__file__).resolve().parents[1]
    return sorted(
        str(file.relative_to(root))
        for folder in ("apps", "python/semisac_ml", "python/semisac", "scripts", "benchmarks")
        for file in (root / folder).rglob("*.py")
        if re.search(pattern, file.read_text(encoding="utf-8"))
    )


def test_no_other_way_to_write_stands_in_the_tree():
    # recordings are written for hours, and locked meanwhile
    assert holding(r'\.partial"|\.part"|os\.replace\(') == [
        "python/semisac/radio/unfinished_file.py",
        "python/semisac_ml/outputs.py",
    ]


def test_no_other_way_to_write_and_draw_results_stands_in_the_tree():
    # beside files of results: tables of scenes in DeepSense's layout, and the log of a training's epochs
    assert holding(r"csv\.(Dict)?[wW]riter\(") == [
        "python/semisac_ml/data/scenes/assemble.py",
        "python/semisac_ml/results/tables.py",
        "python/semisac_ml/training/loop.py",
    ]
    assert holding(r"savefig\(|pyplot") == ["python/semisac_ml/results/drawing.py"]
