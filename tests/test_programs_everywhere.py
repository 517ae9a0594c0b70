# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every program where others run it: as an ordinary user without a usable HOME, in other languages and
encodings, in folders with names of all kinds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")

APPS = Path(__file__).resolve().parents[1] / "apps"
NOBODY = 65534
SIMULATION = ("--radio", "simulation")
JSON = ("--json", "figures ü.json")
PROGRAMS = {
    # float32 on every processor, for figures that are the same
    "run_loopback": ("--images", "8", "--precision", "float32", "--report", "report ü.html", *JSON),
    "run_beam_tracking": ("--data", "sample", "--frames", "5", "--report", "picture ü.png", *JSON),
    "run_transmitter": (*SIMULATION, "--images", "8", *JSON),
    "run_receiver": (*SIMULATION, "--images", "8", "--save", "pictures [1]", "--print", "--window", *JSON),
    "run_sensing": (*SIMULATION, "--images", "16", *JSON),
    "record": ("recording ü", *SIMULATION, "--duration-s", "2", *JSON),  # until a busy machine has samples
    "calibrate": (*SIMULATION, "--window", *JSON),
    "semisac": ("bundle", "verify", "jssc/awgn"),
}
ENVIRONMENTS = {
    "no HOME, C": (None, "C"),
    "an empty HOME, POSIX": ("", "POSIX"),
    "HOME that is not there, German in Latin-1": ("/nonexistent", "de_DE.ISO-8859-1"),
    "HOME to read, Turkish": ("read-only", "tr_TR.UTF-8"),
    "HOME, German": ("home", "de_DE.UTF-8"),
}
BESIDE = [("run_receiver", "HOME, German"), ("calibrate", "HOME, German")]
NOWHERE_TO_KEEP = (None, "", "/nonexistent", "read-only")  # nobody's own HOME is not there


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that any user may enter, with a HOME, one that can only be read, and locales."""
    folder = Path(tempfile.mkdtemp(prefix="semisac ä b [1] (2) "))
    folder.chmod(0o755)
    locales = folder / "locales"
    for name in ("home", "read-only", "locales"):
        (folder / name).mkdir()
    for locale in {one for _, one in ENVIRONMENTS.values() if "." in one}:
        language, encoding = locale.split(".")
        command = ["localedef", "-i", language, "-f", encoding, str(locales / locale)]
        if shutil.which("localedef") and Path("/usr/share/i18n/locales", language).exists():
            subprocess.run(command, capture_output=True, timeout=HANG_S)
    # what a person has there, some of which belongs to root since a program was run with sudo
    (folder / "read-only" / ".gnuradio").mkdir()
    (folder / "read-only" / ".gr_fftw_wisdom.lock").touch()
    if os.geteuid() == 0:
        os.chown(folder / "home", NOBODY, NOBODY)
    else:
        (folder / "read-only").chmod(0o555)
    yield folder
    shutil.rmtree(folder)


def called(program: str, place: Path, folder: Path, environment: str) -> subprocess.CompletedProcess:
    """Run a program to its end as an ordinary user, in a folder of its own."""
    home, locale = ENVIRONMENTS[environment]
    if program == "calibrate" and home is None and os.geteuid() != 0:
        pytest.skip("it would keep its measurement for whoever runs the tests")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "XDG_"))}
    own |= {"LC_ALL": locale, "LOCPATH": str(place / "locales"), "QT_QPA_PLATFORM": "offscreen"}
    if home is None:
        own.pop("HOME", None)
    else:
        own["HOME"] = home if home in ("", "/nonexistent") else str(place / home)
    user = ()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    start = (str(APPS / f"{program}.py"),) if program != "semisac" else ("-m", "semisac_ml.cli")
    command = [*user, sys.executable, *start, *PROGRAMS[program]]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, timeout=HANG_S)


def in_all(*programs: str) -> list:
    return [(program, environment) for program in programs for environment in ENVIRONMENTS]


def in_some(*programs: str) -> list:
    """As an ordinary user whose HOME cannot be used, whatever the others speak."""
    chosen = [name for name, (home, _) in ENVIRONMENTS.items() if home in (None, "/nonexistent", "read-only")]
    return [(program, name) for program in programs for name in chosen]


def test_every_program_is_here():
    assert {file.stem for file in APPS.glob("*.py")} | {"semisac"} == set(PROGRAMS)


@pytest.mark.parametrize(
    ("program", "environment"),
    [
        *in_all("run_loopback"),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in [*BESIDE, *in_some(*PROGRAMS)]
            if pair[0] != "run_loopback"
        ),
    ],
)
def test_it_runs(place, program, environment):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("no setpriv (util-linux): root may write everywhere")
    folder = Path(tempfile.mkdtemp(prefix=f"{program} ", dir=place))
    done = called(program, place, folder, environment)
    said = done.stderr.decode("utf-8", "replace")
    if "Permission denied" in said and str(APPS.parent) in said:
        pytest.skip(f"{APPS.parent} may not be read by others")
    assert b"Traceback" not in done.stderr
    if program == "calibrate" and ENVIRONMENTS[environment][0] in NOWHERE_TO_KEEP:
        assert done.returncode == 2 and "no calibration can be kept there: set SEMISAC_CONFIG" in said
        assert said.count("\n") == 1  # before anything is measured
        return
    assert done.returncode == 0, said
    if program == "semisac":
        assert b"fingerprint" in done.stdout
        return
    assert b"report" in done.stdout or "--report" not in PROGRAMS[program]
    written = {file.name: file for file in folder.iterdir()}
    figures = json.loads(written["figures ü.json"].read_text(encoding="utf-8"))
    assert figures["finished"] is True
    for name in ("report ü.html", "picture ü.png", "pictures [1]"):
        assert name in written or name not in PROGRAMS[program]
    if program == "run_loopback":  # the same figures everywhere; headers carry the fingerprint of jssc/awgn
        assert figures["metrics"]["psnr_db"]["value"] == pytest.approx(15.8367, abs=1e-3)
    if program == "run_receiver":
        assert done.stdout.count(b"SNR ") >= 8 and b"," not in done.stdout.split(b"SNR ")[1].split()[0]
