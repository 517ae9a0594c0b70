# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings in the place of a radio: decoders cannot tell a replay from the run that was recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("sigmf", reason="recordings need the package sigmf")

import block_testing as bt  # noqa: E402
import pmt  # noqa: E402
from gnuradio import blocks, gr, semisac  # noqa: E402
from gnuradio.semisac.radio import RadioError, RadioSettings, open_front_end, radios  # noqa: E402
from gnuradio.semisac.radio.sigmf_fields import plain_frame  # noqa: E402
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink  # noqa: E402
from gnuradio.semisac.radio.unfinished_file import UnfinishedFile  # noqa: E402

from semisac_ml.data.sigmf_recording import Recording  # noqa: E402
from semisac_ml.signal.frame import FrameParameters  # noqa: E402

RATE = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE, images_per_frame=4, gap_samples=3000)
FRAMES = 20
IMAGES = FRAMES * FRAME.images_per_frame


def settings(path, **changes) -> RadioSettings:
    return RadioSettings(**{"radio": "file", "address": str(path), "sample_rate_hz": RATE, **changes})


def modulated():
    """Blocks from random symbols to frames of samples."""
    symbols = bt.frames(IMAGES, FRAME.channel_uses)
    return bt.source(symbols, bt.frame_tags(frame_id=range(IMAGES))), semisac.frame_modulator(FRAME)


class decoder_input:
    """What a receiver gives to the decoders: symbols of images, and the tags on them."""

    def __init__(self):
        self.blocks = (
            semisac.frame_synchronizer(FRAME),
            semisac.frame_demodulator(FRAME),
            bt.sink(np.complex64, FRAME.channel_uses),
        )

    def found(self):
        sink = self.blocks[-1]
        tags = sorted((t.offset, str(t.key), pmt.serialize_str(t.value)) for t in sink.tags())
        return np.array(sink.data(), np.complex64).tobytes(), tags


def air(gaps: float = 0.0):
    return semisac.fading_channel(
        1, "awgn", 15.0, 3, RATE, delay_samples=7.3, carrier_offset_hz=900.0, gap_probability=gaps,
        gap_length=256,
    )  # fmt: skip


def run_and_record(path, gaps: float = 0.0) -> decoder_input:
    """Run a link and record what its receiver hears."""
    top, receiver = gr.top_block(), decoder_input()
    channel = air(gaps)
    metadata = {"frame": plain_frame(FRAME), "targets": [{"range_m": 30.0}]}
    recorder = sigmf_sink(path, RATE, 2.45e9, metadata=metadata)
    top.connect(*modulated(), channel, *receiver.blocks)
    top.connect(channel, recorder)
    top.run()
    return receiver


def replay(path, **changes):
    """Decoder input of a replay, what `configure` said, and the front end."""
    front_end = open_front_end(settings(path, **changes), FRAME, "receive")
    in_force = front_end.configure()
    top, receiver = gr.top_block(), decoder_input()
    top.connect(front_end.rx(), receiver.blocks[0])
    top.connect(*receiver.blocks)
    front_end.prepare()
    top.run()
    front_end.close()
    front_end.close()
    return receiver, in_force, front_end


@pytest.mark.parametrize("gaps", [0.0, 0.01])
def test_decoders_get_the_same_bits_from_a_replay_as_from_the_live_run(tmp_path, gaps):
    live = run_and_record(tmp_path / "heard", gaps)
    again, in_force, front_end = replay(tmp_path / "heard")
    symbols, tags = live.found()
    assert len(symbols) > 8 * FRAME.channel_uses * IMAGES // 4
    assert again.found() == (symbols, tags)
    assert in_force["warnings"] == []
    assert in_force["recorded"]["targets"] == [{"range_m": 30.0}]
    recording = Recording.open(tmp_path / "heard")
    status = front_end.status()
    assert status["samples"] == recording.sample_count
    assert status["gap"] == len(list(recording.channels[0].gaps()))
    assert (status["gap"] > 0) == (gaps > 0)


def test_a_replay_of_the_simulated_radio_is_what_it_gave_while_it_ran(tmp_path, tiny_bundle):
    """Twelve bits, a carrier that is off, samples that get lost, tags of the radio's time: all comes back."""
    options = {"bundle": str(tiny_bundle), "time_scale": 0.0}
    radio = RadioSettings("simulation", sample_rate_hz=RATE, options=options)
    simulated = open_front_end(radio, FRAME, "receive")
    simulated.configure()
    top, live = gr.top_block(), decoder_input()
    head = blocks.head(gr.sizeof_gr_complex, 700_000)
    recorder = sigmf_sink(tmp_path / "heard", RATE, 2.45e9, metadata={"frame": plain_frame(FRAME)})
    top.connect(simulated.rx(), head, *live.blocks)
    top.connect(head, recorder)
    simulated.receiver.inject_loss(5000, 200_000)  # it is received from 0.1 s on
    simulated.prepare()
    top.start()
    top.wait()
    simulated.close()
    again, _, front_end = replay(tmp_path / "heard")
    assert len(live.found()[0]) > 8 * FRAME.channel_uses * IMAGES
    assert again.found() == live.found()
    assert front_end.status()["gap"] >= 1


