# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_transmitter.py, run_receiver.py and run_sensing.py as a person uses them, on recordings and the
simulated radio.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from on_air_testing import BUNDLE, MODULES, PROGRAMS, call, decoded_offline, measure

from semisac_ml.runtime import Bundle, ImageLink

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def complain(called_here):
    """Function that calls a program in this process and gives the one line with which it refuses to run."""

    def run(name: str, *arguments) -> str:
        done = called_here(f"on_air.{MODULES[name]}", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert done.stderr.startswith(f"{name}: ")
        return done.stderr

    return run


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        ((), "--radio is missing, expected one of .*simulation"),
        (("--radio", "wire"), "--radio is 'wire', expected one of .*simulation"),
        (("--radio", "simulation", "--sample-rate-hz", "0"), "--sample-rate-hz is 0"),
        (("--radio", "simulation", "--center-frequency-hz", "nan"), "--center-frequency-hz is nan"),
        (("--radio", "simulation", "--rx-channels", "3"), "--rx-channels is 3, expected 1 to 2"),
        (
            ("--radio", "simulation", "--transmit-level-db", "3"),
            "--transmit-level-db is 3, expected -60 to 0",
        ),
        (("--radio", "simulation", "--timeout-s", "0"), "--timeout-s is 0"),
        (("--radio", "simulation", "--duration-s", "-1"), "--duration-s is -1"),
        (
            ("--radio", "simulation", "--radio-option", "loud"),
            "--radio-option is 'loud', expected NAME=VALUE",
        ),
        (("--radio", "simulation", "--radio-option", "volume=3"), "has no option 'volume', expected .*seed"),
        (("--radio", "simulation", "--phy", "smoke"), "--phy is 'smoke', expected one of ofdm, lfm"),
        (("--radio", "simulation", "--fft-size", "100"), "fft_size is 100"),
        (("--radio", "simulation", "--images-per-frame", "0"), "images_per_frame is 0"),
        (("--radio", "simulation", "--images", "-3"), "--images is -3"),
        (("--radio", "simulation", "--bundle", "jssc/unheard_of"), "'jssc/unheard_of' not found"),
        (("--radio", "simulation", "--json", "no_such_folder/a.json"), "no_such_folder does not exist"),
        (("--radio", "simulation", "--config", "no_such.toml"), "no_such.toml: cannot be read"),
        (("--radio", "file"), "--address is empty"),
        (("--radio", "simulation", "--bundle", ""), "--bundle is empty, expected a value; is a variable not"),
        (("--radio", "simulation", "--bundle="), "--bundle is empty, expected a value; is a variable not"),
        (("--radio", "simulation", ""), "argument 5 is empty"),
        (("--loud",), "Unknown option: --loud"),
    ],
)
def test_a_mistake_is_one_line(tiny_bundle, complain, name, arguments, pattern):
    line = complain(name, *([] if "--bundle" in arguments else BUNDLE), *arguments)
    assert re.search(pattern, line), line


@pytest.mark.parametrize(
    ("name", "arguments", "pattern"),
    [
        ("run_transmitter", ("--data", "none.png"), "none.png: no such file"),
        ("run_transmitter", ("--repeat", "--images", "3"), "--repeat and --images contradict each other"),
        ("run_transmitter", ("--images-per-s", "-1"), "--images-per-s is -1"),
        ("run_transmitter", ("--data", ""), "--data is empty, expected a value"),
        ("run_receiver", ("--save", ""), "--save is empty, expected a value"),
        *(
            ("run_transmitter", ("--snr-db", text), f"--snr-db is {text} dB, expected the -10 to 20 dB for")
            for text in ("-99", "40", "nan")
        ),
        ("run_sensing", ("--snr-db", "99"), "--snr-db is 99 dB, expected the -10 to 20 dB for"),
        ("run_sensing", ("--gate-m", "5", "--gate-snr-db", "nan"), "--gate-snr-db is nan"),
        ("run_sensing", ("--gate-snr-db", "3"), "--gate-snr-db does nothing by itself, expected --gate-m"),
        ("run_sensing", ("--gate-mps", "3"), "--gate-mps does nothing by itself, expected --gate-m"),
        ("run_sensing", ("--target-probability", "0.1"), "--target-probability does nothing by itself"),
        ("run_receiver", ("--truth", "none.png"), "none.png: no such file"),
        ("run_receiver", ("--print", "--json", "-"), "--print and --json - both write"),
        ("run_receiver", ("--save", "/proc/pictures"), "--save /proc/pictures"),
        ("run_sensing", ("--gate-m", "1e6"), "--gate-m is 1e\\+06, expected 0 to 2398 m"),
        ("run_sensing", ("--leakage-removal", "all"), "--leakage-removal is 'all', expected one of none"),
        ("run_sensing", ("--frames-per-map", "0"), "--frames-per-map is 0, expected 1 or more"),
    ],
)
def test_a_mistake_of_one_program_is_one_line(tiny_bundle, complain, name, arguments, pattern):
    line = complain(name, *BUNDLE, "--radio", "simulation", *arguments)
    assert re.search(pattern, line), line


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mistake_ends_the_program_with_2(name):
    done = call(name, "--radio", "wire")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_help_names_every_option_of_the_radio(name):
    done = call(name, "--help")
    assert done.returncode == 0
    from gnuradio.semisac.radio import RadioSettings

    for option in set(RadioSettings.__dataclass_fields__) - {"options"}:
        assert f"--{option.replace('_', '-')}" in done.stdout


