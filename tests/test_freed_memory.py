# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is freed is kept: the kernel does not clear the same pages again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from semisac_ml.processor import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = min(faults() for _ in range(3))
keep_freed_memory()
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library, which keeps what it likes")
def test_pages_are_cleared_once():
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    given_back, kept = map(int, said.split())
    assert given_back > 100  # of 64 MiB, in pages of 4 KiB or larger ones
    assert kept < given_back / 100
