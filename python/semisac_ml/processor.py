# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processor of this machine, as Linux names it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

FILE = Path("/proc/cpuinfo")
TELLING = {
    "amx_int8": "AMX",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "asimddp": "dot product",
}
"""What processors of one name differ in, by Linux's names of instructions, the best first."""


def fields(*names: str, file: Path = FILE) -> list[str]:
    """Values of all lines of these names; none where Linux does not tell."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return []
    told = (line.partition(":") for line in lines)
    return [" ".join(value.split()) for name, _, value in told if name.strip() in names]


def machine(file: Path = FILE) -> str:
    """Processor, what it multiplies with, and number of usable cores."""
    model = (fields("model name", "Model", file=file) or ["unknown processor"])[0]
    words = set(" ".join(fields("flags", "Features", file=file)).split())
    best = next((f" with {said}" for word, said in TELLING.items() if word in words), "")
    cores = len(os.sched_getaffinity(0))
    return f"{model}{best}, {cores} core{'s' if cores > 1 else ''}"


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, where it can (glibc): each step of a training asks for it again.

    Else it gives large tensors back to the kernel, which then clears every page anew: a third of the time of
    networks of large pictures.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mmap_max, trim_threshold, top_pad = -4, -1, -2  # malloc.h
    for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 2**26)):
        set_option(option, value)
