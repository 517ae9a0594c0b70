# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The console program: output, exit codes, one line an error, and no PyTorch where none is needed."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
from patience import HANG_S
from test_runtime_imports import run_blocked

import semisac_ml
from semisac_ml.cli import information, program, systems

pytestmark = pytest.mark.slow


@pytest.fixture
def semisac(tiny_bundle, capsys, monkeypatch):
    """Run a command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.setattr(information, "_PROBE_SECONDS", HANG_S)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def one_line(text: str) -> bool:
    return text.startswith("semisac: ") and text.count("\n") == 1 and text.endswith("\n")


def test_help_and_version(semisac):
    code, out, _ = semisac("--help")
    assert code == 0
    for command in ("train", "evaluate", "export", "bundle", "data", "info"):
        assert command in out
    assert semisac("--version") == (0, f"semisac {semisac_ml.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("bundle", "verify"),
        ("bundle", "verify", "jssc/absent"),
        ("bundle", "verify", "jssc/tiny", "--provider", "abacus"),
        ("bundle", "show", "/nowhere"),
        ("data", "fetch", "imagenet"),
        ("data", "verify", "cifar10", "--root", "/nowhere"),
        ("train", "nonsense"),
        ("info", "--nonsense"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(semisac, arguments):
    code, out, err = semisac(*arguments)
    assert code == 2
    assert one_line(err), err
    assert out == ""


def test_installed_program_exits_with_the_code(tiny_models):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "SEMISAC_MODELS": str(tiny_models)}
        environment["PYTHONPATH"] = str(Path(semisac_ml.__file__).parents[1])
        command = [sys.executable, "-m", "semisac_ml.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    done = run("bundle", "verify", "jssc/tiny")
    assert (done.returncode, done.stderr) == (0, "")
    done = run("bundle", "verify", "jssc/absent")
    assert done.returncode == 2
    assert one_line(done.stderr)


def test_bundle_verify(semisac):
    code, out, err = semisac("bundle", "verify", "jssc/tiny")
    assert (code, err) == (0, "")
    assert "sensing_echo.onnx" in out
    code, out, _ = semisac("bundle", "verify", "jssc/tiny", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["valid"] is True and report["provider"] == "cpu"
    assert set(report["networks"]) == {"encoder", "reconstruction", "task", "sensing", "sensing_echo"}


def test_bundle_verify_of_a_damaged_bundle(semisac, tiny_bundle, tmp_path):
    damaged = shutil.copytree(tiny_bundle, tmp_path / "damaged")
    (damaged / "task.onnx").write_bytes(b"damaged")
    code, out, err = semisac("bundle", "verify", str(damaged), "--json")
    assert code == 2
    assert json.loads(out)["valid"] is False
    assert "networks.task.sha256" in json.loads(out)["error"]
    assert one_line(err)


def test_bundle_show(semisac, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = semisac("bundle", "show", "jssc/tiny")
    assert code == 0
    for text in ("range_snr_db", "channel_uses", "awgn", "10 channel uses (20 reals)", "GPL-3.0-or-later"):
        assert text in out
    code, out, _ = semisac("bundle", "show", "jssc/tiny", "--json")
    assert json.loads(out)["manifest"]["interface"]["symbols"]["channel_uses"] == 10


def test_bundle_convert(semisac, tiny_bundle, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(tiny_bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    interface = {name: manifest["interface"].pop(name) for name in ("symbols", "channel", "sensing")}
    manifest["data"] |= manifest.pop("interface")
    (folder / "manifest.json").write_text(json.dumps(manifest | interface | {"format_version": 1}))
    code, out, err = semisac("bundle", "convert", str(folder))
    assert (code, err) == (0, "") and ", now " in out
    assert (folder / "manifest.json").read_text() == (tiny_bundle / "manifest.json").read_text()
    assert semisac("bundle", "convert", str(folder)) == (0, "jssc/tiny: is of today's format\n", "")
    code, out, err = semisac("bundle", "convert", str(tmp_path))
    assert (code, out) == (2, "") and one_line(err)


def test_conditions_that_all_figures_share_are_shown_once():
    from rich.console import Console

    from semisac_ml.cli.bundle import _metrics_table
    from semisac_ml.runtime.manifest import Metric

    def shown(*conditions: str) -> str:
        console = Console(file=io.StringIO(), width=80)
        figures = {
            f"echo_only_sensing_accuracy_{i}": Metric(value=0.5, low=0.4, high=0.6, n=10000, conditions=text)
            for i, text in enumerate(conditions)
        }
        console.print(_metrics_table(figures, console))
        return console.file.getvalue()

    shared = shown("SNR 3 dB", "SNR 3 dB")
    assert shared.count("SNR 3 dB") == 1
    assert all(text in shared for text in ("echo_only_sensing_accuracy_1", "0.4 … 0.6", "10,000"))
    assert shown("SNR 3 dB", "SNR 4 dB").count("SNR") == 2


def test_info(semisac, tiny_models):
    code, out, _ = semisac("info", "--json")
    report = json.loads(out)
    assert code == 0
    names = [part["name"] for part in report["components"]]
    assert {
        "Python",
        "numpy",
        "onnxruntime",
        "torch",
        "GNU Radio",
        "gnuradio.semisac",
        "UHD",
        "libiio",
    } <= set(names)
    assert all(part["version"] or part["get"] for part in report["components"])
    found = {bundle["name"]: bundle for bundle in report["bundles"]}
    assert found["jssc/tiny"]["valid"] is True
    assert {"jssc", "vi_beam"} <= {entry["name"] for entry in report["systems"] if "train" in entry["does"]}
    assert {"cifar10", "deepsense6g"} <= {entry["name"] for entry in report["data"]}


def test_info_shows_what_may_not_be_read(semisac, monkeypatch):
    from semisac_ml.data import cifar10
    from semisac_ml.runtime import Bundle

    def refuse(path: str):
        raise PermissionError(13, "Permission denied", f"closed/{path}")

    monkeypatch.setattr(Bundle, "load", refuse)
    monkeypatch.setattr(cifar10, "find_folder", lambda: refuse("data"))
    code, out, err = semisac("info", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    bundles = {entry["name"]: entry.get("error") for entry in report["bundles"]}
    assert bundles["jssc/tiny"] == "closed/jssc/tiny: Permission denied"
    data = {entry["name"]: entry["get"] for entry in report["data"] if not entry["found"]}
    assert data["cifar10"] == "closed/data: Permission denied"


@pytest.mark.parametrize("name", ["cifar10", "div2k", "cdnet"])
def test_a_folder_that_cannot_be_is_not_the_networks_fault(semisac, tmp_path, name):
    (tmp_path / "file").touch()
    code, out, err = semisac("data", "fetch", name, "--root", str(tmp_path / "file" / "folder"))
    assert (code, out) == (2, "") and one_line(err)
    assert "no data can be kept there" in err and "network" not in err


def test_data_verify(semisac, monkeypatch, tmp_path):
    from semisac_ml.data import cifar10

    (tmp_path / cifar10.FOLDER).mkdir()
    monkeypatch.setattr(cifar10, "BATCH_MD5", {})  # nothing to compare: an empty folder passes
    code, out, _ = semisac("data", "verify", "cifar10", "--root", str(tmp_path))
    assert code == 0
    assert "ok" in out


def test_data_fetch(semisac, official_archive, monkeypatch, tmp_path):
    from semisac_ml.data import cifar10

    monkeypatch.setattr(cifar10, "fetch", functools.partial(cifar10.fetch, url=official_archive[0]))
    code, out, err = semisac("data", "fetch", "cifar10", "--root", str(tmp_path / "root"))
    assert (code, err) == (0, "")
    assert "downloading cifar10" in out
    assert (tmp_path / "root" / cifar10.FOLDER / "test_batch").exists()


@pytest.fixture
def made_up_system(tmp_path, monkeypatch):
    """A system folder "echo_test" whose train module is made up here; returns the module."""
    folder = tmp_path / "systems"
    (folder / "echo_test").mkdir(parents=True)
    (folder / "echo_test" / "__init__.py").write_text('"""Repeats what it is told.\n\nMore."""\n')
    (folder / "echo_test" / "train.py").write_text("")
    (folder / "__pycache__").mkdir()
    monkeypatch.setattr(semisac_ml.systems, "__path__", [str(folder)])
    module = types.ModuleType("semisac_ml.systems.echo_test.train")
    monkeypatch.setitem(
        sys.modules, "semisac_ml.systems.echo_test", types.ModuleType("semisac_ml.systems.echo_test")
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_systems_are_found_by_their_folder(semisac, made_up_system):
    assert systems.systems_with("train") == ["echo_test"]
    assert systems.systems_with("evaluate") == []
    code, out, _ = semisac("train", "--help")
    assert code == 0
    assert "echo_test" in out
    assert "Repeats what it is told." in out


def test_command_of_a_system_gets_its_options(semisac, made_up_system):
    def command(word: str, times: int = 2) -> None:
        """Repeat."""
        print(word * times)

    made_up_system.command = command
    assert semisac("train", "echo_test", "ab", "--times", "3") == (0, "ababab\n", "")
    code, out, _ = semisac("train", "echo_test", "--help")
    assert code == 0
    assert "--times" in out
    code, _, err = semisac("train", "echo_test")
    assert code == 2
    assert one_line(err)


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ValueError("n is 3,\nexpected an even number"), 2, "n is 3, expected an even number"),
        (FileNotFoundError(2, "No such file", "run"), 2, "No such file"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises(semisac, made_up_system, raised, code, said):
    def command() -> None:
        raise raised

    made_up_system.command = command
    found, _, err = semisac("train", "echo_test")
    assert found == code
    assert said in err
    assert err.strip() == "" or one_line(err)


def test_a_bug_is_not_hidden(semisac, made_up_system):
    def command() -> None:
        raise AssertionError("a bug")

    made_up_system.command = command
    with pytest.raises(AssertionError):
        semisac("train", "echo_test")


def test_train_without_torch_is_one_line_with_the_command(tiny_models):
    if not systems.systems_with("train"):
        pytest.skip("no system can be trained yet")
    name = systems.systems_with("train")[0]
    code = "import sys\nfrom semisac_ml.cli import main\nmain(['train', {!r}])"
    done = run_blocked(code.format(name).replace("import sys\n", MISSING, 1))
    assert done.returncode == 2
    assert one_line(done.stderr), done.stderr
    assert "make train-env" in done.stderr or "[train]" in done.stderr  # as the package is installed


# Absent rather than blocked: the error that Python raises when a package is not installed.
MISSING = """import sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["bundle", "verify", "jssc/tiny"], ["info"], ["--version"]]
)
def test_light_commands_run_without_torch(tiny_models, arguments):
    done = run_blocked(
        f"from semisac_ml.cli import main\nmain({arguments!r})", SEMISAC_MODELS=str(tiny_models)
    )
    assert done.returncode == 0, done.stderr


