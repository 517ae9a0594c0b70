# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders in which GNU Radio and caches can write, whatever HOME is."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from semisac_ml import home_folder

NOWHERE = "/proc/nobody"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "")


def test_a_home_that_can_be_used_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    home_folder.provide_home()
    assert os.environ["HOME"] == str(tmp_path) and not os.environ["XDG_CONFIG_HOME"]
    assert list(tmp_path.iterdir()) == []


def test_another_stands_in_for_one_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/own")
    home_folder.provide_home()
    home = Path(os.environ["HOME"])
    assert os.access(home, os.W_OK) and os.access(home / ".gnuradio" / "prefs", os.W_OK)
    # what belongs to the user is looked for where it is
    assert os.environ["XDG_CONFIG_HOME"] == "/etc/own"
    assert os.environ["XDG_CACHE_HOME"] == f"{NOWHERE}/.cache"


def test_what_is_in_it_is_found_in_the_other(tmp_path, monkeypatch):
    (tmp_path / ".gnuradio" / "prefs").mkdir(parents=True)
    for name in (".gnuradio/config.conf", ".uhd", ".gr_fftw_wisdom", ".gr_fftw_wisdom.lock"):
        (tmp_path / name).write_text("own")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(home_folder, "_is_usable", lambda home: False)  # root may write everywhere
    home_folder.provide_home()
    home = Path(os.environ["HOME"])
    assert home != tmp_path and (home / ".uhd").read_text() == "own"
    assert (home / ".gnuradio" / "config.conf").read_text() == "own"
    assert not (home / ".gr_fftw_wisdom").exists() and not (home / ".gr_fftw_wisdom.lock").exists()
    assert (home / ".gnuradio" / "prefs").is_dir() and not (home / ".gnuradio" / "prefs").is_symlink()


def test_a_cache_that_cannot_be_written_is_another_one_said_once(tmp_path, capsys):
    assert home_folder.writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    other = home_folder.writable(Path(NOWHERE))
    assert other.is_dir() and home_folder.writable(Path(NOWHERE)) == other
    said = capsys.readouterr().err
    assert said.startswith(f"{NOWHERE} cannot be written: {other}") and said.count("\n") == 1
    # of a user whom the system does not know
    assert home_folder.writable(Path("~/.cache")).is_absolute()


def test_whether_a_folder_could_be_written_makes_none(tmp_path):
    (tmp_path / "file").touch()
    assert home_folder.could_write(tmp_path / "a" / "b") and not (tmp_path / "a").exists()
    assert not home_folder.could_write(tmp_path / "file" / "b")


def cache() -> Path:
    """As gr.paths.cache of GNU Radio 3.10.12."""
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ["HOME"]) / ".cache"
    return Path(base) / "gnuradio"


@pytest.fixture
def provide_wisdom_folder(monkeypatch):
    pytest.importorskip("gnuradio.semisac", reason="the module is looked at")
    from gnuradio import gr
    from gnuradio.semisac.wisdom_folder import provide_wisdom_folder

    monkeypatch.setattr(gr, "paths", SimpleNamespace(cache=cache), raising=False)
    return provide_wisdom_folder


def test_a_new_home_gets_one(tmp_path, monkeypatch, provide_wisdom_folder):
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        provide_wisdom_folder()
        assert cache() == tmp_path / ".cache" / "gnuradio" and cache().is_dir()


def test_where_nothing_can_be_written_there_is_another(monkeypatch, provide_wisdom_folder):
    monkeypatch.setenv("HOME", NOWHERE)
    provide_wisdom_folder()
    assert cache().is_dir() and os.access(cache(), os.W_OK)
    assert "/proc" not in str(cache())
