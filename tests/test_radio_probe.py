# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac radio probe``: what is found, what is missing, and never a wait for what does not answer."""

from __future__ import annotations

import importlib.util
import json
import socket

import pytest
from patience import HANG_S

from semisac_ml.cli import program, radio

pytestmark = pytest.mark.slow


@pytest.fixture
def semisac(capsys):
    """Run a command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.run(["radio", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def nobody_else(monkeypatch):
    """Look for nothing but what is named: no test asks the network of the machine."""
    monkeypatch.setattr(radio, "USUAL_PLUTO", "ip:127.0.0.1:1")
    monkeypatch.setattr(radio, "_FIND_USRP", "result = []")
    monkeypatch.setattr(radio, "_SCAN_IIO", "result = {}")
    monkeypatch.setattr(radio, "IMPORT_S", HANG_S)


def has_iio() -> bool:
    return importlib.util.find_spec("iio") is not None


def test_drivers_are_listed(semisac, nobody_else):
    code, out, err = semisac("probe", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert (report["radios"], report["problems"]) == ([], [])
    drivers = {driver["name"]: driver for driver in report["drivers"]}
    assert set(drivers) == {"UHD", "libiio", "pyadi-iio", "GNU Radio ZeroMQ", "sigmf"}
    for driver in drivers.values():
        assert driver["get"].startswith(("apt-get install", "pip install"))
        assert driver["needed_for"].startswith("--radio ")
    code, out, _ = semisac("probe")
    assert code == 0
    assert "no radio answers" in out


def test_a_missing_driver_comes_with_its_command(semisac, nobody_else, monkeypatch):
    monkeypatch.setitem(radio._VERSIONS, "UHD", "import no_such_module")
    monkeypatch.setitem(radio._VERSIONS, "sigmf", "import os; os.abort()")
    report = json.loads(semisac("probe", "--json")[1])
    drivers = {driver["name"]: driver for driver in report["drivers"]}
    assert drivers["UHD"]["version"] is None
    assert drivers["UHD"]["problem"] == ""
    assert "exit code" in drivers["sigmf"]["problem"]
    out = semisac("probe")[1]
    assert "missing" in out


def test_a_pluto_is_found(semisac, nobody_else, monkeypatch):
    if not has_iio():
        pytest.skip("libiio is not installed")
    pytest.importorskip("scipy")
    from iio_server import IioServer

    with IioServer() as server:
        patient = ("--timeout-s", "60")
        code, out, _ = semisac("probe", "--json", "--address", server.uri, *patient)
        assert code == 0
        (found,) = json.loads(out)["radios"]
        assert (found["radio"], found["address"]) == ("pluto", server.uri)
        assert found["serial"] == "1044730a1997"
        assert found["details"]["rx_channels"] == 1
        monkeypatch.setattr(radio, "_SCAN_IIO", f"result = {{{server.uri!r}: 'Pluto'}}")
        code, out, _ = semisac("probe", *patient)
        assert code == 0
        assert f"--radio pluto --address {server.uri}" in out


def test_a_usrp_is_listed_with_its_address(semisac, nobody_else, monkeypatch):
    monkeypatch.setattr(
        radio, "_FIND_USRP", "result = [{'type': 'b200', 'serial': '31C9', 'product': 'B210'}]"
    )
    (found,) = json.loads(semisac("probe", "--json")[1])["radios"]
    assert (found["radio"], found["address"], found["device"]) == ("usrp", "serial=31C9", "B210")
    code, _, err = semisac("probe", "--json", "--address", "type=b200")
    assert (code, err) == (0, "")


def test_dead_addresses_are_one_line(semisac, nobody_else):
    if not has_iio():
        pytest.skip("libiio is not installed")
    code, out, err = semisac("probe", "--json", "--address", "127.0.0.1:1")
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith("semisac: 127.0.0.1:1: ")
    assert json.loads(out)["problems"]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"ip:127.0.0.1:{mute.getsockname()[1]}"
        code, _, err = semisac("probe", "--json", "--address", address, "--timeout-s", "0.2")
    assert code == 1
    assert "no answer within" in err
    assert semisac("probe", "--address", "addr=192.0.2.1")[0] == 1