def test_a_transmission_is_written_at_its_level_and_decodes(tmp_path):
    front_end = open_front_end(settings(tmp_path / "sent", transmit_level_db=-20.0), FRAME, "transmit")
    in_force = front_end.configure()
    top = gr.top_block()
    source, modulator = modulated()
    expected = blocks.vector_sink_c()
    top.connect(source, modulator, front_end)
    top.connect(modulator, expected)
    top.run()
    front_end.close()
    assert in_force["sample_rate_hz"] == RATE
    [channel] = Recording.open(tmp_path / "sent", check_hash=True).channels
    np.testing.assert_allclose(channel.samples(), 0.1 * np.array(expected.data(), np.complex64), rtol=1e-5)
    assert FrameParameters(**channel.field("frame")) == FRAME
    assert channel.field("radio")["transmit_level_db"] == -20.0
    frames = list(channel.frames())
    assert [frame["frame_id"] for frame in frames] == list(range(0, IMAGES, 4))
    assert [frame["sample"] for frame in frames] == [k * FRAME.frame_samples for k in range(FRAMES)]
    receiver, _, _ = replay(tmp_path / "sent")
    assert len(receiver.found()[0]) == 8 * FRAME.channel_uses * IMAGES


def test_monostatic_replay_keeps_sent_and_received_in_step(tmp_path):
    sent, received = bt.frames(1, 50_000, 1)[0], bt.frames(1, 50_000, 2)[0]
    top = gr.top_block()
    recorder = sigmf_sink(tmp_path / "echo", RATE, 2.45e9, ["sent", "rx0"])
    for port, samples in enumerate((sent, received)):
        top.connect(blocks.vector_source_c(samples.tolist()), (recorder, port))
    top.run()
    front_end = open_front_end(settings(tmp_path / "echo"), FRAME, "monostatic")
    front_end.configure()
    top, sinks = gr.top_block(), (blocks.vector_sink_c(), blocks.vector_sink_c())
    top.connect(*modulated(), front_end)
    top.connect(front_end.sent, sinks[0])
    top.connect(front_end.rx(), sinks[1])
    top.run()
    for sink, samples in zip(sinks, (sent, received), strict=True):
        assert np.array(sink.data(), np.complex64).tobytes() == samples.tobytes()
    with pytest.raises(RadioError, match="give the recording of one channel.*echo-rx0"):
        open_front_end(settings(tmp_path / "echo"), FRAME, "receive").configure()
    with pytest.raises(RadioError, match="channels is 3, expected 1 to 2"):
        open_front_end(settings(tmp_path / "echo", rx_channels=2), FRAME, "monostatic").configure()


def test_channels_without_what_was_sent_are_no_monostatic_recording(tmp_path):
    top = gr.top_block()
    recorder = sigmf_sink(tmp_path / "pair", RATE, 2.45e9, ["rx0", "rx1"])
    for port in range(2):
        top.connect(blocks.vector_source_c([1.0] * 100), (recorder, port))
    top.run()
    with pytest.raises(RadioError, match="channels of .* are rx0, rx1, expected what was sent as the first"):
        open_front_end(settings(tmp_path / "pair"), FRAME, "monostatic").configure()
    open_front_end(settings(tmp_path / "pair", rx_channels=2), FRAME, "receive").configure()


def test_a_recording_of_something_else_is_refused_or_warned_of(tmp_path):
    run_and_record(tmp_path / "heard")
    with pytest.raises(RadioError, match="1e.06 samples a second, expected those of --sample-rate-hz 2e.06"):
        open_front_end(settings(tmp_path / "heard", sample_rate_hz=2e6), FRAME, "receive").configure()
    other = FrameParameters(sample_rate_hz=RATE, images_per_frame=8)
    with pytest.raises(RadioError, match="images_per_frame 4, expected 8"):
        open_front_end(settings(tmp_path / "heard"), other, "receive").configure()
    _, in_force, _ = replay(tmp_path / "heard", center_frequency_hz=2.4e9)
    assert "recorded at 2.45e+09 Hz" in in_force["warnings"][0]


def test_what_cannot_be_opened_is_one_clear_error(tmp_path):
    assert "file" in radios()
    with pytest.raises(ValueError, match="--address is empty"):
        open_front_end(settings(""), FRAME, "receive")
    with pytest.raises(ValueError, match="has no option 'loop', expected .*paced"):
        open_front_end(settings(tmp_path, options={"loop": True}), FRAME, "receive")
    with pytest.raises(RadioError, match="no such recording"):
        open_front_end(settings(tmp_path / "none"), FRAME, "receive").configure()
    run_and_record(tmp_path / "heard")
    with pytest.raises(RadioError, match="exists: choose another path"):
        open_front_end(settings(tmp_path / "heard"), FRAME, "transmit").configure()
    with pytest.raises(RadioError, match="channels is 2, expected 1 to 1"):
        open_front_end(settings(tmp_path / "heard", rx_channels=2), FRAME, "receive").configure()


