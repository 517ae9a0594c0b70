# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings of other programs: read right, with each sample in its place, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sigmf", reason="recordings need the package sigmf")

from semisac_ml.data import DataError  # noqa: E402
from semisac_ml.data.sigmf_recording import Recording  # noqa: E402

RATE = 1e6
COUNT = 1000
KINDS = {"f32": np.float32, "f64": np.float64} | {
    f"{kind}{bits}": np.dtype(f"{kind}{bits // 8}") for kind in "iu" for bits in (8, 16, 32)
}
DATATYPES = [f"c{kind}{order}" for kind in KINDS for order in (("",) if kind[1:] == "8" else ("_le", "_be"))]

pytestmark = pytest.mark.filterwarnings("ignore:Found undeclared extensions")  # of the sigmf package


def write(folder: Path, name: str = "other", data: bytes | None = None, captures=None, **about) -> Path:
    """A recording of zeros, or of `data`; captures: fields without "core:"; about: global fields."""
    captures = [{"sample_start": 0}] if captures is None else captures
    places = [{f"core:{field}": value for field, value in capture.items()} for capture in captures]
    fields = {"datatype": "cf32_le", "version": "1.2.0", "sample_rate": RATE} | about
    content = {
        "global": {
            key if ":" in key else f"core:{key}": value for key, value in fields.items() if value is not None
        },
        "captures": places,
        "annotations": [],
    }
    (folder / f"{name}.sigmf-meta").write_text(json.dumps(content))
    (folder / f"{name}.sigmf-data").write_bytes(bytes(8 * COUNT) if data is None else data)
    return folder / name


def change(base: Path, change) -> None:
    file = base.with_name(base.name + ".sigmf-meta")
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def noise(count: int = COUNT, seed: int = 1) -> np.ndarray:
    parts = np.random.default_rng(seed).uniform(-0.9, 0.9, 2 * count).astype(np.float32)
    return parts.view(np.complex64)


def one(path) -> np.ndarray:
    [channel] = Recording.open(path).channels
    return channel.samples()


def encoded(samples: np.ndarray, datatype: str) -> tuple[bytes, np.ndarray]:
    """Samples in a type of SigMF, and what they are then."""
    kind, _, order = datatype[1:].partition("_")
    parts = samples.view(np.float32).astype(np.float64)
    wanted = np.dtype(KINDS[kind]).newbyteorder(">" if order == "be" else "<")
    if kind[0] == "f":
        return parts.astype(wanted).tobytes(), samples
    scale, zero = 2.0 ** (int(kind[1:]) - 1), kind[0] == "u"
    numbers = np.round(parts * scale)
    return (numbers + zero * scale).astype(wanted).tobytes(), (numbers / scale).astype(np.float32).view(
        np.complex64
    )


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_type_is_read_whatever_lies_before_and_behind_its_samples(tmp_path, datatype):
    samples = noise()
    data, expected = encoded(samples, datatype)
    first = 300 * len(data) // COUNT
    framed = b"\xff" * 60 + data[:first] + b"\xff" * 13 + data[first:] + b"\xff" * 7
    captures = [{"sample_start": 0, "header_bytes": 60}, {"sample_start": 300, "header_bytes": 13}]
    base = write(tmp_path, data=framed, captures=captures, datatype=datatype, trailing_bytes=7)
    np.testing.assert_array_equal(one(base), expected)
    [channel] = Recording.open(base).channels
    np.testing.assert_array_equal(channel.samples(290, 20), expected[290:310])
    np.testing.assert_array_equal(channel.samples(990, 20), expected[990:])
    assert channel.breaks == ()


def test_channels_in_one_file_are_told_apart(tmp_path):
    pair = noise(COUNT, 1), noise(COUNT, 2)
    data = np.stack(pair, axis=1).tobytes()
    recording = Recording.open(write(tmp_path, data=data, num_channels=2))
    for channel, samples in zip(recording.channels, pair, strict=True):
        np.testing.assert_array_equal(channel.samples(), samples)


@pytest.mark.parametrize(
    "datatype, message",
    [
        ("rf32_le", "complex samples such as cf32_le: make real ones complex first"),
        ("ri16_be", "complex samples such as cf32_le"),
        ("cf32", "expected a kind and a byte order such as cf32_le"),
        ("cf32_lex", "expected a kind and a byte order"),
        ("complex64", "expected valid SigMF"),
        ("cf64_le", "other.sigmf-data: holds 8008 bytes, expected .*whole samples of 16 .*not its own"),
    ],
)
def test_a_type_that_does_not_fit_is_refused(tmp_path, datatype, message):
    with pytest.raises(DataError, match=message) as refused:
        Recording.open(write(tmp_path, data=bytes(8 * 1001), datatype=datatype))
    assert "\n" not in str(refused.value)


def lost(count: int) -> list[dict]:
    """Captures that tell of samples that were lost before sample 400."""
    return [{"sample_start": 0}, {"sample_start": 400, "global_index": 400 + count}]