WITHOUT_CIFAR10 = """
import numpy as np
from semisac_ml.data import cifar10
def load(split, root=None):
    images, labels = cifar10.sample()[:2]
    if split == "train":  # enough of them for a covariance of full rank
        images = np.random.default_rng(0).integers(0, 256, (4000, 32, 32, 3), np.uint8)
    return images, labels
cifar10.load = load
"""
FEW_CELLS = """
from semisac_ml.systems.jssc import figures
figures.CELLS = {name: (rows, cells[:2]) for name, (rows, cells) in figures.CELLS.items()}
"""


@pytest.mark.parametrize(
    "figure", [(), ("--figure", "presence"), ("--figure", "ranges"), ("--figure", "snr")]
)
def test_measuring_a_bundle_needs_no_torch(tiny_models, tmp_path, figure):
    arguments = ["evaluate", "jssc", "--bundle", "jssc/tiny", "--images", "20"]
    # another process would have torch, and the whole of CIFAR-10
    arguments += [*figure, "--results", str(tmp_path), "--processes", "1"]
    code = f"{WITHOUT_CIFAR10}{FEW_CELLS}\nfrom semisac_ml.cli import main\nmain({arguments!r})"
    done = run_blocked(code, SEMISAC_MODELS=str(tiny_models))
    assert done.returncode == 0, done.stderr
    if figure:
        rows = (tmp_path / f"{figure[1]}.csv").read_text().splitlines()
        assert len(rows) > 4
        assert (tmp_path / f"{figure[1]}.png").stat().st_size > 10_000


