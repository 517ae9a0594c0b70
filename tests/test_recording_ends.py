# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may go wrong with a recording until it has its name: nothing is lost, nothing goes unsaid."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="recording needs GNU Radio and the module")
pytest.importorskip("sigmf", reason="recordings need the package sigmf")

import pmt  # noqa: E402
from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio import sigmf_writer  # noqa: E402
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink  # noqa: E402
from gnuradio.semisac.radio.unfinished_file import UnfinishedFile  # noqa: E402

from semisac_ml.data import DataError  # noqa: E402
from semisac_ml.data.sigmf_recording import Recording  # noqa: E402

RATE = 1e6
FULL = OSError(28, "No space left on device")


def noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(2 * count).astype(np.float32).view(np.complex64)


def record(sink: sigmf_sink, samples: np.ndarray, tags=()) -> None:
    made = []
    for sample, key, value in tags:
        tag = gr.tag_t()
        tag.offset, tag.key, tag.value = sample, pmt.intern(key), value
        made.append(tag)
    top, source = gr.top_block(), blocks.vector_source_c(samples.tolist(), False, 1, made)
    top.connect(source, sink)
    top.run()


def files(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def time(seconds: float):
    return pmt.make_tuple(pmt.from_uint64(int(seconds)), pmt.from_double(seconds % 1.0))


def test_two_writers_of_one_recording_are_one_too_many(tmp_path):
    first = sigmf_sink(tmp_path / "a", RATE)
    for overwrite in (False, True):
        with pytest.raises(DataError, match="a.sigmf-data is being written by another program: wait"):
            sigmf_sink(tmp_path / "a", RATE, overwrite=overwrite)
    record(first, noise(1000))
    assert Recording.open(tmp_path / "a", check_hash=True).sample_count == 1000
    with pytest.raises(DataError, match="exists: choose another path"):
        sigmf_sink(tmp_path / "a", RATE)
    sigmf_sink(tmp_path / "a", RATE, overwrite=True).finish()


def test_a_second_channel_that_cannot_be_written_leaves_no_file_of_the_first(tmp_path):
    (tmp_path / "a-rx0.sigmf-data.unfinished").mkdir()
    with pytest.raises(DataError, match="a-rx0.sigmf-data.unfinished"):
        sigmf_sink(tmp_path / "a", RATE, channels=("sent", "rx0"))
    assert [file.name for file in tmp_path.iterdir()] == ["a-rx0.sigmf-data.unfinished"]


def test_what_a_killed_program_left_is_kept(tmp_path):
    left = tmp_path / "a.sigmf-data.unfinished"
    left.write_bytes(noise(100).tobytes())
    with pytest.raises(DataError, match="was left by a program that was killed: rename it"):
        sigmf_sink(tmp_path / "a", RATE)
    assert left.read_bytes() == noise(100).tobytes()
    record(sigmf_sink(tmp_path / "a", RATE, overwrite=True), noise(50, 2))
    assert Recording.open(tmp_path / "a").channels[0].samples().tobytes() == noise(50, 2).tobytes()
    assert sorted(files(tmp_path)) == ["a.sigmf-data", "a.sigmf-meta"]


@pytest.mark.parametrize("ending", [".sigmf-data", ".sigmf-meta", ".sigmf-collection"])
def test_only_files_are_overwritten(tmp_path, ending):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f"a{ending}").symlink_to(tmp_path / "precious")
    (tmp_path / f"b{ending}").mkdir()
    for name in "ab":
        with pytest.raises(DataError, match=f"{name}{ending} is a link or no file"):
            sigmf_sink(tmp_path / name, RATE, overwrite=True)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.parametrize("names", [("rx0",), ("sent", "rx0")])
def test_what_another_program_made_meanwhile_is_kept(tmp_path, names):
    sink = sigmf_sink(tmp_path / "a", RATE, channels=names)
    for ending in (".sigmf-meta", ".sigmf-collection"):
        (tmp_path / f"a{ending}").write_text("of another program")
    top, source = gr.top_block(), blocks.vector_source_c(noise(1000).tolist())
    for port in range(len(names)):
        top.connect(source, (sink, port))
    top.run()
    assert "exists: choose another path" in str(sink.error) and "what was recorded is in" in str(sink.error)
    found = files(tmp_path)
    assert found["a.sigmf-meta"] == found["a.sigmf-collection"] == b"of another program"
    assert noise(1000).tobytes() in found.values()


