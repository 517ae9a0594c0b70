# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac radio probe``: radios that are found, their drivers, and how to get what is missing.

Every driver is asked in a process of its own, which is ended when it takes too long: a driver may crash,
exclude another one, or wait for a device that does not answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options, new_commands
from semisac_ml.outputs import print_json
from semisac_ml.shared_options import PrintOptions

from ..iio_address import USUAL_ADDRESSES, complete_address
from .systems import install_command

commands = new_commands("radio", "Radios and their drivers.")

# Importing GNU Radio takes a second or two on a slow computer.
IMPORT_S = 15.0
START_S = 2.0  # without that

_VERSIONS = {
    "UHD": "from gnuradio import uhd; version = uhd.get_version_string()",
    "libiio": "import iio; version = '.'.join(map(str, iio.version[:2]))",
    "pyadi-iio": "import adi; from importlib.metadata import version as of; version = of('pyadi-iio')",
    "GNU Radio ZeroMQ": "from gnuradio import gr, zeromq; version = gr.version()",
    "sigmf": "import sigmf; version = sigmf.__version__",
}
_PURPOSES = {
    "UHD": "--radio usrp",
    "libiio": "--radio pluto",
    "pyadi-iio": "--radio pluto",
    "GNU Radio ZeroMQ": "--radio zmq",
    "sigmf": "--radio file",
}
# The module of UHD itself: that of GNU Radio 3.10 names a find_devices that it does not have.
_FIND_USRP = """
import uhd
try:
    found = [one.to_string().split(",") for one in uhd.find(argument)]
except RuntimeError:
    found = []
result = [dict(pair.split("=", 1) for pair in one if "=" in pair) for one in found]
"""
_SCAN_IIO = """
import iio
try:
    result = iio.scan_contexts()
except OSError:
    result = {}
"""
_GREET_IIO = """
from semisac_ml.iio_address import greet
uri, timeout_s = json.loads(argument)
result = greet(uri, timeout_s)
"""
_OPEN_IIO = """
import iio
try:
    context = iio.Context(argument)
except (OSError, TypeError, ValueError) as error:
    result = {"error": getattr(error, "strerror", None) or str(error)}
else:
    names = [device.name or device.id for device in context.devices]
    receiver = context.find_device("cf-ad9361-lpc")
    scanned = [c for c in receiver.channels if c.scan_element] if receiver else []
    result = {"attributes": context.attrs, "devices": names, "rx_channels": len(scanned) // 2}
"""


@dataclass(frozen=True)
class Driver:
    """Version is None when it is missing; problem says what is wrong with it, get how to have it."""

    name: str
    version: str | None
    needed_for: str
    get: str
    problem: str = ""


@dataclass(frozen=True)
class Radio:
    """A radio that answers: what to give to --radio and --address."""

    radio: str
    address: str
    device: str
    serial: str = ""
    details: dict[str, object] = field(default_factory=dict)


class ProbeError(RuntimeError):
    """What a driver process says went wrong."""


def _ask(program: str, argument: str, timeout_s: float, start_s: float = 0.0) -> object:
    """What a program leaves in `result`, run in a process of its own. Raises ProbeError.

    start_s: that it may take to begin, beside `timeout_s`.
    """
    home = "from semisac_ml.home_folder import provide_home; provide_home()"  # GNU Radio wants one
    code = (
        f"import json, sys\n{home}\nargument = sys.argv[1]\n{program}\nprint('result=' + json.dumps(result))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, argument],
            capture_output=True,
            text=True,
            errors="replace",  # libxml says on stderr what is wrong with a text, and quotes it
            timeout=start_s + timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(f"no answer within {timeout_s:g} s") from None
    except OSError as error:
        raise ProbeError(str(error)) from None
    for line in done.stdout.splitlines():
        if line.startswith("result="):
            return json.loads(line.removeprefix("result="))
    raise ProbeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])


def _driver(name: str) -> Driver:
    apt, pip = "apt-get install", install_command("radio")
    get = {
        "UHD": f"{apt} gnuradio uhd-host python3-uhd && uhd_images_downloader",
        "libiio": f"{apt} libiio-utils python3-libiio && {pip}",
        "GNU Radio ZeroMQ": f"{apt} gnuradio",
    }.get(name, pip)
    try:
        version = _ask(f"{_VERSIONS[name]}\nresult = str(version)", "", IMPORT_S)
    except ProbeError as error:
        absent = str(error).startswith(("ModuleNotFoundError: No module named", "ImportError: cannot import"))
        return Driver(name, None, _PURPOSES[name], get, "" if absent else str(error))
    return Driver(name, str(version), _PURPOSES[name], get)


