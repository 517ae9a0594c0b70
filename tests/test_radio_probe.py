# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac radio probe``: what is found, what is missing, and never a wait for what does not answer."""

from __future__ import annotations

import importlib.util
import json
import socket

import pytest
from patience import HANG_S

from semisac_ml import iio_address
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
    monkeypatch.setattr(radio, "USUAL_ADDRESSES", ("ip:127.0.0.1:1",))
    monkeypatch.setattr(radio, "_FIND_USRP", "result = []")
    monkeypatch.setattr(radio, "_SCAN_IIO", "result = {}")
    monkeypatch.setattr(radio, "IMPORT_S", HANG_S)
    monkeypatch.setattr(radio, "START_S", HANG_S)


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


def test_a_usrp_on_a_network_keeps_the_address_that_works(semisac, nobody_else, monkeypatch):
    """UHD finds a serial only where a broadcast arrives."""
    found = {"type": "x300", "addr": "192.168.40.2", "serial": "ABC123", "product": "X310"}
    monkeypatch.setattr(radio, "_FIND_USRP", f"result = [{found}]")
    (listed,) = json.loads(semisac("probe", "--json", "--address", "addr=192.168.40.2")[1])["radios"]
    assert (listed["address"], listed["serial"]) == ("addr=192.168.40.2", "ABC123")


def test_a_pluto_is_sought_at_its_name_and_listed_once(semisac, nobody_else, monkeypatch):
    if not has_iio():
        pytest.skip("libiio is not installed")
    pytest.importorskip("scipy")
    from iio_server import IioServer

    assert iio_address.USUAL_ADDRESSES == ("ip:192.168.2.1", "ip:pluto.local")
    with IioServer() as server:
        port = server.uri.rpartition(":")[2]
        usual = (f"ip:127.0.0.1:{port}", f"ip:localhost:{port}")
        monkeypatch.setattr(radio, "USUAL_ADDRESSES", usual)
        (found,) = json.loads(semisac("probe", "--json", "--timeout-s", "60")[1])["radios"]
        assert found["address"] == usual[0]
        monkeypatch.setattr(radio, "USUAL_ADDRESSES", ("ip:127.0.0.1:1", usual[1]))
        (found,) = json.loads(semisac("probe", "--json", "--timeout-s", "60")[1])["radios"]
        assert found["address"] == usual[1]


def test_a_description_that_is_no_text_is_one_line(semisac, nobody_else):
    if not has_iio():
        pytest.skip("libiio is not installed")
    pytest.importorskip("scipy")
    from iio_server import IioServer

    with IioServer() as server:
        content = server.device.xml().replace("made-up Pluto", "Ger\u00e4t \u00f6").encode("latin-1")
        server.inject("^PRINT", f"{len(content)}\n".encode() + content + b"\n")
        code, out, err = semisac("probe", "--json", "--address", server.uri, "--timeout-s", "60")
    assert code == 1
    assert err.startswith(f"semisac: {server.uri}: ")
    assert err.count("\n") == 1
    assert json.loads(out)["drivers"]


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
    assert "does not answer within 0.2 s" in err
    assert semisac("probe", "--address", "addr=192.0.2.1")[0] == 1