@pytest.mark.parametrize("instead", [None, b"of another program"])
def test_a_recording_whose_file_was_taken_away_says_so(tmp_path, instead):
    sink = sigmf_sink(tmp_path / "a", RATE)
    unfinished = tmp_path / "a.sigmf-data.unfinished"
    unfinished.unlink()
    if instead:
        unfinished.write_bytes(instead)
    record(sink, noise(1000))
    assert "a.sigmf-data.unfinished was removed while it was written: its samples are lost" in str(sink.error)
    assert sink.file() is None
    assert files(tmp_path) == ({unfinished.name: instead} if instead else {})


def test_that_no_sample_came_is_said(tmp_path):
    sink = sigmf_sink(tmp_path / "a", RATE)
    record(sink, noise(0))
    assert "no sample came" in str(sink.error) and sink.file() is None and not files(tmp_path)
    never_started = sigmf_sink(tmp_path / "a", RATE)
    never_started.finish()
    assert never_started.error is None and not files(tmp_path)


def test_a_disk_without_room_for_metadata_costs_the_last_samples(tmp_path, monkeypatch):
    whole, calls = sigmf_writer.ChannelWriter._write_metadata, []

    def write(self, file, extension):
        calls.append(file)
        if len(calls) == 1:
            file.write_text("half")
            raise FULL
        whole(self, file, extension)

    monkeypatch.setattr(sigmf_writer.ChannelWriter, "_write_metadata", write)
    sink, samples = sigmf_sink(tmp_path / "a", RATE), noise(100_000)
    tags = [(start, "gap", pmt.from_long(3)) for start in range(0, 100_000, 1000)]
    record(sink, samples, [*tags, (99_000, "rx_time", time(5.0))])
    assert sink.error is None
    [channel] = Recording.open(tmp_path / "a", check_hash=True).channels
    kept = channel.samples()
    assert 50_000 < len(kept) < 99_000 and kept.tobytes() == samples[: len(kept)].tobytes()
    assert list(channel.gaps()) == [(start, 3) for start in range(0, len(kept), 1000)]
    assert len(channel.metadata["captures"]) == 1
    assert sorted(files(tmp_path)) == ["a.sigmf-data", "a.sigmf-meta"]


def test_metadata_that_cannot_be_written_at_all_name_the_file_and_keep_the_samples(tmp_path, monkeypatch):
    def write(self, file, extension):
        raise FULL

    monkeypatch.setattr(sigmf_writer.ChannelWriter, "_write_metadata", write)
    sink = sigmf_sink(tmp_path / "a", RATE)
    record(sink, noise(1000))
    said = str(sink.error)
    assert f"{tmp_path / 'a.sigmf-meta'}: cannot be written (No space left on device)" in said
    assert f"complex64, are in {tmp_path / 'a.sigmf-data.unfinished'}" in said
    assert (tmp_path / "a.sigmf-data.unfinished").read_bytes() == noise(1000).tobytes()


def test_a_disk_that_is_full_for_annotations_keeps_what_is_whole(tmp_path, monkeypatch):
    whole = UnfinishedFile._write_some

    def write(self, raw):
        if "annotations" in self.path.name and self.size:
            whole(self, raw[:10])
            raise FULL
        return whole(self, raw)

    monkeypatch.setattr(UnfinishedFile, "_write_some", write)
    writer, samples = sigmf_writer.RecordingWriter(tmp_path / "a", ["rx0"], RATE, 0.0), noise(1000)
    for start in (0, 1000):
        places = [(start + place, "gap", pmt.from_long(3)) for place in (100, 200)]
        full = pytest.raises(DataError, match="No space left on device.*1000 samples, which are kept")
        with full if start else contextlib.nullcontext():
            writer.channels[0].write(samples, [*places, (start + 300, "rx_time", time(5.0))])
    writer.finish({})
    [channel] = Recording.open(tmp_path / "a", check_hash=True).channels
    assert channel.samples().tobytes() == samples.tobytes()
    assert list(channel.gaps()) == [(100, 3), (200, 3)]
    assert [one["core:sample_start"] for one in channel.metadata["captures"]] == [0, 300]


