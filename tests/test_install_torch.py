# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which PyTorch the set-up takes, with indexes that are made up."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow  # pip or CMake runs in each


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """The module scripts/install_torch.py, on a machine without a GPU and pip without settings."""
    described = importlib.util.spec_from_file_location("install_torch", ROOT / "scripts" / "install_torch.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(module, "PIP", "pip")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return module


def index(folder: Path, **packages: tuple[str, ...]) -> str:
    """A package index of wheels, {name_version: what it requires}; its address."""
    for described, required in packages.items():
        name, version = described.rsplit("_", 1)
        version = version.replace("cpu", "+cpu").replace("d", ".")
        place = folder / name.replace("_", "-")
        place.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {one}\n" for one in required)
        wheel = place / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
            tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            archive.writestr(f"{name}-{version}.dist-info/WHEEL", tags)
            archive.writestr(f"{name}-{version}.dist-info/RECORD", "")
        (place / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return folder.as_uri()


@pytest.fixture
def with_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPI as it is for most systems."""
    address = index(tmp_path / "pypi", torch_2d13d0=("nvidia-cublas",), nvidia_cublas_13d0d0=())
    monkeypatch.setenv("PIP_INDEX_URL", address)


def test_the_range_is_the_projects(script):
    assert script.required().startswith("torch>=2.6,<2.")


def test_a_build_without_cuda_is_taken_as_it_comes(script, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index(tmp_path / "pypi", torch_2d13d0=()))
    assert script.choose("torch>=2.6,<2.14") == ["torch>=2.6,<2.14"]


def test_a_gpu_gets_the_build_for_it(script, with_cuda, monkeypatch):
    monkeypatch.setattr(script, "has_nvidia_gpu", lambda: True)
    assert script.choose("torch>=2.6,<2.14") == ["torch>=2.6,<2.14"]


def test_cuda_is_not_downloaded_for_nothing(script, with_cuda, tmp_path, monkeypatch, capsys):
    address = index(tmp_path / "cpu", torch_2d12d1cpu=())
    monkeypatch.setenv("SEMISAC_TORCH_INDEX_URL", address)
    assert script.choose("torch>=2.6,<2.14") == ["--extra-index-url", address, "torch==2.12.1+cpu"]
    assert "PyTorch 2.12.1+cpu without CUDA" in capsys.readouterr().out


def test_where_there_is_no_other_the_size_is_said_before(script, with_cuda, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEMISAC_TORCH_INDEX_URL", (tmp_path / "nowhere").as_uri())
    assert script.choose("torch>=2.6,<2.14") == ["torch>=2.6,<2.14"]
    told = capsys.readouterr().out
    assert "PyTorch 2.13.0 comes with CUDA here: 0.0 GB to download" in told  # made-up wheels are small
    assert "Ctrl-C, install a CPU build of torch>=2.6,<2.14" in told


def test_what_is_there_is_kept(script):
    pytest.importorskip("torch")
    assert script.is_installed(script.required())
    assert not script.is_installed("torch>=99")