def test_samples_that_were_lost_have_their_place(tmp_path):
    samples = noise()
    base = write(tmp_path, data=samples.tobytes(), captures=lost(90_123))
    change(base, lambda content: content["annotations"].append({"core:sample_start": 500}))
    [channel] = Recording.open(base).channels
    assert channel.sample_count == COUNT + 90_123
    np.testing.assert_array_equal(channel.samples(0, 400), samples[:400])
    assert not channel.samples(400, 90_123).any()
    np.testing.assert_array_equal(channel.samples(90_523), samples[400:])
    np.testing.assert_array_equal(
        channel.samples(395, 90_133), np.r_[samples[395:400], np.zeros(90_123), samples[400:405]]
    )
    assert list(channel.gaps()) == [(400, 90_123)]
    assert list(channel.tags()) == [(400, {"key": "gap", "long": 90_123})]
    assert channel.layout.place(500) == 90_623
    assert channel.breaks[0].why == "90123 samples were lost before sample 400"


def test_an_index_that_counts_from_elsewhere_loses_nothing(tmp_path):
    captures = [
        {"sample_start": 0, "global_index": 10**12},
        {"sample_start": 400, "global_index": 10**12 + 400},
    ]
    [channel] = Recording.open(write(tmp_path, captures=captures)).channels
    assert (channel.sample_count, channel.breaks) == (COUNT, ())


def test_a_part_of_a_longer_recording_counts_its_samples_from_its_begin(tmp_path):
    base = write(tmp_path, data=noise().tobytes(), captures=[{"sample_start": 5000}], offset=5000)
    tag = {"key": "frame_id", "uint64": 3}
    place = {"core:sample_start": 5100, "core:sample_count": 50, "semisac:tags": [tag]}
    change(base, lambda content: content["annotations"].append(place))
    [channel] = Recording.open(base).channels
    assert list(channel.tags()) == [(100, tag)]
    assert [frame["sample"] for frame in channel.frames()] == [100]
    np.testing.assert_array_equal(channel.samples(), noise())


DATE = "2026-01-01T00:00:0{}.000400Z"


@pytest.mark.parametrize(
    "captures, place, why",
    [
        (
            [{"sample_start": 0, "frequency": 2.4e9}, {"sample_start": 400, "frequency": 2.5e9}],
            (400, 1),
            "it was tuned from 2.4e+09 to 2.5e+09 Hz at sample 400",
        ),
        ([{"sample_start": 300}], (0, 300), "its captures begin at sample 300"),
        (
            [
                {"sample_start": 0, "datetime": DATE.format(0)},
                {"sample_start": 400, "datetime": DATE.format(3)},
            ],
            (400, 1),
            "its dates jump by 3 s at sample 400",
        ),
        (lost(11_000_000), (400, 1), "11000000 samples were lost before sample 400"),
    ],
)
def test_what_breaks_a_recording_is_a_gap_and_told(tmp_path, captures, place, why):
    samples = noise()
    [channel] = Recording.open(write(tmp_path, data=samples.tobytes(), captures=captures)).channels
    assert [(found.sample, found.count) for found in channel.breaks] == [place]
    assert channel.breaks[0].why == why
    first, count = place
    samples[first : first + count] = 0.0
    np.testing.assert_array_equal(channel.samples(), samples)
    assert list(channel.tags()) == [(first, {"key": "gap", "long": count})]


@pytest.mark.parametrize(
    "captures, message",
    [
        (
            [{"sample_start": 0}, {"sample_start": 1001}],
            "holds 8000 bytes, expected 8008 or more.* was cut off",
        ),
        ([{"sample_start": 400}, {"sample_start": 0}], "incorrect sample start ordering"),
        (
            [{"sample_start": 0, "global_index": 700}, {"sample_start": 400, "global_index": 900}],
            "core:global_index of capture 1 is 900, expected 1100 or more",
        ),
        ([{"sample_start": 0, "header_bytes": 9000}], "was cut off"),
    ],
)
def test_captures_that_cannot_be_are_refused(tmp_path, captures, message):
    with pytest.raises(DataError, match=message):
        Recording.open(write(tmp_path, captures=captures))


def collection(folder: Path, *captures: list[dict], counts=(COUNT, COUNT)) -> Path:
    for number, (places, count) in enumerate(zip(captures, counts, strict=True)):
        name, data = ("sent", "rx0")[number], noise(count, number + 1).tobytes()
        write(folder, f"pair-{name}", data, captures=places, **{"semisac:channel": name})
    streams = [{"name": "pair-sent", "hash": "0" * 128}, {"name": "pair-rx0", "hash": "0" * 128}]
    content = {"collection": {"core:version": "1.2.0", "core:streams": streams}}
    (folder / "pair.sigmf-collection").write_text(json.dumps(content))
    return folder / "pair"


def test_a_gap_in_one_channel_shifts_nothing(tmp_path):
    base = collection(tmp_path, [{"sample_start": 0}], lost(50), counts=(COUNT, COUNT - 50))
    sent, received = Recording.open(base).channels
    assert received.sample_count == sent.sample_count == Recording.open(base).sample_count == COUNT
    np.testing.assert_array_equal(received.samples(450), noise(COUNT - 50, 2)[400:])


