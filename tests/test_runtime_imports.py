# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two worlds: no GNU Radio in semisac_ml; no PyTorch and no onnx where the radio side looks."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import semisac_ml

PACKAGE = Path(semisac_ml.__file__).parent
LIGHT = ("signal", "runtime", "data", "results", "cli")
BLOCKER = """
import importlib.abc, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
"""
BLOCKED = {"torch", "gnuradio", "onnx", "onnxscript", "pmt", "openvino"}


def run_blocked(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a fresh process in which the blocked packages cannot be imported."""
    import os

    program = BLOCKER.format(blocked=BLOCKED) + code
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(*folders: str) -> list[str]:
    files = [file for folder in folders for file in sorted((PACKAGE / folder).rglob("*.py"))]
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def manifests() -> list[str]:
    """Modules in which systems describe their bundles."""
    return [name for name in modules_of("systems") if name.endswith(".manifest")]


def test_light_parts_import_without_torch_and_gnuradio():
    names = ("semisac_ml", "semisac_ml.systems", *modules_of(*LIGHT, "sensors"), *manifests())
    imports = "".join(f"import {name}\n" for name in names)
    done = run_blocked(imports)
    assert done.returncode == 0, done.stderr


def test_light_parts_work_without_torch_and_gnuradio(tiny_models):
    done = run_blocked(
        "from semisac_ml.runtime import Bundle\n"
        "from semisac_ml.data import cifar10\n"
        "from semisac_ml.signal import metrics\n"
        "images = cifar10.sample()[0]\n"
        "assert metrics.ssim(images[:2], images[:2]).min() > 0.999\n"
        "Bundle.verify('jssc/tiny')\n",
        SEMISAC_MODELS=str(tiny_models),
    )
    assert done.returncode == 0, done.stderr


def imported_packages(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_gnuradio_import_anywhere(file):
    assert not imported_packages(file) & {"gnuradio", "pmt"}


@pytest.mark.parametrize("name", [*modules_of(*LIGHT), *manifests()])
def test_light_parts_name_no_torch(name):
    file = PACKAGE.parent.joinpath(*name.split("."))
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    assert not imported_packages(file) & {"torch", "onnx"}
