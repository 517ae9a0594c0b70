# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options as models: what is read, what help shows, and that each mistake is one line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from cyclopts import Group, Parameter
from pydantic import Field, model_validator

from semisac_ml.command_line import Options, new_program, readable, run_program


@Parameter(group=Group("Radio"))
class RadioOptions(Options):
    section = "radio"
    radio: str | None = Field(None, description="Kind of radio.")
    sample_rate_hz: float = Field(5e6, gt=0, description="Complex samples a second.")
    rx_channels: int = Field(1, ge=1, le=2, description="Receive channels.")
    share: float = Field(0.5, gt=0, le=1, description="Share.")
    gap_m: float | None = Field(None, ge=0, description="Gap. [default: none]")
    radio_option: list[str] = Field([], description="Further ones.")


class Sizes(Options):
    frames: int = Field(1, ge=1, description="Frames.")
    weights: Annotated[tuple[float, ...], Parameter(parse=False)] = (0.5, 0.5)


class OwnOptions(Options):
    phy: Literal["ofdm", "lfm"] = Field("ofdm", description="**Waveform**.")
    save: Path | None = Field(None, description="Folder.")
    address: str = Field("", description="Where.")
    sizes: Sizes = Sizes()
    repeat: bool = Field(False, description="Send until stopped.")
    small: Annotated[bool, Parameter(negative="--no-small")] = Field(True, description="With the small one.")
    json_file: Annotated[Path | None, Parameter(name="--json")] = Field(None, description="File.")
    quiet: Annotated[bool, Parameter(alias="-q")] = Field(False, description="Say nothing.")
    config: Path | None = Field(None, description="TOML file.")

    @model_validator(mode="after")
    def _fit_each_other(self) -> OwnOptions:
        if self.repeat and self.save:
            raise ValueError("--repeat and --save contradict each other: give one of them")
        return self


@pytest.fixture
def call(capsys):
    """Call a program: (exit code, what it was given, stdout, stderr)."""

    def run(*arguments: str, name: str = "listen.py", **settings):
        seen = {}
        program = new_program(name, examples=("listen.py a --radio file",), programs={"send"}, **settings)

        @program.default
        def listen(
            path: Annotated[Path, Parameter(metavar="PATH")],
            /,
            *,
            radio: RadioOptions = RadioOptions(),
            own: OwnOptions = OwnOptions(),
        ) -> int:
            """Listen to a **radio**."""
            seen.update(path=path, radio=radio, own=own)
            return 0

        code = run_program(program, arguments)
        return code, seen, *capsys.readouterr()

    return run


def test_what_is_given_is_known(call):
    code, seen, out, err = call("a")
    assert (code, out, err) == (0, "", "")
    assert seen["radio"] == RadioOptions() and seen["own"] == OwnOptions()
    assert seen["radio"].given() == []
    code, seen, *_ = call(
        "a", "--sample-rate-hz", "1e6", "--sample-rate-hz=2e6", "-q", "--no-small", "--json", "f",
        "--radio-option", "-5,2", "--radio-option", "b", "--address", "",
    )  # fmt: skip
    assert code == 0
    assert seen["radio"].sample_rate_hz == 2e6 and seen["radio"].radio_option == ["-5,2", "b"]
    own = seen["own"]
    assert (own.quiet, own.small, own.json_file) == (True, False, Path("f"))
    assert set(own.given()) == {"--quiet", "--small", "--json", "--address"}
    assert own.given("phy", "json_file") == ["--json"]
    own.refuse(("phy", "save"), "here, expected nothing")
    with pytest.raises(ValueError, match="^--json does nothing here, expected none of it$"):
        own.refuse(("json_file", "phy"), "here, expected none of it")
    with pytest.raises(ValueError, match="^--small, --json do nothing here"):
        own.refuse(("small", "json_file"), "here")