def test_a_channel_that_begins_later_has_zeros_first(tmp_path):
    base = collection(
        tmp_path,
        [{"sample_start": 0, "global_index": 70_000}],
        [{"sample_start": 0, "global_index": 70_020}],
        counts=(COUNT, COUNT - 20),
    )
    _, received = Recording.open(base).channels
    np.testing.assert_array_equal(received.samples(), np.r_[np.zeros(20), noise(COUNT - 20, 2)])


def test_frames_that_a_gap_tears_are_named(tmp_path):
    base = collection(tmp_path, [{"sample_start": 0}], lost(50), counts=(COUNT, COUNT - 50))
    places = [
        {
            "core:sample_start": start,
            "core:sample_count": 100,
            "semisac:tags": [{"key": "frame_id", "uint64": start}],
        }
        for start in (250, 350, 450, 550)
    ]
    change(base.with_name("pair-sent"), lambda content: content["annotations"].extend(places))
    assert Recording.open(base).frames_torn() == [350]


@pytest.mark.parametrize(
    "captures, message",
    [
        (
            [{"sample_start": 0, "global_index": 10**12}],
            "begins 1000000000000 samples behind the other channels",
        ),
        (lost(11_000_000), "with breaks at the same samples"),
    ],
)
def test_channels_out_of_step_are_refused(tmp_path, captures, message):
    with pytest.raises(DataError, match=message):
        Recording.open(collection(tmp_path, [{"sample_start": 0}], captures))


@pytest.mark.parametrize("ending", ["", ".", "-", ".sigmf", ".sigmf-", ".sigmf-meta", ".sigmf-data"])
def test_a_name_as_a_shell_completes_it_opens_the_recording(tmp_path, ending):
    write(tmp_path, data=noise().tobytes())
    np.testing.assert_array_equal(one(f"{tmp_path}/other{ending}"), noise())


def test_samples_in_a_file_of_any_name_are_read(tmp_path):
    write(tmp_path, data=b"", dataset="capture.iq")
    (tmp_path / "capture.iq").write_bytes(noise().tobytes())
    np.testing.assert_array_equal(one(tmp_path / "other"), noise())


def test_what_is_no_recording_says_what_to_do(tmp_path):
    write(tmp_path, dataset="absent.iq")
    (tmp_path / "capture.iq").touch()
    (tmp_path / "packed.sigmf").touch()
    (tmp_path / "packed.sigmf.gz").touch()
    for name, message in (
        ("other", "absent.iq: no such file, expected the samples of other.sigmf-meta"),
        ("other.sigmf-collection", "no such recording, expected other.sigmf-collection"),
        ("capture.iq", "holds no SigMF metadata, expected capture.sigmf-meta beside it, with core:dataset"),
        ("packed.sigmf", "unpack it with `tar -xf .*packed.sigmf`"),
        ("packed.sigmf.gz", "unpack it with `tar -xzf"),
        (".", "is a folder, expected a recording such as other.sigmf-meta"),
        ("none", "no such recording, expected none.sigmf-meta or none.sigmf-collection"),
    ):
        with pytest.raises(DataError, match=message):
            Recording.open(f"{tmp_path}/{name}")
    (tmp_path / "other.sigmf-data").unlink()
    write(tmp_path, metadata_only=True)
    (tmp_path / "other.sigmf-data").unlink()
    with pytest.raises(DataError, match="was given without samples .*other.sigmf-data beside it"):
        Recording.open(tmp_path / "other")


ODD = ["x", 7, -1, 1.5, True, None, [], [1], ["x"], {}, [{}], [{"key": 3}], [None]]


@pytest.mark.parametrize("place", ["captures", "annotations", "global"])
@pytest.mark.parametrize("field", ["tags", "labels", "sample_count"])
@pytest.mark.parametrize("value", ODD, ids=str)
def test_fields_of_any_type_are_one_line(tmp_path, place, field, value):
    base = write(tmp_path)

    def odd(content):
        content["annotations"].append({"core:sample_start": 0})
        target = content["global"] if place == "global" else content[place][0]
        target[f"semisac:{field}"] = value

    change(base, odd)
    try:
        [channel] = Recording.open(base).channels
        list(channel.tags()), list(channel.frames()), list(channel.gaps()), channel.samples()
    except DataError as error:
        assert f"semisac:{field}" in str(error) and "expected" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("name", ["global", "captures", "annotations"])
@pytest.mark.parametrize("value", [*ODD, "absent"], ids=str)
def test_parts_of_any_type_are_one_line(tmp_path, name, value):
    base = write(tmp_path)
    change(base, lambda content: content.pop(name) if value == "absent" else content.update({name: value}))
    if (name, value) in (("captures", []), ("annotations", [])):
        assert len(one(base)) == COUNT
        return
    with pytest.raises(DataError, match="other.sigmf-meta: .*expected") as refused:
        Recording.open(base)
    assert "\n" not in str(refused.value)