CONFIGURATION = """
[radio]
radio = "file"
address = "{address}"
sample_rate_hz = 500_000
center_frequency_hz = 915e6
[frame]
bundle = "jssc/tiny"
images_per_frame = 4
[run_transmitter]
images = 12
quiet = true
[run_receiver]
truth = "sample"
quiet = true
"""


@pytest.mark.slow
def test_one_configuration_file_serves_all_programs(tiny_bundle, tmp_path):
    file = tmp_path / "radio.toml"
    file.write_text(CONFIGURATION.format(address=tmp_path / "sent"))
    assert call("run_transmitter", "--config", file).returncode == 0
    received = call("run_receiver", "--config", file, "--json", "-", "--threads", "2")
    assert received.returncode == 0, received.stderr
    content = json.loads(received.stdout)
    assert content["settings"]["radio"]["sample_rate_hz"] == 500e3
    assert content["settings"]["radio"]["center_frequency_hz"] == 915e6
    assert content["counters"]["frames_received"] == 3
    assert content["inference"] == {"provider": "cpu", "threads": 2, "precision": "float32"}
    assert content["metrics"]["psnr_db"]["n"] == 12
    other = call("run_receiver", "--config", file, "--json", "-", "--center-frequency-hz", "1e9")
    assert json.loads(other.stdout)["settings"]["radio"]["center_frequency_hz"] == 1e9


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("[radio]\nloudness = 3", r"\[radio\] has no option 'loudness', expected one of address"),
        ("[radios]\nradio = 'file'", r"no section is called \[radios\], expected \[radio\], \[frame\]"),
        ("radio = 'file'", "'radio' stands in no section"),
        ("[radio]\nradio = 5", r"\[radio\] radio is 5, expected a text"),
        ("[radio]\nrx_gain_db = true", "rx_gain_db is True, expected a number"),
        ("[frame]\nfft_size = 64.5", "fft_size is 64.5, expected a whole number"),
        ("[run_receiver]\nsave = ''", "save is empty, expected a value"),
        ("[run_receiver]\nquiet = 1", "quiet is 1, expected true or false"),
        ("[radio]\nradio_option = 'a=1'", "radio_option is 'a=1', expected a list of texts"),
        ("[run_receiver]\nrepeat = true", r"\[run_receiver\] has no option 'repeat'"),
        ("[radio", "not a TOML file"),
    ],
)
def test_a_mistake_in_a_configuration_is_one_line(tmp_path, complain, text, pattern):
    file = tmp_path / "radio.toml"
    file.write_text(text)
    line = complain("run_receiver", "--config", file)
    assert re.search(pattern, line), line


