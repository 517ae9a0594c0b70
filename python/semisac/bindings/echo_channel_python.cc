/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/echo_channel.h>
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Echo of each frame off a target that is there or not, as the transmitter hears it.

With a target in range r = 0 ... ranges - 1 the frame x of N channel uses returns as
y[k + r D] = g sqrt(snr_r) x[k] exp(j 2 pi f k) + w, else as y = w, with w ~ CN(0, 1),
snr_r = 10^((sensing_snr_db - r range_step_db) / 10), D = delay_symbols_per_range.

Input 0: symbols, complex64[channel_uses], one item a frame.
Output 0: echo, complex64[channel_uses + (ranges - 1) * delay_symbols_per_range], noise
variance 1, with the tags target_hypothesis (long, on each item; 0 no target, 1 + r target
in range r) and sensing_snr_db (double, dB; holds until the next one); other tags pass.
Message in "target": {"hypothesis": int} or pair (hypothesis . int), as set_target.

channel_uses: complex symbols in a frame, at least 1.
ranges: ranges in which the target may be, at least 1.
sensing_snr_db: SNR in dB of a target in the first range, -200 to 200.
range_step_db: loss in dB from one range to the next, 0 to 200.
delay_symbols_per_range: delay in symbols from one range to the next, at least 0.
fading: g is 1 ("none"), h1 ("rayleigh") or h1 h2 ("two_hop_rayleigh"), h ~ CN(0, 1), one
    pair a frame; or an echo_fading_t.
random_phase: whether g also turns by a phase uniform in [0, 2 pi).
max_frequency_offset: f is uniform within plus and minus this, cycles/symbol, 0 to 0.5.
target_probability: probability that a target is there, 0 to 1; its range is uniform.
seed: key of the random draws, 0 to 2^64 - 1. The same seed gives the same echoes as
    semisac_ml.signal.channel.echo_channel, however the stream is split.

Raises ValueError for a parameter out of range.
Source: Sagduyu et al., "Joint Sensing and Semantic Communications with Multi-Task Deep
Learning", section II, "Channel effects".)";

} // namespace

void bind_echo_channel(py::module& m)
{
    using gr::semisac::echo_channel;
    using gr::semisac::echo_fading_from_name;
    using gr::semisac::echo_fading_t;

    py::enum_<echo_fading_t>(
        m, "echo_fading_t", "Gain of the path to the target and back.")
        .value("NONE", echo_fading_t::NONE, "1")
        .value("RAYLEIGH", echo_fading_t::RAYLEIGH, "h1 ~ CN(0, 1)")
        .value("TWO_HOP_RAYLEIGH", echo_fading_t::TWO_HOP_RAYLEIGH, "h1 h2");

    py::class_<echo_channel,
               gr::sync_block,
               gr::block,
               gr::basic_block,
               std::shared_ptr<echo_channel>>(m, "echo_channel", CLASS_DOC)
        .def(py::init(&echo_channel::make),
             py::arg("channel_uses"),
             py::arg("ranges") = 1,
             py::arg("sensing_snr_db") = 3.0,
             py::arg("range_step_db") = 3.0,
             py::arg("delay_symbols_per_range") = 0,
             py::arg("fading") = echo_fading_t::NONE,
             py::arg("random_phase") = false,
             py::arg("max_frequency_offset") = 0.0,
             py::arg("target_probability") = 0.5,
             py::arg("seed") = 0)
        .def(py::init([](int channel_uses,
                         int ranges,
                         double sensing_snr_db,
                         double range_step_db,
                         int delay_symbols_per_range,
                         const std::string& fading,
                         bool random_phase,
                         double max_frequency_offset,
                         double target_probability,
                         uint64_t seed) {
                 return echo_channel::make(channel_uses,
                                           ranges,
                                           sensing_snr_db,
                                           range_step_db,
                                           delay_symbols_per_range,
                                           echo_fading_from_name(fading),
                                           random_phase,
                                           max_frequency_offset,
                                           target_probability,
                                           seed);
             }),
             py::arg("channel_uses"),
             py::arg("ranges") = 1,
             py::arg("sensing_snr_db") = 3.0,
             py::arg("range_step_db") = 3.0,
             py::arg("delay_symbols_per_range") = 0,
             py::arg("fading") = "none",
             py::arg("random_phase") = false,
             py::arg("max_frequency_offset") = 0.0,
             py::arg("target_probability") = 0.5,
             py::arg("seed") = 0)
        .def("set_sensing_snr_db",
             &echo_channel::set_sensing_snr_db,
             py::arg("sensing_snr_db"),
             "SNR in dB of a target in the first range, used from the next call on.")
        .def("sensing_snr_db",
             &echo_channel::sensing_snr_db,
             "SNR in dB of a target in the first range.")
        .def("set_range_step_db",
             &echo_channel::set_range_step_db,
             py::arg("range_step_db"),
             "Loss in dB from one range to the next, used from the next call on.")
        .def("range_step_db",
             &echo_channel::range_step_db,
             "Loss in dB from one range to the next.")
        .def("set_target_probability",
             &echo_channel::set_target_probability,
             py::arg("target_probability"),
             "Probability that a target is there, used from the next call on.")
        .def("target_probability",
             &echo_channel::target_probability,
             "Probability that a target is there.")
        .def("set_target",
             &echo_channel::set_target,
             py::arg("hypothesis"),
             "Force the truth: 0 no target, 1 + r target in range r, -1 random again.")
        .def("target", &echo_channel::target, "Forced truth, -1 when random.")
        .def("channel_uses", &echo_channel::channel_uses, "Complex symbols in a frame.")
        .def("ranges", &echo_channel::ranges, "Ranges in which the target may be.")
        .def("echo_samples", &echo_channel::echo_samples, "Samples in an output item.");
}
