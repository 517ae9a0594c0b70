# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment that the set-up makes: activation, launchers, GNU Radio Companion's view of the blocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = Path(sys.prefix)
BLOCKS = ENVIRONMENT / "share" / "gnuradio" / "grc" / "blocks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ENVIRONMENT / "bin" / "grcc").exists(), reason="not in an environment made by scripts/setup.sh"
    ),
]

FLOWGRAPH = """
options:
  parameters: {{id: channels, generate_options: no_gui, run_options: run, output_language: python}}
  states: {{state: enabled}}
blocks:
- {{name: snr, id: variable, parameters: {{value: '{snr_db}'}}, states: {{state: enabled}}}}
- name: executable
  id: snippet
  parameters: {{section: main_after_stop, priority: '0', code: 'import sys; print("run by", sys.executable)'}}
  states: {{state: enabled}}
- name: source
  id: blocks_vector_source_x
  parameters: {{type: complex, vector: '[1.0] * 1000', repeat: 'False', vlen: '10', tags: '[]'}}
  states: {{state: enabled}}
- name: fading
  id: semisac_fading_channel
  parameters: {{channel_uses: '10', model: rayleigh, snr_db: snr, seed: '3'}}
  states: {{state: enabled}}
- name: echo
  id: semisac_echo_channel
  parameters: {{channel_uses: '10', ranges: '2', delay_symbols_per_range: '5', fading: two_hop_rayleigh,
    random_phase: 'True', sensing_snr_db: snr, target: '2'}}
  states: {{state: enabled}}
- name: mimo
  id: semisac_mimo_ofdm_channel
  parameters: {{users: '1', subcarriers: '5', snr_db: snr, combiner: '[[1.0] * 64] * 2'}}
  states: {{state: enabled}}
- name: combined
  id: blocks_null_sink
  parameters: {{type: complex, vlen: '10'}}
  states: {{state: enabled}}
- name: received
  id: blocks_null_sink
  parameters: {{type: complex, vlen: '10'}}
  states: {{state: enabled}}
- name: heard
  id: blocks_null_sink
  parameters: {{type: complex, vlen: '15'}}
  states: {{state: enabled}}
connections:
- [source, '0', fading, '0']
- [source, '0', echo, '0']
- [source, '0', mimo, '0']
- [mimo, '0', combined, '0']
- [fading, '0', received, '0']
- [echo, '0', heard, '0']
metadata: {{file_format: 1}}
"""


def shell(script: str, **variables: str) -> list[str]:
    """Lines that bash prints for `script`, run with `variables` in the environment and no blocks path."""
    environment = {name: value for name, value in os.environ.items() if name != "GRC_BLOCKS_PATH"}
    done = subprocess.run(
        ["bash", "-euc", script], env=environment | variables, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("before", "inside"), [({}, f"{BLOCKS}"), ({"GRC_BLOCKS_PATH": "/own/blocks"}, f"{BLOCKS}:/own/blocks")]
)
def test_activation_names_the_blocks_and_deactivation_restores(before: dict, inside: str) -> None:
    script = f"""
        source '{ENVIRONMENT}/bin/activate'
        echo "$GRC_BLOCKS_PATH"
        command -v gnuradio-companion
        deactivate
        echo "${{GRC_BLOCKS_PATH-none}}"
    """
    after = before.get("GRC_BLOCKS_PATH", "none")
    assert shell(script, **before) == [inside, f"{ENVIRONMENT}/bin/gnuradio-companion", after]


def compile_and_run(folder: Path, snr_db: float) -> subprocess.CompletedProcess:
    """Compile the flowgraph of both channels with the environment's grcc and run it."""
    (folder / "channels.grc").write_text(FLOWGRAPH.format(snr_db=snr_db))
    environment = {name: value for name, value in os.environ.items() if name != "GRC_BLOCKS_PATH"}
    grcc = [ENVIRONMENT / "bin" / "grcc", "-r", "-o", folder, folder / "channels.grc"]
    return subprocess.run(grcc, env=environment, capture_output=True, text=True)


def test_flowgraph_compiles_and_runs_with_the_environments_python(tmp_path: Path) -> None:
    done = compile_and_run(tmp_path, snr_db=3.0)
    assert done.returncode == 0, done.stdout + done.stderr
    generated = (tmp_path / "channels.py").read_text()
    assert 'semisac.fading_channel(10, "rayleigh", snr, 3,' in generated
    assert "self.echo.set_target(2)" in generated
    assert "read_mimo_paths(" not in generated  # no file is named
    for setter in (
        "fading.set_snr_db(self.snr)",
        "mimo.set_snr_db(self.snr)",
        "echo.set_sensing_snr_db(self.snr)",
    ):
        assert setter in generated  # a slider changes the running block
    assert f"run by {ENVIRONMENT}/bin/python" in done.stdout