@pytest.mark.slow
def test_an_snr_beside_what_was_trained_is_a_warning(tiny_bundle, tmp_path):
    options = ("--radio", "file", "--address", tmp_path / "sent", "--images", 8, "--quiet", "--snr-db", 25)
    done = call("run_transmitter", *BUNDLE, *options)
    assert done.returncode == 0
    assert done.stderr.startswith("run_transmitter: warning: --snr-db is 25 dB, outside the -10 to 20 dB for")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_nothing_received_is_said(tiny_bundle, tmp_path):
    """A recording of silence, or of another datatype than it says: one line, with the level."""
    recording = tmp_path / "sent"
    measure("run_transmitter", "--radio", "file", "--address", recording, "--images", 16)
    samples = recording.with_suffix(".sigmf-data").read_bytes()
    metadata = recording.with_suffix(".sigmf-meta").read_text()
    hint = r": check the recording: are datatype, sample rate and frame options those of its transmitter\?"
    for name, content, datatype, pattern in (
        ("silence", bytes(len(samples)), "cf32_le", rf"in [\d,]+ samples at no level at all{hint}"),
        ("other", samples, "ci16_le", rf"in [\d,]+ samples at -\d+ dB of full scale{hint}"),
    ):
        meta = metadata.replace("cf32_le", datatype)
        meta = re.sub(r'"core:(sha512|sample_count)": [^,\n]*,?', "", meta)
        (tmp_path / f"{name}.sigmf-meta").write_text(meta)
        (tmp_path / f"{name}.sigmf-data").write_bytes(content)
        options = ("--radio", "file", "--address", tmp_path / name)
        done = call("run_receiver", "--quiet", "--json", tmp_path / "a.json", *BUNDLE, *options)
        assert done.returncode == 0, done.stderr  # it did what it was told
        assert re.search(f"run_receiver: no frame was detected {pattern}\n$", done.stderr), done.stderr
        content = json.loads((tmp_path / "a.json").read_text())
        assert done.stderr.endswith(content["message"] + "\n") and content["finished"]


@pytest.mark.slow
def test_a_recording_of_the_transmitter_is_received(tiny_bundle, tmp_path):
    recording, folder = tmp_path / "sent", tmp_path / "pictures"
    sent = measure("run_transmitter", "--radio", "file", "--address", recording, "--images", 100)
    assert sent["counters"] == {"images_sent": 100, "frames_sent": 13}
    assert (sent["ending"], sent["finished"], sent["exit_code"]) == ("end of the stream", True, 0)
    received = measure(
        "run_receiver", "--radio", "file", "--address", recording, "--truth", "sample", "--save", folder
    )
    counters = received["counters"]
    assert counters["frames_received"] == counters["frames_detected"] == 13
    assert (counters["images_received"], counters["images_lost"]) == (100, 0)
    assert received["radio"]["recorded"]["bundle"]["name"] == "jssc/tiny"
    assert [image["frame_id"] for image in received["images"]] == list(range(100))
    assert sum(received["classes"].values()) == 100
    files = sorted(folder.glob("*.png"))
    assert len(files) == counters["pictures_saved"] == 100
    from PIL import Image

    assert Image.open(files[0]).size == (32, 32)
    # without noise the picture is that of the networks alone, but for the estimate of the channel
    expected = decoded_offline(Bundle.load("jssc/tiny"), 100)
    psnr_db = np.array([image["psnr_db"] for image in received["images"]])
    np.testing.assert_allclose(psnr_db, expected, atol=0.3)


@pytest.mark.slow
def test_a_receiver_stops_after_so_many_images_and_prints_them(tiny_bundle, tmp_path):
    recording = tmp_path / "sent"
    measure("run_transmitter", "--radio", "file", "--address", recording, "--images", 64)
    done = call(
        "run_receiver", *BUNDLE, "--radio", "file", "--address", recording, "--images", 5, "--print", "-q"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    names = "|".join(Bundle.load("jssc/tiny").interface(ImageLink).classes)
    for number, line in enumerate(lines):
        assert re.fullmatch(rf"{number}: ({names}) \d+ %, SNR \d+\.\d dB", line)


@pytest.mark.slow
def test_frames_of_another_bundle_are_counted_and_left_alone(tiny_bundle, tmp_path):
    recording = tmp_path / "sent"
    measure("run_transmitter", "--radio", "file", "--address", recording, "--images", 16)
    done = call(
        "run_receiver", "--bundle", "jssc/tiny_rayleigh", "--radio", "file", "--address", recording, "-q",
        "--json", "-",
    )  # fmt: skip
    counters = json.loads(done.stdout)["counters"]
    assert (done.returncode, counters["frames_with_wrong_bundle"], counters["images_received"]) == (0, 2, 0)


@pytest.mark.slow
def test_a_dead_radio_is_one_line_and_a_json_file(tiny_bundle, tmp_path):
    file = tmp_path / "result.json"
    done = call("run_receiver", *BUNDLE, "--radio", "file", "--address", tmp_path / "none", "--json", file)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    content = json.loads(file.read_text())
    assert (content["ending"], content["finished"], content["exit_code"]) == ("failed", False, 1)
    assert "none" in content["message"]