def test_models_say_the_same_of_what_they_are_given():
    for given, said in (
        ({"rx_channels": 3}, "rx_channels is 3, expected 1 to 2"),
        ({"sample_rate_hz": "fast"}, "sample_rate_hz is 'fast', expected a number"),
        ({"loud": 1}, "loud is unknown, expected one of radio, sample_rate_hz, rx_channels"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            RadioOptions(**given)
    with pytest.raises(ValueError, match="^--repeat and --save contradict each other: give one of them$"):
        OwnOptions(repeat=True, save="x")
    assert RadioOptions(sample_rate_hz=5e6, rx_channels=2, radio_option=["a", "b"]).words() == [
        "--rx-channels 2", "--radio-option a", "--radio-option b",
    ]  # fmt: skip
    changed = OwnOptions(sizes=Sizes(frames=2, weights=(1 / 3, 0.0)))
    assert changed.words() == ["--frames 2", "--weights 0.333333,0"]
    assert changed.replaced(quiet=True).words(changed) == ["--quiet"]
    with pytest.raises(ValueError, match="^frames is 0, expected 1 or more$"):
        changed.replaced(sizes={"frames": 0})
    assert OwnOptions(small=False, quiet=True, json_file="f").words() == ["--no-small", "--json f", "--quiet"]
    assert RadioOptions.model_validate_json(RadioOptions(rx_channels=2).model_dump_json()).rx_channels == 2


def test_help(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    code, _, out, err = call("-h")
    assert (code, err) == (0, "")
    assert call("a", "--radio", "x", "--help")[2] == out
    for text in (
        "Usage: listen.py [OPTIONS] PATH", "Listen to a radio.", "Options", "Radio", "-q", "--no-small",
        "Complex samples a second. [above 0] [default: 5e6]", "[1 to 2]", "[above 0, at most 1]",
        "Gap. [default: none] [0 or more]", "[choices: ofdm, lfm]", "Waveform.", "listen.py a --radio file",
        "Exit codes: 0 done", "--json",
    ):  # fmt: skip
        assert text in re.sub(r"\s+", " ", out), text
    for text in ("--no-quiet", "--empty-radio-option", "--json-file", "None", "False", '""', "--version"):
        assert text not in out, text


@pytest.mark.parametrize(
    ("value", "text"),
    [(5e6, "5e6"), (2.45e9, "2.45e9"), (0.0, "0"), (100.0, "100"), (1e-3, "0.001"),
     (123456789.0, "123456789.0"), (1e-15, "1e-15"), (7, "7"), (0, "0"), (True, "true"), (False, None),
     ("", None), ([], None), (["a", "b"], "a, b"), (Path("a/b"), "a/b")],
)  # fmt: skip
def test_defaults_are_readable(value, text):
    assert readable(value) == text


def test_an_option_that_is_missing_may_be_one_with_a_mistake_in_it(capsys):
    class ExportOptions(Options):
        run: Path = Field(description="Folder.")

    program = new_program("export")

    def export(*, options) -> None:
        """Export."""

    export.__annotations__["options"] = ExportOptions
    program.default(export)
    for arguments, said in (
        ((), "--run is missing, expected a value"),
        (("--rum", "x"), "Unknown option: --rum. Did you mean --run?"),
    ):
        assert run_program(program, arguments) == 2
        assert capsys.readouterr().err == f"export: {said} (see 'export --help')\n"


HINT = re.escape(" (see 'listen.py --help')")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sample-rate-hz", "-3"), "--sample-rate-hz is -3, expected above 0"),
        (("--sample-rate-hz", "nan"), "--sample-rate-hz is nan, expected above 0"),
        (("--sample-rate-hz", "fast"), "--sample-rate-hz is 'fast', expected a number"),
        (("--rx-channels", "3"), "--rx-channels is 3, expected 1 to 2"),
        (("--rx-channels", "1.5"), "--rx-channels is '1.5', expected a whole number"),
        (("--share", "0"), "--share is 0, expected above 0, at most 1"),
        (("--gap-m", "-1"), "--gap-m is -1, expected 0 or more"),
        (("--gap-m", "x"), "--gap-m is 'x', expected a number"),
        (("--phy", "x"), "--phy is 'x', expected one of ofdm, lfm"),
        (("--quiet=maybe",), "--quiet is 'maybe', expected true or false"),
        (("--loud",), "Unknown option: --loud."),
        (("--sample-rate", "3"), "Unknown option: --sample-rate. Did you mean --sample-rate-hz?"),
        (("--no-quiet",), "Unknown option: --no-quiet. Did you mean --quiet?"),
        (("--gap-m",), "--gap-m stands without a value, expected a number"),
        (("b",), "argument 2 is 'b', expected an option"),
        (("--frames", "0"), "--frames is 0, expected 1 or more"),
        (("--weights", "1"), "Unknown option: --weights."),
        (("--repeat", "--save", "x"), "--repeat and --save contradict each other: give one of them"),
    ],
)
def test_a_mistake_is_one_line(call, arguments, said):
    code, seen, out, err = call("a", *arguments)
    assert (code, seen, out) == (2, {}, "")
    assert re.fullmatch(f"listen: {re.escape(said)}{HINT}\n", err), err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", "--save", ""), "--save is empty"),
        (("a", "--save="), "--save is empty"),
        (("a", "--radio-option", ""), "--radio-option is empty"),
        (("",), "PATH is empty"),
        (("a", "--repeat", ""), "argument 3 is empty"),
    ],
)
def test_nothing_is_not_a_value(call, arguments, said):
    code, _, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"listen: {said}, expected a value; is a variable not set?")