def test_figure_that_trains_says_what_it_needs(tiny_models):
    code = "import sys\nfrom semisac_ml.cli import main\nmain(['evaluate', 'jssc', '--figure', '4'])"
    done = run_blocked(code.replace("import sys\n", MISSING, 1))
    assert done.returncode == 2
    assert one_line(done.stderr), done.stderr
    assert "PyTorch is not installed" in done.stderr
    assert "make train-env" in done.stderr or "[train]" in done.stderr


def test_interrupt_of_the_running_program(tmp_path):
    """Ctrl-C while a command waits: exit code 130, nothing on stderr."""
    import signal
    import textwrap

    code = textwrap.dedent(
        """
        import sys, types, pathlib
        from semisac_ml.cli import main, systems
        module = types.ModuleType("semisac_ml.systems.slow.train")
        def command():
            print("running", flush=True)
            import time
            time.sleep(10_000)
        module.command = command
        systems.systems_with = lambda action: ["slow"]
        sys.modules["semisac_ml.systems.slow"] = types.ModuleType("slow")
        sys.modules[module.__name__] = module
        main(["train", "slow"])
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(semisac_ml.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a test run in the background of a shell ignores Ctrl-C, and its children would too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        text=True,
        env=environment,
    ) as process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert err.strip() == ""
