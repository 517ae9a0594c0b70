#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install PyTorch into the environment that runs this, without CUDA where there is no NVIDIA GPU.

    install_torch.py           install it, unless a version in range is there
    install_torch.py --check   succeed if a version in range is there

What PyPI calls torch is, on many systems, a build with gigabytes of CUDA. Where pip would take such a build
and there is no GPU, PyTorch's own index of CPU builds is asked (SEMISAC_TORCH_INDEX_URL names another); where
that has none either, the size is said before the download. `scripts/setup.sh torch` calls this.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from importlib import metadata
from os import environ
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# pip that resolves without downloading the wheels
PIP = "pip>=23.3"
PIP_INSTALL = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]


def required() -> str:
    """The project's own requirement, such as "torch>=2.6,<2.14"."""
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (requirement,) = (line for line in extras["train"] if line.startswith("torch>"))
    return requirement


def is_installed(requirement: str) -> bool:
    """Whether this Python sees a version in range."""
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return False
    from pip._vendor.packaging.requirements import Requirement

    return Requirement(requirement).specifier.contains(version, prereleases=True)


def has_nvidia_gpu() -> bool:
    """Whether the driver of NVIDIA names a GPU."""
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program, "-L"], capture_output=True).returncode == 0


def resolved(requirement: str, *options: str) -> list[dict]:
    """What pip would install: items of its installation report; empty when it finds nothing."""
    command = [
        *PIP_INSTALL,
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
        *options,
        requirement,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)["install"] if done.returncode == 0 else []


def brings_cuda(items: list[dict]) -> bool:
    """Whether packages of CUDA are among them."""
    return any(item["metadata"]["name"].startswith(("nvidia", "cuda")) for item in items)


def size_of_download(items: list[dict]) -> str:
    """Sum of the sizes that the index states, as text."""
    total = 0
    for item in items:
        request = urllib.request.Request(item["download_info"]["url"], method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                total += int(answer.headers["Content-Length"])
        except (OSError, TypeError, ValueError):  # offline, or no length stated
            return "several GB"
    return f"{total / 1e9:.1f} GB"


def choose(requirement: str) -> list[str]:
    """Options and requirement for pip."""
    if has_nvidia_gpu():
        return [requirement]
    subprocess.run([*PIP_INSTALL, "--quiet", PIP], check=True)
    default = resolved(requirement)
    if not brings_cuda(default):
        return [requirement]
    index = environ.get("SEMISAC_TORCH_INDEX_URL", CPU_INDEX)
    without_cuda = resolved(
        requirement, "--no-deps", "--index-url", index, "--timeout", "15", "--retries", "1"
    )
    if without_cuda:
        version = without_cuda[0]["metadata"]["version"]
        print(f"==> PyTorch {version} without CUDA, since no NVIDIA GPU was found, from {index}")
        return ["--extra-index-url", index, f"torch=={version}"]
    (torch,) = (item["metadata"]["version"] for item in default if item["metadata"]["name"] == "torch")
    print(
        f"==> PyTorch {torch} comes with CUDA here: {size_of_download(default)} to download,",
        f"    though no NVIDIA GPU was found, and {index} has none without.",
        f"    To avoid it: Ctrl-C, install a CPU build of {requirement} into {sys.prefix}, and run again;",
        "    SEMISAC_TORCH_INDEX_URL names another index to look for one.",
        sep="\n",
        flush=True,
    )
    return [requirement]


def main() -> int:
    """Run the command line."""
    requirement = required()
    if is_installed(requirement):
        return 0
    if sys.argv[1:] == ["--check"]:
        return 1
    print(f"==> installing {requirement}", flush=True)
    return subprocess.run([*PIP_INSTALL, *choose(requirement)]).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
