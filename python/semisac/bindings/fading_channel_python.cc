/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/fading_channel.h>
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC = R"(Communication channel on frames of symbols.

Each frame x of N channel uses is received as y = h x + w with w ~ CN(0, N0),
N0 = 10^(-snr_db / 10); h = 1 ("awgn") or h ~ CN(0, 1), one value a frame ("rayleigh").
snr_db is Es/N0 for each complex channel use, where E|x|^2 = 1.

Input 0: symbols, complex64[channel_uses], one item a frame.
Output 0: received symbols, complex64[channel_uses], with the tags snr_db (double, dB),
noise_var (double, N0) and channel_gain (complex, h; on each item under fading), each of
which holds until the next of its name; other tags pass.

channel_uses: complex symbols in a frame, at least 1.
model: "awgn" or "rayleigh", or a channel_model_t.
snr_db: mean SNR in dB, -200 to 200.
seed: key of the random draws, 0 to 2^64 - 1. The same seed gives the same channel as
    semisac_ml.signal.channel.fading_channel, however the stream is split.

Raises ValueError for a parameter out of range.
Source: Sagduyu et al., "Joint Sensing and Semantic Communications with Multi-Task Deep
Learning", section II, "Channel effects".)";

} // namespace

void bind_fading_channel(py::module& m)
{
    using gr::semisac::channel_model_from_name;
    using gr::semisac::channel_model_t;
    using gr::semisac::fading_channel;

    py::enum_<channel_model_t>(m, "channel_model_t", "Gain of the communication channel.")
        .value("AWGN", channel_model_t::AWGN, "h = 1")
        .value("RAYLEIGH", channel_model_t::RAYLEIGH, "h ~ CN(0, 1), one value a frame");

    py::class_<fading_channel,
               gr::sync_block,
               gr::block,
               gr::basic_block,
               std::shared_ptr<fading_channel>>(m, "fading_channel", CLASS_DOC)
        .def(py::init(&fading_channel::make),
             py::arg("channel_uses"),
             py::arg("model") = channel_model_t::AWGN,
             py::arg("snr_db") = 3.0,
             py::arg("seed") = 0)
        .def(py::init([](int channel_uses,
                         const std::string& model,
                         double snr_db,
                         uint64_t seed) {
                 return fading_channel::make(
                     channel_uses, channel_model_from_name(model), snr_db, seed);
             }),
             py::arg("channel_uses"),
             py::arg("model"),
             py::arg("snr_db") = 3.0,
             py::arg("seed") = 0)
        .def("set_snr_db",
             &fading_channel::set_snr_db,
             py::arg("snr_db"),
             "Mean SNR in dB, used from the next call of the scheduler on.")
        .def("snr_db", &fading_channel::snr_db, "Mean SNR in dB.")
        .def("set_model",
             &fading_channel::set_model,
             py::arg("model"),
             "Gain of the channel, used from the next call of the scheduler on.")
        .def(
            "set_model",
            [](fading_channel& self, const std::string& model) {
                self.set_model(channel_model_from_name(model));
            },
            py::arg("model"),
            "Gain of the channel by name, \"awgn\" or \"rayleigh\".")
        .def("model", &fading_channel::model, "Gain of the channel.")
        .def(
            "channel_uses", &fading_channel::channel_uses, "Complex symbols in a frame.");
}
