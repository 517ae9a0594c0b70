# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings: what is written is valid SigMF, and comes back bit by bit with its tags."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="recording needs GNU Radio and the module")
sigmf = pytest.importorskip("sigmf", reason="recordings need the package sigmf")

import pmt  # noqa: E402
from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink  # noqa: E402
from gnuradio.semisac.radio.sigmf_source import sigmf_source  # noqa: E402
from gnuradio.semisac.radio.unfinished_file import UnfinishedFile  # noqa: E402
from patience import HANG_S, until  # noqa: E402

from semisac_ml.data import DataError  # noqa: E402
from semisac_ml.data.sigmf_recording import Recording  # noqa: E402

RATE = 1e6
TIME = pmt.make_tuple(pmt.from_uint64(2**40), pmt.from_double(0.1))
TAGS = (
    (0, "rx_time", TIME),
    (0, "rx_rate", pmt.from_double(RATE)),
    (7, "gap", pmt.from_long(300)),
    (9000, "frame_id", pmt.from_uint64(2**63 + 1)),
    (9000, "images", pmt.from_long(3)),
    (9000, "packet_len", pmt.from_long(4704)),
    (9000, "gap", pmt.from_long(2)),
    (140_000, "rx_time", pmt.make_tuple(pmt.from_uint64(7), pmt.from_double(0.25))),
    (140_000, "rx_freq", pmt.from_double(2.4e9)),
    (140_001, "note", pmt.intern("lamp")),
    (140_002, "lost", pmt.PMT_T),
    (140_003, "gain", pmt.from_complex(0.1 - 2j)),
    (140_004, "least", pmt.from_double(-np.inf)),
    (199_999, "nothing", pmt.PMT_NIL),
)


def noise(count: int, seed: int = 1) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((count, 2)).astype(np.float32)
    return parts.view(np.complex64).ravel()


def stream(samples: np.ndarray, tags=()):
    """Source of samples with (sample, key, PMT) tags."""
    made = []
    for sample, key, value in tags:
        tag = gr.tag_t()
        tag.offset, tag.key, tag.value = sample, pmt.intern(key), value
        made.append(tag)
    return blocks.vector_source_c(samples.tolist(), False, 1, made)


def record(path, *channels, names=("rx0",), tags=TAGS, **options) -> sigmf_sink:
    """Record channels of samples; the tags are on the first of them."""
    top = gr.top_block()
    sink = sigmf_sink(path, RATE, 2.45e9, names, **options)
    sources = [stream(samples, () if port else tags) for port, samples in enumerate(channels)]
    for port, source in enumerate(sources):
        top.connect(source, (sink, port))
    top.run()
    return sink


def replay(path, channels: int = 1, **options):
    """(samples, tags) of each channel; a tag is (sample, key, PMT)."""
    top = gr.top_block()
    source = sigmf_source(path, channels, **options)
    sinks = [blocks.vector_sink_c() for _ in range(channels)]
    for port, sink in enumerate(sinks):
        top.connect((source, port), sink)
    top.run()
    return [
        (
            np.array(sink.data(), np.complex64),
            [(tag.offset, pmt.symbol_to_string(tag.key), tag.value) for tag in sink.tags()],
        )
        for sink in sinks
    ]


def same_tags(found, expected) -> bool:
    def ordered(tags):
        return sorted((sample, key, pmt.serialize_str(value)) for sample, key, value in tags)

    return ordered(found) == ordered(expected)


def bits(samples: np.ndarray) -> bytes:
    return np.asarray(samples, np.complex64).tobytes()


def test_a_recording_comes_back_bit_by_bit_with_its_tags(tmp_path):
    samples = noise(200_000)
    samples[3] = np.nan + 1j * np.inf  # also what is no number
    samples[4] = -0.0
    sink = record(tmp_path / "first", samples)
    assert sink.samples_recorded() == len(samples)
    [(played, tags)] = replay(tmp_path / "first", check_hash=True)
    assert bits(played) == bits(samples)
    assert same_tags(tags, TAGS)