def test_an_argument_that_is_missing(call):
    assert call()[::3] == (2, "listen: PATH is missing, expected a value (see 'listen.py --help')\n")
    assert call("--adress")[3].startswith("listen: Unknown option: --adress. Did you mean --address? (see")


@pytest.fixture
def several(capsys):
    """Call a program of two commands, one of which raises what it is given: (exit code, stdout, stderr)."""

    def run(*arguments: str, raising: BaseException | None = None, **keywords):
        program = new_program(
            "several", "Do **several** things.", version="several 1", version_flags="--version"
        )

        def alpha(*, number: int = 3, steps: Annotated[int, Field(gt=0)] = 1) -> None:
            """First."""
            if raising:
                raise raising
            print(number)

        program.command(alpha)
        program.command(f"{__name__}:beta", name="beta", help="Second.")
        return run_program(program, arguments, **keywords), *capsys.readouterr()

    return run


def test_several_commands(several):
    assert several("alpha", "--number", "4") == (0, "4\n", "")
    assert several("--version") == (0, "several 1\n", "")
    line = "--steps is 0: input should be greater than 0 (see 'several alpha --help')"
    assert several("alpha", "--steps", "0") == (2, "", f"several: {line}\n")
    code, out, err = several("--help")
    assert code == 0 and "alpha" in out and "Second." in out and "--version" in out and err == ""
    assert several() == (2, "", out)
    line = "'alfa' is no command, expected one of: alpha, beta; did you mean alpha? (see 'several --help')"
    assert several("alfa") == (2, "", f"several: {line}\n")
    assert several("alpha", "-n") == (2, "", "several: Unknown option: -n. (see 'several alpha --help')\n")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ValueError("n is 3,\nexpected an even number"), 2, "n is 3, expected an even number"),
        (FileNotFoundError(2, "No such file", "run"), 2, "run: No such file"),
        (RuntimeError("the radio is lost"), 1, "the radio is lost"),
        (KeyboardInterrupt(), 130, ""),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "torch is for training"),
    ],
)
def test_what_a_command_raises(several, monkeypatch, raised, code, said):
    monkeypatch.delenv("SEMISAC_DEBUG", raising=False)
    explained = {"explain": lambda error: f"{error.name} is for training"}
    assert several("alpha", raising=raised, **explained) == (code, "", f"several: {said}\n" if said else "")
    if not isinstance(raised, KeyboardInterrupt):
        monkeypatch.setenv("SEMISAC_DEBUG", "1")
        with pytest.raises(type(raised)):
            several("alpha", raising=raised, **explained)
    with pytest.raises(AssertionError):
        several("alpha", raising=AssertionError("a bug"))


