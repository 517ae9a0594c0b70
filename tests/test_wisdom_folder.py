# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where newer versions of GNU Radio keep FFTW's wisdom there is a folder for it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("gnuradio.semisac", reason="the module is looked at")

from gnuradio import gr  # noqa: E402
from gnuradio.semisac.wisdom_folder import provide_wisdom_folder  # noqa: E402


def cache() -> Path:
    """As gr.paths.cache of GNU Radio 3.10.12."""
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ["HOME"]) / ".cache"
    return Path(base) / "gnuradio"


@pytest.fixture(autouse=True)
def newer_gnuradio(monkeypatch):
    monkeypatch.setattr(gr, "paths", SimpleNamespace(cache=cache), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")


def test_a_new_home_gets_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        provide_wisdom_folder()
        assert cache() == tmp_path / ".cache" / "gnuradio" and cache().is_dir()


def test_where_nothing_can_be_written_there_is_another(monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nobody")
    provide_wisdom_folder()
    assert cache().is_dir() and os.access(cache(), os.W_OK)
    assert "/proc" not in str(cache())