def test_the_files_are_valid_for_the_sigmf_package(tmp_path):
    samples = noise(200_000)
    sink = record(tmp_path / "first", samples, author="A. Mensch", hardware="a radio", description="a test")
    handle = sigmf.sigmffile.fromfile(sink.file())  # compares the hash
    handle.validate()
    assert bits(handle.read_samples()) == bits(samples)
    about = handle.get_global_info()
    assert about["core:sha512"] == hashlib.sha512(samples.tobytes()).hexdigest()
    assert (about["core:author"], about["core:hw"]) == ("A. Mensch", "a radio")
    assert about["core:sample_rate"] == RATE
    captures = handle.get_captures()
    assert [capture["core:sample_start"] for capture in captures] == [0, 140_000]
    assert [capture["core:frequency"] for capture in captures] == [2.45e9, 2.4e9]
    assert all(capture["core:datetime"].endswith("Z") for capture in captures)
    spans = {
        a["core:label"]: (a["core:sample_start"], a["core:sample_count"]) for a in handle.get_annotations()
    }
    assert spans[f"frame {2**63 + 1}"] == (9000, 4704)
    assert not list(tmp_path.glob("*.unfinished"))


def test_truth_of_frames_and_gaps(tmp_path):
    tags = [
        (start, key, value)
        for frame, start in enumerate((10, 5000, 90_000))
        for key, value in (
            ("frame_id", pmt.from_uint64(4 * frame)),
            ("images", pmt.from_long(4 if frame < 2 else 1)),
            ("packet_len", pmt.from_long(4000)),
        )
    ] + [(6000, "gap", pmt.from_long(77))]
    metadata = {"targets": [{"range_m": np.float32(120.0)}], "counters": {"gap": np.int64(1)}}
    record(tmp_path / "first", noise(100_000), tags=tags, labels=[5, 6, 7], metadata=metadata)
    recording = Recording.open(tmp_path / "first.sigmf-data")
    assert recording.field("targets") == [{"range_m": 120.0}]
    assert recording.field("counters") == {"gap": 1}
    [channel] = recording.channels
    frames = list(channel.frames())
    assert [frame["sample"] for frame in frames] == [10, 5000, 90_000]
    assert [frame["frame_id"] for frame in frames] == [0, 4, 8]
    assert [frame["labels"] for frame in frames] == [[5, 6, 7, 5], [6, 7, 5, 6], [7]]
    assert list(channel.gaps()) == [(6000, 77)]
    assert bits(channel.samples(99_990, 50)) == bits(noise(100_000)[99_990:])


def test_values_that_hold_are_recorded_when_they_change(tmp_path):
    tags = [(100 * k, "snr_db", pmt.from_double(3.0 if k < 300 else 5.0)) for k in range(600)]
    tags += [(100 * k, "gap", pmt.from_long(7)) for k in range(2)]
    record(tmp_path / "first", noise(60_000), tags=tags)
    [(_, played)] = replay(tmp_path / "first")
    assert same_tags(played, [tags[0], tags[300], *tags[-2:]])


def test_metadata_may_be_set_while_it_records_and_asked_for_at_its_end(tmp_path):
    top = gr.top_block()
    sink = sigmf_sink(tmp_path / "first", RATE, metadata={"targets": []})
    sink.set_metadata("bundle", {"name": "jssc/awgn"})
    sink.set_metadata("counters", lambda: {"samples": np.int64(sink.samples_recorded())})
    source = stream(noise(30_000))
    top.connect(source, sink)
    top.run()
    recording = Recording.open(tmp_path / "first")
    assert [recording.field(name) for name in ("targets", "bundle", "counters")] == [
        [],
        {"name": "jssc/awgn"},
        {"samples": 30_000},
    ]


