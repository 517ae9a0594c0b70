# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac info``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from semisac_ml import __version__
from semisac_ml.command_line import said_of
from semisac_ml.numpy_generation import mismatch
from semisac_ml.outputs import print_json
from semisac_ml.shared_options import PrintOptions
from semisac_ml.systems import system_folders, systems_with

from .systems import install_command

_PROBE_SECONDS = 20


@dataclass(frozen=True)
class Component:
    """Something the project uses; version is None if it is missing, problem says what is wrong with it."""

    name: str
    version: str | None
    needed_for: str
    get: str
    problem: str = ""


def _distribution(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _probed(expression: str) -> tuple[str | None, str]:
    """Version that a fresh Python process prints, or None and its last line of complaint.

    In a process of its own because these modules load native libraries that may crash, or exclude each other.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", expression],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    lines = done.stdout.split("\n")
    found = [line.removeprefix("version=") for line in lines if line.startswith("version=")]
    if done.returncode == 0 and found:
        return found[-1], ""
    complaint = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return None, "" if complaint.startswith("ModuleNotFoundError: No module named") else complaint


def _probe(module: str, version: str) -> str:
    home = "from semisac_ml.home_folder import provide_home; provide_home()"  # GNU Radio wants one
    found = f"import importlib; m = importlib.import_module({module!r}); print('version=' + str({version}))"
    return f"{home}\n{found}"


def components() -> list[Component]:
    """Versions of everything, in the order of need."""
    probes = {
        "GNU Radio": _probe("gnuradio.gr", "m.version()"),
        "gnuradio.semisac": _probe("gnuradio.semisac", f"getattr(m, '__version__', {__version__!r})"),
        "UHD": _probe("gnuradio.uhd", "m.get_version_string()"),
        "libiio": _probe("iio", "'.'.join(map(str, m.version[:2]))"),
    }
    with ThreadPoolExecutor(len(probes)) as pool:
        native = dict(zip(probes, pool.map(_probed, probes.values()), strict=True))
    train, pip = install_command("train"), install_command("")
    pip = pip.replace("[]", "")
    wrong_numpy = mismatch()  # names its own remedy
    return [
        Component("Python", platform.python_version(), "everything", "apt-get install python3"),
        Component("semisac", __version__, "everything", pip),
        Component("numpy", _distribution("numpy"), "everything", "" if wrong_numpy else pip, wrong_numpy),
        Component("scipy", _distribution("scipy"), "everything", pip),
        _onnxruntime(pip),
        Component("torch", _distribution("torch"), "training", train),
        Component("onnx", _distribution("onnx"), "export", train),
        Component(
            "GNU Radio",
            native["GNU Radio"][0],
            "flowgraphs",
            "apt-get install gnuradio",
            native["GNU Radio"][1],
        ),
        Component(
            "gnuradio.semisac",
            native["gnuradio.semisac"][0],
            "flowgraphs",
            "make setup (in the source tree)",
            native["gnuradio.semisac"][1],
        ),
        Component("UHD", native["UHD"][0], "USRP radios", "apt-get install uhd-host", native["UHD"][1]),
        Component(
            "libiio",
            native["libiio"][0],
            "Pluto radios",
            "apt-get install libiio-utils python3-libiio",
            native["libiio"][1],
        ),
    ]


def _onnxruntime(get: str) -> Component:
    """The package of ONNX Runtime that is installed, of which there are several."""
    packages = ("onnxruntime", "onnxruntime-openvino", "onnxruntime-gpu")
    version = next(filter(None, map(_distribution, packages)), None)
    try:
        from semisac_ml.runtime import installed_providers

        return Component("onnxruntime", version, f"bundles, on {', '.join(installed_providers())}", get)
    except (ImportError, AttributeError) as error:  # the latter with a numpy that is none
        return Component("onnxruntime", version, "bundles", get, str(error) if version else "")


def bundles() -> list[dict[str, Any]]:
    """Every bundle found by name, and whether it passes all checks."""
    from semisac_ml.runtime import Bundle, BundleError, list_bundles

    found = []
    for name in list_bundles():
        try:
            bundle = Bundle.load(name)
            found.append(
                {"name": name, "path": str(bundle.path), "fingerprint": bundle.fingerprint, "valid": True}
            )
        except (BundleError, OSError) as error:
            found.append({"name": name, "valid": False, "error": said_of(error)})
    return found


def systems() -> list[dict[str, Any]]:
    """Every system found, and what can be done with it."""
    actions = {action: systems_with(action) for action in ("train", "evaluate", "export")}
    return [
        {
            "name": name,
            "path": str(path),
            "does": [action for action, able in actions.items() if name in able],
        }
        for name, path in system_folders().items()
    ]


def data() -> list[dict[str, Any]]:
    """Every data set that can be fetched, and where it is."""
    from semisac_ml.data import DataError

    from .data import data_sets

    found = []
    for name, module in data_sets().items():
        try:
            found.append({"name": name, "path": str(module.find_folder()), "found": True})
        except DataError:
            found.append({"name": name, "path": None, "found": False, "get": f"semisac data fetch {name}"})
        except OSError as error:  # a folder that may not be looked into
            found.append({"name": name, "path": None, "found": False, "get": said_of(error)})
    return found


def info(*, options: PrintOptions = PrintOptions()) -> None:
    """Show versions of everything, what is missing and how to get it, and the bundles and data found."""
    parts = components()
    # with the other numpy nothing can be imported that would look at them
    have_bundles, have_data = ([], []) if mismatch() else (bundles(), data())
    if options.as_json:
        report = {
            "components": [asdict(part) for part in parts],
            "systems": systems(),
            "bundles": have_bundles,
            "data": have_data,
            "platform": platform.platform(),
        }
        print_json(report)
        return
    if mismatch():
        print(mismatch())
    _print_tables(parts, have_bundles, have_data)


def _print_tables(parts: list[Component], have_bundles: list[dict], have_data: list[dict]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("", "version", "needed for", "how to get it", box=box.SIMPLE)
    for part in parts:
        version = part.version or "[yellow]missing[/]"
        advice = "" if part.version and not part.problem else part.get
        note = f"[red]{escape(part.problem)}[/] " if part.problem else ""
        table.add_row(part.name, version, part.needed_for, note + escape(advice))
    console.print(table)
    if mismatch():
        return

    table = Table("system", "semisac ...", "folder", box=box.SIMPLE)
    for system in systems():
        table.add_row(system["name"], ", ".join(system["does"]), escape(system["path"]))
    console.print(table)

    table = Table("bundle", "", "folder, or what is wrong", box=box.SIMPLE)
    for bundle in have_bundles:
        state = f"[green]ok[/] {bundle['fingerprint']}" if bundle["valid"] else "[red]damaged[/]"
        table.add_row(bundle["name"], state, escape(bundle.get("path") or bundle["error"]))
    if not have_bundles:
        table.add_row(
            "[yellow]none found[/]", "", "set SEMISAC_MODELS to the folder that holds <system>/<name>"
        )
    console.print(table)

    table = Table("data set", "", "folder, or how to get it", box=box.SIMPLE)
    for entry in have_data:
        state = "[green]found[/]" if entry["found"] else "[yellow]missing[/]"
        table.add_row(entry["name"], state, escape(entry["path"] or entry["get"]))
    console.print(table)