def test_a_file_that_is_cut_off_while_it_is_replayed_is_a_radio_that_vanished(tmp_path):
    run_and_record(tmp_path / "heard")
    front_end = open_front_end(settings(tmp_path / "heard", options={"repeat": True}), FRAME, "receive")
    front_end.configure()
    top, sink = gr.top_block(), blocks.null_sink(gr.sizeof_gr_complex)
    top.connect(front_end.rx(), sink)
    top.start()
    (tmp_path / "heard.sigmf-data").write_bytes(b"")
    top.wait()
    front_end.close()
    assert "became shorter" in front_end.events.vanished()


def test_a_disk_that_is_full_is_a_radio_that_vanished(tmp_path, monkeypatch):
    def full(self, raw):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(UnfinishedFile, "_write_some", full)
    front_end = open_front_end(settings(tmp_path / "sent"), FRAME, "transmit")
    front_end.configure()
    top = gr.top_block()
    source, modulator = modulated()
    top.connect(source, modulator, front_end)
    top.run()
    front_end.close()
    assert "No space left on device" in front_end.events.vanished()
    assert list(tmp_path.iterdir()) == []


def sensed(path, lost: int) -> None:
    """A recording of what was sent and came back, of which the second half of rx0 lost samples."""
    top = gr.top_block()
    recorder = sigmf_sink(path, RATE, 2.45e9, ["sent", "rx0"])
    source, modulator = modulated()
    top.connect(source, modulator, (recorder, 0))
    top.connect(modulator, (recorder, 1))
    top.run()
    data, meta = (path.with_name(f"{path.name}-rx0.sigmf-{kind}") for kind in ("data", "meta"))
    samples = np.fromfile(data, np.complex64)
    half = len(samples) // 2
    np.concatenate([samples[:half], samples[half + lost :]]).tofile(data)
    content = json.loads(meta.read_text())
    content["global"]["semisac:sample_count"] -= lost
    content["captures"].append({"core:sample_start": half, "core:global_index": half + lost})
    meta.write_text(json.dumps(content))


def test_a_gap_that_another_program_recorded_shifts_no_echo(tmp_path):
    """One channel lost samples: later ones keep their places, a frame that is torn is called lost."""
    sensed(tmp_path / "echo", 100)
    front_end = open_front_end(settings(tmp_path / "echo"), FRAME, "monostatic")
    in_force = front_end.configure()
    assert "has gaps, in which frames are lost: 100 samples were lost before" in in_force["warnings"][0]
    top, sinks = gr.top_block(), (blocks.vector_sink_c(), blocks.vector_sink_c())
    top.connect(blocks.vector_source_c([]), front_end)
    for port, sink in enumerate(sinks):
        top.connect((front_end, port), sink)
    top.run()
    sent, received = (np.array(sink.data(), np.complex64) for sink in sinks)
    half = FRAMES * FRAME.frame_samples // 2
    assert not received[half : half + 100].any()
    kept = np.r_[0:half, half + 100 : len(sent)]
    assert received[kept].tobytes() == sent[kept].tobytes()
    lost = [tag.offset for tag in sinks[0].tags() if str(tag.key) == "lost"]
    assert lost == [half // FRAME.frame_samples * FRAME.frame_samples]
    assert front_end.status()["gap"] == front_end.status()["gap"] == 1
    assert front_end.events.counts()["gap"] == 1


def test_samples_lost_between_times_of_the_radio_are_filled(tmp_path):
    """As GNU Radio's own source gives them to a sink: rx_time tells what the samples do not."""
    samples = bt.frames(1, 5000, 1)[0]
    times = []
    for sample, seconds in ((0, 0.5), (3000, 0.5 + 3700 / RATE)):
        tag = gr.tag_t()
        tag.offset, tag.key = sample, pmt.intern("rx_time")
        tag.value = pmt.make_tuple(pmt.from_uint64(7), pmt.from_double(seconds))
        times.append(tag)
    top = gr.top_block()
    source = blocks.vector_source_c(samples.tolist(), False, 1, times)
    recorder = sigmf_sink(tmp_path / "heard", RATE, 2.45e9)
    top.connect(source, recorder)
    top.run()
    front_end = open_front_end(settings(tmp_path / "heard"), FRAME, "receive")
    front_end.configure()
    top, sink = gr.top_block(), blocks.vector_sink_c()
    top.connect(front_end.rx(), sink)
    top.run()
    expected = np.r_[samples[:3000], np.zeros(700, np.complex64), samples[3000:]]
    assert np.array(sink.data(), np.complex64).tobytes() == expected.tobytes()
    assert [(tag.offset, pmt.to_python(tag.value)) for tag in sink.tags() if str(tag.key) == "gap"] == [
        (3000, 700)
    ]
    assert front_end.status()["gap"] == 1