def test_several_channels_are_a_collection_in_step(tmp_path):
    sent, received = noise(60_000, 1), noise(60_000, 2)
    tags = [(5, "frame_id", pmt.from_uint64(1))]
    sink = record(tmp_path / "echo.1", sent, received, names=("sent", "rx0"), tags=tags)
    assert sink.file().name == "echo.1.sigmf-collection"
    collection = sigmf.sigmffile.fromfile(sink.file())  # compares the hashes
    assert collection.get_stream_names() == ["echo.1-sent", "echo.1-rx0"]
    for stream in (collection.get_SigMFFile(stream_index=number) for number in range(2)):
        stream.validate()
        assert stream.get_global_field("core:collection") == "echo.1"
    for path in (tmp_path / "echo.1", sink.file()):
        (played_sent, sent_tags), (played, other_tags) = replay(path, 2, check_hash=True)
        assert bits(played_sent) == bits(sent)
        assert bits(played) == bits(received)
        assert same_tags(sent_tags, tags)
        assert other_tags == []
    assert [channel.name for channel in Recording.open(tmp_path / "echo.1").channels] == ["sent", "rx0"]
    [(alone, _)] = replay(tmp_path / "echo.1-rx0")
    assert bits(alone) == bits(received)


def test_repeat_goes_round_with_its_tags(tmp_path):
    samples = noise(70_001)
    record(tmp_path / "first", samples, tags=[(70_000, "gap", pmt.from_long(1))])
    top = gr.top_block()
    source = sigmf_source(tmp_path / "first", repeat=True)
    head, sink = blocks.head(gr.sizeof_gr_complex, 3 * 70_001), blocks.vector_sink_c()
    top.connect(source, head, sink)
    top.run()
    assert bits(sink.data()) == 3 * bits(samples)
    assert [tag.offset for tag in sink.tags()] == [70_000, 140_001, 210_002]


def test_a_paced_source_sends_no_faster_than_the_rate(tmp_path):
    record(tmp_path / "first", noise(300_000), tags=())
    begin = time.monotonic()
    [(played, _)] = replay(tmp_path / "first", paced=True)
    assert time.monotonic() - begin >= 0.3 - 0.011
    assert bits(played) == bits(noise(300_000))


def test_integers_of_other_programs_are_scaled(tmp_path):
    numbers = np.array([[0, 16384], [-32768, 8192]], "<i2")
    numbers.tofile(tmp_path / "other.sigmf-data")
    handle = sigmf.SigMFFile(global_info={"core:datatype": "ci16_le", "core:sample_rate": RATE})
    handle.add_capture(0)
    handle.tofile(tmp_path / "other.sigmf-meta")
    [(played, _)] = replay(tmp_path / "other")
    np.testing.assert_array_equal(played, [0.5j, -1 + 0.25j])


def test_an_existing_recording_is_kept_unless_overwriting_is_allowed(tmp_path):
    record(tmp_path / "first", noise(10_000, 1), tags=())
    with pytest.raises(DataError, match="exists: choose another path"):
        sigmf_sink(tmp_path / "first", RATE)
    record(tmp_path / "first", noise(20_000, 2), tags=(), overwrite=True)
    [(played, _)] = replay(tmp_path / "first", check_hash=True)
    assert bits(played) == bits(noise(20_000, 2))


def test_overwriting_with_another_number_of_channels_leaves_no_old_file(tmp_path):
    record(tmp_path / "first", noise(10_000, 1), tags=())
    record(tmp_path / "first", noise(100, 2), noise(100, 3), names="ab", tags=(), overwrite=True)
    assert Recording.open(tmp_path / "first").sample_count == 100
    record(tmp_path / "first", noise(50, 4), tags=(), overwrite=True)
    assert Recording.open(tmp_path / "first").sample_count == 50


def test_a_flowgraph_without_samples_leaves_nothing(tmp_path):
    sink = record(tmp_path / "first", np.empty(0, np.complex64), tags=())
    assert sink.file() is None
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_the_flowgraph_and_keeps_what_is_there(tmp_path, monkeypatch):
    whole, calls = UnfinishedFile._write_some, []

    def write_some(self, raw):
        calls.append(len(raw))
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        return whole(self, raw)

    monkeypatch.setattr(UnfinishedFile, "_write_some", write_some)
    samples = noise(2_000_000)
    sink = record(tmp_path / "first", samples, tags=())
    assert "No space left on device" in str(sink.error)
    [(played, _)] = replay(tmp_path / "first", check_hash=True)
    assert 0 < len(played) < len(samples)
    assert bits(played) == bits(samples[: len(played)])


