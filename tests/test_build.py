# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""How CMake configures the module: flags, conda environments, a GNU Radio that is too old."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"

pytestmark = pytest.mark.skipif(
    not (BUILD / "CMakeCache.txt").exists() or not shutil.which("cmake"), reason="not built; run make setup"
)


def cached(build: Path) -> dict[str, str]:
    """Variables in the cache of a build folder."""
    lines = (build / "CMakeCache.txt").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and line[0] not in "#/")
    return {name.split(":")[0]: value for name, value in pairs}


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    """A made-up conda environment: a Python with site packages of its own, and no GNU Radio."""
    prefix = tmp_path / "conda"
    subprocess.run(
        ["/usr/bin/python3", "-m", "venv", "--without-pip", "--system-site-packages", prefix], check=True
    )
    return prefix


def add_gnuradio(prefix: Path) -> None:
    """Give an environment the GNU Radio of the system, as if it were installed there."""
    system = Path(cached(BUILD)["Gnuradio_DIR"])
    folder = prefix / "lib" / "cmake" / "gnuradio"
    folder.mkdir(parents=True)
    for name in ("GnuradioConfig.cmake", "GnuradioConfigVersion.cmake"):
        (folder / name).write_text(f'include("{system / name}")\n')


def configure(build: Path, conda: Path, *options: str) -> subprocess.CompletedProcess:
    """Run CMake in an activated environment."""
    environment = os.environ | {
        "CONDA_PREFIX": str(conda),
        "PATH": f"{conda}/bin:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", *options],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_no_operation_is_fused() -> None:
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    files = {Path(entry["file"]).name: entry["command"].split() for entry in commands}
    assert {"frame_receiver.cc", "sample_noise.cc", "qa_same_bytes.cc", "python_bindings.cc"} <= set(files)
    for name, command in files.items():
        flags = [flag for flag in command if flag.startswith("-ffp-contract")]
        assert flags[-1:] == ["-ffp-contract=off"], name
        assert not {"-ffast-math", "-Ofast"} & set(command), name


def test_conda_environment_with_gnuradio_is_built_for(conda: Path, tmp_path: Path) -> None:
    add_gnuradio(conda)
    build = tmp_path / "build"
    done = configure(build, conda)
    assert done.returncode == 0, done.stderr
    assert f"Building for the conda environment {conda}" in done.stdout
    cache = cached(build)
    assert cache["CMAKE_INSTALL_PREFIX"] == str(conda)
    assert cache["PYTHON_EXECUTABLE"] == f"{conda}/bin/python"
    assert cache["Gnuradio_DIR"] == f"{conda}/lib/cmake/gnuradio"
    # where Python looks for modules, and where these look for the library
    site = next((conda / "lib").glob("python3*")) / "site-packages"
    bindings = (build / "python" / "semisac" / "bindings" / "cmake_install.cmake").read_text()
    assert f"{site}/gnuradio/semisac" in bindings
    assert f'RPATH "{conda}/lib' in bindings
    library = (build / "lib" / "cmake_install.cmake").read_text()
    assert 'DESTINATION "${CMAKE_INSTALL_PREFIX}/lib"' in library.replace("/./", "/")


def test_conda_environment_without_gnuradio_is_left_out(conda: Path, tmp_path: Path) -> None:
    trap = conda / "lib" / "cmake" / "spdlog"  # of another version, as it may well be
    trap.mkdir(parents=True)
    (trap / "spdlogConfig.cmake").write_text('message(FATAL_ERROR "looked into the environment")\n')
    build = tmp_path / "build"
    done = configure(build, conda)
    assert done.returncode == 0, done.stderr
    assert f"Not looking into the conda environment {conda}" in done.stdout
    cache = cached(build)
    assert not cache["CMAKE_INSTALL_PREFIX"].startswith(str(conda))
    assert not cache["PYTHON_EXECUTABLE"].startswith(str(conda))


def test_another_python_decides_against_the_conda_environment(conda: Path, tmp_path: Path) -> None:
    add_gnuradio(conda)
    build = tmp_path / "build"
    prefix = tmp_path / "prefix"
    done = configure(build, conda, "-DPYTHON_EXECUTABLE=/usr/bin/python3", f"-DCMAKE_INSTALL_PREFIX={prefix}")
    assert done.returncode == 0, done.stderr
    cache = cached(build)
    assert cache["CMAKE_INSTALL_PREFIX"] == str(prefix)
    assert cache["PYTHON_EXECUTABLE"] == "/usr/bin/python3"
    assert not cache["Gnuradio_DIR"].startswith(str(conda))


def test_old_gnuradio_is_refused_in_one_sentence(conda: Path, tmp_path: Path) -> None:
    folder = conda / "lib" / "cmake" / "gnuradio"
    folder.mkdir(parents=True)
    (folder / "GnuradioConfig.cmake").write_text("")
    (folder / "GnuradioConfigVersion.cmake").write_text(
        "set(PACKAGE_VERSION 3.8.5.0)\nset(PACKAGE_VERSION_COMPATIBLE FALSE)\n"
    )
    no_other = (
        "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF",
        "-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF",
        f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}",
        f"-DCMAKE_C_COMPILER={shutil.which('cc')}",
        f"-DCMAKE_CXX_COMPILER={shutil.which('c++')}",
    )
    done = configure(tmp_path / "build", conda, *no_other)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "GNU Radio 3.10 or later is not here (found: 3.8.5.0); install gnuradio-dev" in said


def test_every_command_is_understood_below_any_folder(tmp_path: Path) -> None:
    """Those that build, which a shell reads, and those that test, which none must read."""
    source = tmp_path / "my rädio (1)"
    source.mkdir()
    for name in ("CMakeLists.txt", "lib", "include", "grc", "python", "models"):
        (source / name).symlink_to(ROOT / name)
    build = source / "build"
    settings = ["-G", "Ninja", "-DPYTHON_EXECUTABLE=/usr/bin/python3"]
    subprocess.run(["cmake", "-S", source, "-B", build, *settings], check=True, capture_output=True)
    listed = ["ninja", "-C", build, "-t", "commands"]
    commands = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    assert "semisac_python" in commands and "my rädio (1)" in commands
    checked = subprocess.run(["sh", "-n"], input=commands, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    listed = ["ctest", "--test-dir", build, "--show-only=json-v1"]
    tests = json.loads(subprocess.run(listed, check=True, capture_output=True, text=True).stdout)["tests"]
    written = {test["name"] for test in tests if any(".sh" in part for part in test.get("command", []))}
    assert len(tests) > 30 and not written, "scripts that CMake writes, and does not quote"