def _usrps(arguments: str, timeout_s: float) -> list[Radio]:
    found = _ask(_FIND_USRP, arguments, timeout_s, IMPORT_S)
    radios = []
    for one in found:
        name = one.get("product") or one.get("name") or one.get("type", "USRP")
        serial = one.get("serial", "")
        # by a serial UHD finds only what answers a broadcast
        address = f"addr={one['addr']}" if one.get("addr") else f"serial={serial}"
        radios.append(Radio("usrp", address, name, serial, one))
    return radios


def _iio(uri: str, timeout_s: float) -> Radio:
    """The device at a URI. Raises ProbeError."""
    trouble = _ask(_GREET_IIO, json.dumps([uri, timeout_s]), timeout_s, START_S)
    if trouble:
        raise ProbeError(trouble)
    found = _ask(_OPEN_IIO, uri, timeout_s, START_S)
    if "error" in found:
        raise ProbeError(found["error"])
    attributes = found["attributes"]
    if "ad9361-phy" not in found["devices"]:
        raise ProbeError(f"no device ad9361-phy, only {', '.join(found['devices']) or 'none'}: no Pluto")
    details = {"firmware": attributes.get("fw_version", ""), "rx_channels": found["rx_channels"]}
    name = attributes.get("hw_model") or "board with an AD936x"
    return Radio("pluto", uri, name, attributes.get("hw_serial", ""), details)


def _iio_anywhere(timeout_s: float) -> list[Radio]:
    try:
        uris = list(_ask(_SCAN_IIO, "", timeout_s, START_S))
    except ProbeError:
        uris = []
    radios = []
    for uri in dict.fromkeys([*uris, *USUAL_ADDRESSES]):
        try:
            found = _iio(uri, timeout_s)
        except ProbeError:
            continue  # nobody asked for this one
        if not found.serial or found.serial not in [radio.serial for radio in radios]:  # at another address
            radios.append(found)
    return radios


def find_radios(address: str, timeout_s: float) -> tuple[list[Radio], list[str]]:
    """Radios that answer, and what went wrong with those that were named.

    address: device arguments of UHD (with "="), URI of libiio, or host of a Pluto; "": all that can be found.
    """
    if not address:
        with ThreadPoolExecutor(2) as pool:
            searches = [pool.submit(_usrps, "", timeout_s), pool.submit(_iio_anywhere, timeout_s)]
        radios = []
        for search in searches:
            try:
                radios += search.result()
            except ProbeError:
                continue  # the driver is missing: the list of drivers says so
        return radios, []
    try:
        if "=" in address:
            radios = _usrps(address, timeout_s)
            return radios, [] if radios else [f"{address}: no USRP answers"]
        return [_iio(complete_address(address), timeout_s)], []
    except (ProbeError, ValueError) as error:
        return [], [f"{address}: {error}"]


class ProbeOptions(Options):
    """Which radios are asked, and for how long."""

    address: Annotated[str, Parameter(metavar="ADDRESS")] = Field(
        "",
        description="Only this one: ip:192.168.2.1 or usb:1.2.5 (Pluto), type=b200 or addr=192.168.10.2 "
        "(USRP).",
    )
    timeout_s: float = Field(5.0, ge=0.1, le=60.0, description="How long a device may take to answer.")


@commands.command
def probe(*, options: ProbeOptions = ProbeOptions(), printing: PrintOptions = PrintOptions()) -> None:
    """List the radios that answer, the drivers with their versions, and how to get what is missing.

    Exit code 1 when the radio at --address does not answer.
    """
    with ThreadPoolExecutor(len(_VERSIONS)) as pool:
        search = pool.submit(find_radios, options.address, options.timeout_s)
        drivers = list(pool.map(_driver, _VERSIONS))
    radios, problems = search.result()
    if printing.as_json:
        report = {"radios": radios, "drivers": drivers}
        plain = {name: [asdict(entry) for entry in entries] for name, entries in report.items()}
        print_json({**plain, "problems": problems})
    else:
        _print_tables(radios, drivers)
    if problems:
        raise RuntimeError(f"{problems[0]}: check power, cable and address")


def _print_tables(radios: list[Radio], drivers: list[Driver]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for radio in radios:
        details = [f"serial {radio.serial}"] if radio.serial else []
        details += [f"{name} {value}" for name, value in radio.details.items() if value != ""]
        where = f"[green]--radio {radio.radio} --address {escape(radio.address)}[/]"
        console.print(f"{where}: {escape(radio.device)}, {escape(', '.join(details))}", soft_wrap=True)
    if not radios:
        console.print("[yellow]no radio answers[/]: plug one in, or name its --address")
    table = Table("driver", "version", "needed for", "how to get it", box=box.SIMPLE)
    for driver in drivers:
        version = escape(driver.version) if driver.version else "[yellow]missing[/]"
        advice = "" if driver.version else escape(driver.get)
        note = f"[red]{escape(driver.problem)}[/] " if driver.problem else ""
        table.add_row(driver.name, version, driver.needed_for, note + advice)
    console.print(table)