INTERRUPTED = """
import sys
from gnuradio import analog, blocks, gr
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink
top = gr.top_block()
source, sink = analog.sig_source_c(1e6, analog.GR_COS_WAVE, 1e3, 1.0), sigmf_sink(sys.argv[1], 1e6)
pace = blocks.throttle(gr.sizeof_gr_complex, 1e6)
top.connect(source, pace, sink)
top.start()
print("started", flush=True)
top.wait()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT])
def test_interrupting_a_program_leaves_a_whole_recording(tmp_path, sent):
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "first")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )  # fmt: skip
    try:
        assert program.stdout.readline() == "started\n"
        until(lambda: any(file.stat().st_size for file in tmp_path.glob("*.sigmf-data.unfinished")))
        program.send_signal(sent)
        program.communicate(timeout=HANG_S)
    finally:
        program.kill()
    recording = Recording.open(tmp_path / "first", check_hash=True)
    assert recording.sample_count > 0
    assert not list(tmp_path.glob("*.unfinished"))


def damage_json(folder):
    file = folder / "first.sigmf-meta"
    file.write_text(file.read_text()[:-20])


def change_field(name, value):
    def change(folder):
        file = folder / "first.sigmf-meta"
        content = json.loads(file.read_text())
        content["global"][name] = value
        file.write_text(json.dumps(content))

    return change


def cut_off(size):
    return lambda folder: os.truncate(folder / "first.sigmf-data", size)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda folder: (folder / "first.sigmf-meta").unlink(), "no such recording, expected first"),
        (lambda folder: (folder / "first.sigmf-data").unlink(), "first.sigmf-data: no such file"),
        (damage_json, "is not JSON"),
        (lambda folder: (folder / "first.sigmf-meta").write_text("[]"), "holds no object"),
        (lambda folder: (folder / "first.sigmf-meta").write_text("{}"), "expected valid SigMF"),
        (change_field("core:datatype", "complex"), "global/core:datatype: 'complex'.*expected valid SigMF"),
        (change_field("core:datatype", "rf32_le"), "expected complex samples"),
        (change_field(
                "core:extensions",
                [
                    {"name": "semisac", "version": "0.1.0", "optional": True},
                    {"name": "x", "version": "1", "optional": False},
                ],
            ), "extension x"),
        (
            change_field("core:extensions", [{"name": "semisac", "version": "1.0.0", "optional": True}]),
            "update this software",
        ),
        (cut_off(8 * 5000), "holds 40000 bytes, expected 80000 or more"),
        (cut_off(8 * 10_000 - 3), "the file was cut off"),
    ],
)  # fmt: skip
def test_damaged_recordings_are_one_clear_error(tmp_path, damage, message):
    record(tmp_path / "first", noise(10_000), tags=[(9000, "gap", pmt.from_long(1))])
    damage(tmp_path)
    with pytest.raises(DataError, match=message):
        sigmf_source(tmp_path / "first")


def test_changed_samples_are_found_by_their_hash(tmp_path):
    record(tmp_path / "first", noise(10_000), tags=())
    with (tmp_path / "first.sigmf-data").open("r+b") as file:
        file.write(b"x")
    sigmf_source(tmp_path / "first")
    with pytest.raises(DataError, match="sha512 differs"):
        sigmf_source(tmp_path / "first", check_hash=True)


def test_channels_that_were_not_recorded_together_are_refused(tmp_path):
    record(tmp_path / "first", noise(100), noise(100), names=("sent", "rx0"), tags=())
    record(tmp_path / "first-rx0", noise(90), tags=(), overwrite=True)
    with pytest.raises(DataError, match="not recorded together"):
        sigmf_source(tmp_path / "first", 2)


def test_wrong_parameters_are_refused(tmp_path):
    with pytest.raises(ValueError, match="sample_rate_hz is 0"):
        sigmf_sink(tmp_path / "first", 0)
    with pytest.raises(ValueError, match="expected one name or more, all different"):
        sigmf_sink(tmp_path / "first", RATE, 0.0, ["rx0", "rx0"])
    with pytest.raises(DataError, match="names no recording"):
        sigmf_sink("", RATE)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        sigmf_sink(tmp_path / "file" / "first", RATE)
    record(tmp_path / "first", noise(100), tags=())
    with pytest.raises(ValueError, match="channels is 2, expected 1 to 1"):
        sigmf_source(tmp_path / "first", 2)