def test_a_command_that_is_imported_when_it_is_called(several, monkeypatch):
    """Nothing of it is imported for help or another command; what it lacks is explained."""
    assert several("beta")[0] == 0
    monkeypatch.setitem(sys.modules, __name__, None)
    assert several("alpha")[0] == several("--help")[0] == 0
    code, out, err = several("beta", explain=lambda error: "beta needs more")
    assert (code, out, err) == (2, "", "several: beta needs more\n")


def beta() -> None:
    """Second."""


CONFIGURATION = """
[radio]
radio = "file"
sample_rate_hz = 500_000
radio_option = ["a=1", "b=2"]
[listen]
json = "file.json"
repeat = true
frames = 3
small = false
address = ""
[send]
what = "not looked at"
"""


def test_options_from_a_file(call, tmp_path):
    file = tmp_path / "radio.toml"
    file.write_text(CONFIGURATION)
    code, seen, _, err = call("a", "--config", str(file))
    assert (code, err) == (0, "")
    radio, own = seen["radio"], seen["own"]
    assert (radio.radio, radio.sample_rate_hz, radio.radio_option) == ("file", 500e3, ["a=1", "b=2"])
    assert own.sizes == Sizes(frames=3)
    assert (own.json_file, own.repeat, own.small, own.config) == (Path("file.json"), True, False, file)
    assert set(radio.given()) == {"--radio", "--sample-rate-hz", "--radio-option"}
    _, seen, *_ = call(
        "a", "--config", str(file), "--sample-rate-hz", "1", "--radio-option", "c=3", "--small"
    )
    assert (seen["radio"].sample_rate_hz, seen["radio"].radio_option) == (1.0, ["c=3"])
    assert seen["own"].small is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[radio]\nloudness = 3", "[radio] has no option 'loudness', expected one of gap_m, radio, "),
        ("[radios]\nradio = 'x'", "no section is called [radios], expected [radio], [listen], or another"),
        ("radio = 'x'", "'radio' stands in no section, expected it below one of [radio], [listen]"),
        ("[radio]\nradio = 5", "[radio] radio is 5, expected a text"),
        ("[radio]\ngap_m = true", "[radio] gap_m is True, expected a number"),
        ("[radio]\nrx_channels = 1.0", "[radio] rx_channels is 1.0, expected a whole number"),
        ("[radio]\nrx_channels = 5", "[radio] rx_channels is 5, expected 1 to 2"),
        ("[radio]\nradio_option = 'a=1'", "[radio] radio_option is 'a=1', expected a list of texts"),
        ("[listen]\nsave = ''", "[listen] save is empty, expected a value"),
        ("[listen]\nquiet = 1", "[listen] quiet is 1, expected true or false"),
        ("[listen]\nphy = 'x'", "[listen] phy is 'x', expected one of ofdm, lfm"),
        ("[listen]\nconfig = 'x'", "[listen] has no option 'config'"),
        ("[listen]\nradio = 'x'", "[listen] has no option 'radio'"),
        ("[radio", "not a TOML file"),
        (None, "cannot be read (No such file or directory): choose another file"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_one_line(call, tmp_path, text, said):
    file = tmp_path / "radio.toml"
    if text is not None:
        file.write_text(text)
    code, seen, out, err = call("a", "--config", str(file))
    assert (code, seen, out, err.count("\n")) == (2, {}, "", 1)
    assert err.startswith(f"listen: --config {file}: {said}"), err