def test_flowgraph_with_an_impossible_snr_does_not_compile(tmp_path: Path) -> None:
    done = compile_and_run(tmp_path, snr_db=1000.0)
    assert done.returncode != 0
    assert not (tmp_path / "channels.py").exists()


def test_unknown_step_of_the_setup_is_one_clear_line() -> None:
    done = subprocess.run(["bash", ROOT / "scripts/setup.sh", "all"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'set-up: step is "all", expected system, venv, torch, python, module or scenes; '
        "see the head of scripts/setup.sh"
    ]


def other_numpy(folder: Path) -> Path:
    """A folder of packages with a numpy of the other generation, as far as one looks without importing it."""
    import numpy

    version = "2.2.6" if numpy.__version__.startswith("1.") else "1.26.4"
    (folder / "numpy").mkdir(parents=True)
    (folder / "numpy" / "__init__.py").write_text(f"__version__ = {version!r}\n")
    described = folder / f"numpy-{version}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: numpy\nVersion: {version}\n")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        [ROOT / "apps" / "run_loopback.py"],
        [ROOT / "apps" / "record.py"],
        [ROOT / "benchmarks" / "run.py"],
        ["-m", "semisac_ml.cli", "radio", "probe"],
    ],
    ids=lambda command: Path(command[-1]).stem,
)
def test_numpy_of_the_other_generation_is_one_line_with_the_remedy(tmp_path: Path, command: list) -> None:
    poisoned = {**os.environ, "PYTHONPATH": str(other_numpy(tmp_path / "packages"))}
    done = subprocess.run([sys.executable, *command], env=poisoned, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "which GNU Radio was built with" in line and f"take {tmp_path}/packages out of PYTHONPATH" in line


def test_info_and_launchers_tell_the_same(tmp_path: Path) -> None:
    poisoned = {**os.environ, "PYTHONPATH": str(other_numpy(tmp_path / "packages"))}
    info = [sys.executable, "-m", "semisac_ml.cli", "info", "--json"]
    done = subprocess.run(info, env=poisoned, capture_output=True, text=True)
    parts = {part["name"]: part for part in json.loads(done.stdout)["components"]}
    assert "out of PYTHONPATH" in parts["numpy"]["problem"] and done.returncode == 0
    done = subprocess.run([ENVIRONMENT / "bin" / "grcc", "-h"], env=poisoned, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("grcc: numpy ")


def test_the_remedy_is_that_of_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from semisac_ml.numpy_generation import mismatch

    assert mismatch() == ""
    folder = str(other_numpy(tmp_path / "packages"))
    monkeypatch.setattr("site.getusersitepackages", lambda: folder)
    assert mismatch([folder, *sys.path]).endswith("run export PYTHONNOUSERSITE=1")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert mismatch([folder, *sys.path]).endswith(f"run {sys.executable} -m pip uninstall -y numpy")
    assert mismatch([*sys.path, folder]) == ""  # behind the right one it does no harm


def test_pip_of_the_environment_stays_with_the_numpy_of_gnu_radio() -> None:
    import numpy

    constraints = (ENVIRONMENT / "constraints.txt").read_text().splitlines()
    assert f"numpy=={numpy.__version__}" in constraints
    assert not list(ENVIRONMENT.glob("lib/python*/site-packages/numpy*")), "a second numpy"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "install.constraint"], capture_output=True, text=True
    )
    assert done.stdout.strip() == (ENVIRONMENT / "constraints.txt").as_uri()


def set_up_system(told: str, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run the step of the distribution's packages, all of which are there, on a system so described."""
    (folder / "os-release").write_text(f'PRETTY_NAME="Some System"\n{told}')
    environment = {**os.environ, "SEMISAC_OS_RELEASE": str(folder / "os-release"), "SEMISAC_SKIP_APT": "0"}
    step = ["bash", ROOT / "scripts/setup.sh", "system"]
    return subprocess.run(step, env=environment | variables, capture_output=True, text=True)


@pytest.mark.parametrize(
    "told",
    [
        "ID=debian\nVERSION_CODENAME=trixie\n",
        "ID=linuxmint\nVERSION_CODENAME=zara\nUBUNTU_CODENAME=noble\n",
        "ID=linuxmint\nVERSION_CODENAME=gigi\nDEBIAN_CODENAME=bookworm\n",
        "ID=ubuntu\nVERSION_CODENAME=resolute\n",
    ],
)
def test_a_system_is_known_by_what_it_is_made_of(tmp_path: Path, told: str) -> None:
    done = set_up_system(told, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("told", ["", "ID=arch\n", "VERSION_CODENAME=bullseye\n"])
def test_an_unknown_system_is_told_what_to_install_and_may_go_on(tmp_path: Path, told: str) -> None:
    done = set_up_system(told, tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    for word in ("Some System", "gnuradio-dev", "SEMISAC_SKIP_APT=1", "Debian 12 or 13"):
        assert word in line
    done = set_up_system(told, tmp_path, SEMISAC_SKIP_APT="1")
    assert (done.returncode, done.stderr) == (0, "")
