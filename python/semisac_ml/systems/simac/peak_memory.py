# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Peak memory of a network: of a process that does nothing but load it and run it once.

The process is a new one, for memory that another network took is not given back. This module itself imports
no PyTorch, which ONNX Runtime does without.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from semisac_ml.runtime import Session, Tensor


def peak_mb() -> float:
    """The most memory that this process has had resident so far, libraries included, in MB; Linux only."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise OSError("/proc/self/status has no VmHWM, expected a Linux kernel that counts memory")
    return 1024e-6 * int(found[1])


def in_new_process(measure: Callable[..., float], *arguments: object) -> float:
    """What a function of a module says that is called in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def session_peak_mb(
    file: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], arrays: Mapping[str, np.ndarray]
) -> float:
    """Peak memory after one inference of an ONNX file by ONNX Runtime; arrays: its inputs."""
    Session(file.read_bytes(), inputs, outputs).run(**arrays)
    return peak_mb()
