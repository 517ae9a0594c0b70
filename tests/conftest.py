# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures that all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for tiny_bundle

SOURCE = Path(__file__).resolve().parents[1] / "python"


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
