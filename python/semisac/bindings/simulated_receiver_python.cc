/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/simulated_receiver.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(The receiver of a radio that is not there: converter, clock and its faults.

I and Q are clipped to -1 ... 1 - 2^(1 - bits) and rounded to multiples of 2^(1 - bits). The input's
sample 0 is of the start time; the receiver may begin later, by a number of samples that is drawn at
every start.

Inputs 0 to channels - 1: complex64, from the antennas, aligned.
Outputs 0 to channels - 1: complex64, full scale 1; if timestamps, rx_time (tuple of uint64 whole
seconds and double fraction) and rx_rate (double) on the first sample and on the first one behind
each loss; other tags keep to their samples.

sample_rate_hz: samples a second, 1e3 to 1e10.
bits: of the converter, 2 to 16.
channels: receiving antennas, 1 to 16.
timestamps: whether the radio has a clock.
random_start_samples: by which it begins later at most.
seed: of the beginnings.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_simulated_receiver(py::module& m)
{
    using gr::semisac::simulated_receiver;

    py::class_<simulated_receiver,
               gr::block,
               gr::basic_block,
               std::shared_ptr<simulated_receiver>>(m, "simulated_receiver", CLASS_DOC)
        .def(py::init(&simulated_receiver::make),
             py::arg("sample_rate_hz"),
             py::arg("bits") = 12,
             py::arg("channels") = 1,
             py::arg("timestamps") = true,
             py::arg("random_start_samples") = 0,
             py::arg("seed") = 0)
        .def("set_start_time",
             &simulated_receiver::set_start_time,
             py::arg("full"),
             py::arg("fraction"),
             "Time of the input's sample 0, from the next start on; 0 at first.")
        .def("inject_loss",
             &simulated_receiver::inject_loss,
             py::arg("samples"),
             py::arg("sample") = -1,
             "Lose samples, from that number of the input on, below 0 for the next.")
        .def("inject_vanish",
             &simulated_receiver::inject_vanish,
             "Nothing comes any more, nor is taken, until the flowgraph stops.")
        .def("inject_stall",
             &simulated_receiver::inject_stall,
             py::arg("seconds"),
             "Nothing comes for so long; nothing is lost.")
        .def("samples_clipped",
             &simulated_receiver::samples_clipped,
             "Samples of which I or Q was clipped, of all channels, since the start.")
        .def("samples_lost",
             &simulated_receiver::samples_lost,
             "Samples lost, of each channel.")
        .def("overflows", &simulated_receiver::overflows, "Losses.")
        .def("start_offset_samples",
             &simulated_receiver::start_offset_samples,
             "Samples by which it began later this time.");
}