def test_a_disk_that_is_full_for_one_channel_keeps_all_in_step(tmp_path):
    writer, samples = sigmf_writer.RecordingWriter(tmp_path / "a", ["sent", "rx0"], RATE, 0.0), noise(1000)
    for channel, count in zip(writer.channels, (1000, 600), strict=True):
        channel.write(
            samples[:count], [(500, "gap", pmt.from_long(3)), (900, "gap", pmt.from_long(3))][: count // 500]
        )
    recording = Recording.open(writer.finish({}), check_hash=True)
    for channel in recording.channels:
        assert channel.samples().tobytes() == samples[:600].tobytes()
        assert list(channel.gaps()) == [(500, 3)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e300])
def test_frequencies_that_are_none_leave_valid_json(tmp_path, value):
    tags = [(0, "rx_freq", pmt.from_double(value)), (500, "rx_rate", pmt.from_double(value))]
    record(sigmf_sink(tmp_path / "a", RATE, 2.4e9, metadata={"counters": {"x": value}}), noise(1000), tags)

    def refuse(word):
        raise AssertionError(word)

    json.loads((tmp_path / "a.sigmf-meta").read_text(), parse_constant=refuse)
    recording = Recording.open(tmp_path / "a")
    assert recording.center_frequency_hz == 2.4e9
    assert [tag["key"] for _, tag in recording.channels[0].tags()] == ["rx_freq", "rx_rate"]


def test_rates_and_frequencies_out_of_range_are_refused_before_anything_runs(tmp_path):
    for rate, frequency in ((np.inf, 0.0), (np.nan, 0.0), (RATE, np.nan), (RATE, np.inf), (RATE, 1e13)):
        with pytest.raises(ValueError, match="sample_rate_hz|center_frequency_hz"):
            sigmf_sink(tmp_path / "a", rate, frequency)
    assert not files(tmp_path)


def test_dates_of_captures_follow_the_times_of_the_radio(tmp_path):
    """A second is missing before sample 500; at 600 the clock was set anew; 700 has no time."""
    tags = [
        (0, "rx_time", time(100.0)),
        (500, "rx_time", time(101.0 + 500 / RATE)),
        (600, "rx_time", time(3.0)),
        (700, "rx_rate", pmt.from_double(RATE)),
        (800, "rx_time", time(1e9)),
        (900, "rx_time", pmt.intern("later")),
    ]
    record(sigmf_sink(tmp_path / "a", RATE), noise(1000), tags)
    [channel] = Recording.open(tmp_path / "a").channels
    dates = np.array([one["core:datetime"].rstrip("Z") for one in channel.metadata["captures"]], "M8[us]")
    expected_us = [0, 1_000_500, 1_000_600, 1_000_700, 1_000_800, 1_000_900]
    assert (dates - dates[0]).astype(int).tolist() == expected_us


def test_odd_tags_of_frames_do_not_end_a_recording(tmp_path):
    odd = (pmt.intern("x"), pmt.from_double(1.5), pmt.from_long(-1), pmt.PMT_NIL, pmt.from_uint64(2**60))
    tags = [
        (10 * k, key, value) for k, value in enumerate(odd) for key in ("frame_id", "images", "packet_len")
    ]
    sink = sigmf_sink(tmp_path / "a", RATE, labels=[1, 2, 3])
    record(sink, noise(1000), tags)
    assert sink.error is None
    assert len(list(Recording.open(tmp_path / "a").channels[0].tags())) == len(tags)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_flowgraph_that_is_started_again_loses_no_recording(tmp_path, overwrite):
    """As lock() and unlock() do: what was recorded stays, what comes behind has another name."""
    path = tmp_path / "twice"
    sink = sigmf_sink(str(path), 1e6, overwrite=overwrite)
    for _ in range(3):
        top = gr.top_block()
        top.connect(blocks.vector_source_c([1.0] * 500), sink)
        top.run()
        assert getattr(sink, "error", None) is None
    for name in ("twice", "twice-2", "twice-3"):
        [channel] = Recording.open(tmp_path / name).channels
        assert channel.sample_count == 500
