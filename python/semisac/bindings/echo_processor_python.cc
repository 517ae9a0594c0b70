/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/echo_processor.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Monostatic radar: echo vectors for a learned detector, and range-Doppler maps.

Transmitted and received streams are aligned sample by sample: a target of delay 0 returns a
sample in the moment it is sent. Frames are found by the modulator's tags.

Input 0: transmitted samples, complex64, with the tags frame_id, images and packet_len on the
first sample of each frame; one with the tag lost (see echo_aligner) is left out, and breaks its
interval.
Input 1 ... antennas: received samples, complex64.
Output 0: echoes y = g sqrt(snr) x + w at the range gate, noise variance 1,
complex64[channel_uses], one item an image, tags frame_id (on each) and sensing_snr_db. Tags of
input 1 on a frame's first sample are put on each of its echoes.
Output 1, optional: maps, complex64[antennas * doppler_bins * range_bins], one item an
interval, cells of noise alone of variance 1, tags frame_id, sample_index, noise_var,
leakage_removal (what is gone) and targets (where input 1 has it, see target_emulator).

parameters: radar_parameters, or a semisac_ml.signal.radar_parameters.RadarParameters.
delay_samples: range gate of the echoes, 0 to prefix_samples; range = c delay / (2 fs).
noise_variance: of a received sample, 0 to measure it on the subcarriers at the edges.
sensing_snr_db: SNR of a symbol's echo for the tag, nan to estimate it from the frames whose
    echo stands out.
regularisation: lambda of the division by OFDM symbols Z / (P + lambda mean P), 0 for plain
    division to inf for the matched filter.
leakage_removal: "none", "zero_delay" (leakage from transmitter to receiver) or "static" (all
    that does not move), before maps are made.

Same numbers as semisac_ml.signal.echo_processing.
Raises ValueError for a parameter out of range.)";

const char* name_of(gr::semisac::leakage_removal_t removal)
{
    using gr::semisac::leakage_removal_t;
    return removal == leakage_removal_t::NONE         ? "none"
           : removal == leakage_removal_t::ZERO_DELAY ? "zero_delay"
                                                      : "static";
}

} // namespace

void bind_echo_processor(py::module& m)
{
    using gr::semisac::echo_processor;
    using gr::semisac::leakage_removal_from_name;
    using gr::semisac::radar_parameters;

    py::class_<echo_processor,
               gr::block,
               gr::basic_block,
               std::shared_ptr<echo_processor>>(m, "echo_processor", CLASS_DOC)
        .def(py::init([](const radar_parameters& parameters,
                         double delay_samples,
                         double noise_variance,
                         double sensing_snr_db,
                         double regularisation,
                         const std::string& leakage_removal) {
                 return echo_processor::make(parameters,
                                             delay_samples,
                                             noise_variance,
                                             sensing_snr_db,
                                             regularisation,
                                             leakage_removal_from_name(leakage_removal));
             }),
             py::arg("parameters"),
             py::arg("delay_samples") = 0.0,
             py::arg("noise_variance") = 0.0,
             py::arg("sensing_snr_db") = std::numeric_limits<double>::quiet_NaN(),
             py::arg("regularisation") = 1.0,
             py::arg("leakage_removal") = "none")
        .def("parameters", &echo_processor::parameters, "Frames and maps.")
        .def("set_delay_samples",
             &echo_processor::set_delay_samples,
             py::arg("delay_samples"),
             "Range gate in samples of delay, used from the next frame on.")
        .def("delay_samples",
             &echo_processor::delay_samples,
             "Range gate in samples of delay.")
        .def("set_range_m",
             &echo_processor::set_range_m,
             py::arg("range_m"),
             "Range gate in metres, used from the next frame on.")
        .def("range_m", &echo_processor::range_m, "Range gate in metres.")
        .def("set_velocity_mps",
             &echo_processor::set_velocity_mps,
             py::arg("velocity_mps"),
             "Closing speed of the gate in m/s, with which it moves from the next frame "
             "on; 0 "
             "at first.")
        .def("velocity_mps",
             &echo_processor::velocity_mps,
             "Closing speed of the gate in m/s.")
        .def("set_follow_target",
             &echo_processor::set_follow_target,
             py::arg("follow_target"),
             "Whether the gate is where the tag targets of input 1 says that the first "
             "target is; not so at first.")
        .def("follow_target",
             &echo_processor::follow_target,
             "Whether the gate follows the first target that is emulated.")
        .def("set_noise_variance",
             &echo_processor::set_noise_variance,
             py::arg("noise_variance"),
             "Noise variance of a received sample, 0 to measure it.")
        .def("noise_variance",
             &echo_processor::noise_variance,
             "The noise variance in use: given, or measured so far.")
        .def("set_sensing_snr_db",
             &echo_processor::set_sensing_snr_db,
             py::arg("sensing_snr_db"),
             "SNR of a symbol's echo in dB, nan to estimate it.")
        .def("sensing_snr_db",
             &echo_processor::sensing_snr_db,
             "The SNR in use: given, or estimated so far, 0 before the first estimate.")
        .def("set_regularisation",
             &echo_processor::set_regularisation,
             py::arg("regularisation"),
             "0 for plain division to inf for the matched filter.")
        .def("regularisation", &echo_processor::regularisation, "lambda of the division.")
        .def(
            "set_leakage_removal",
            [](echo_processor& self, const std::string& leakage_removal) {
                self.set_leakage_removal(leakage_removal_from_name(leakage_removal));
            },
            py::arg("leakage_removal"),
            "\"none\", \"zero_delay\" or \"static\".")
        .def(
            "leakage_removal",
            [](const echo_processor& self) { return name_of(self.leakage_removal()); },
            "What is taken out before maps are made.")
        .def("frames_processed",
             &echo_processor::frames_processed,
             "Frames processed since the start.")
        .def("frames_refused",
             &echo_processor::frames_refused,
             "Frames cut short, of another length, without an id, or with damaged "
             "samples.")
        .def("intervals_broken",
             &echo_processor::intervals_broken,
             "Intervals given up: a frame was lost, or they did not follow each other.")
        .def("frames_lost",
             &echo_processor::frames_lost,
             "Frames left out because of the tag lost.");
}
