/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/gap_filler.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Put zeros where a receiver lost samples, so that each has its place in time.

Losses are found from the tags rx_time alone: the sample of time t is number
round((t - start time) sample_rate_hz) of the output. With a start time, what came before it is left
out. A time before the place reached, or more than 10 s behind it (600 s with a start time), is
counted as a clock that was set anew, and is no loss. Without rx_time all samples pass.

Inputs 0 to channels - 1: complex64; the tags rx_time (tuple of whole seconds, an integer, and
fraction) of input 0 hold for all.
Outputs 0 to channels - 1: complex64; the tag gap (long, samples) on the first sample of each gap,
clock_set (long, samples) on the first one behind a clock that was set anew; other tags keep to
their samples.

sample_rate_hz: samples a second, 1e3 to 1e10.
channels: streams that are filled alike, 1 to 16.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_gap_filler(py::module& m)
{
    using gr::semisac::gap_filler;

    py::class_<gap_filler, gr::block, gr::basic_block, std::shared_ptr<gap_filler>>(
        m, "gap_filler", CLASS_DOC)
        .def(py::init(&gap_filler::make),
             py::arg("sample_rate_hz"),
             py::arg("channels") = 1)
        .def("set_start_time",
             &gap_filler::set_start_time,
             py::arg("full"),
             py::arg("fraction"),
             "Time of sample 0 of the outputs, from the next start on.")
        .def("start_time",
             &gap_filler::start_time,
             "Time of sample 0: the one that was set, or that of the first sample.")
        .def("gaps", &gap_filler::gaps, "Gaps filled since the start.")
        .def("samples_lost", &gap_filler::samples_lost, "Samples of all gaps.")
        .def("times_backwards",
             &gap_filler::times_backwards,
             "Times that were no loss: before the place reached, or far behind it.")
        .def("waits_for_samples",
             &gap_filler::waits_for_samples,
             "Whether no sample waits at one of the inputs: the radio gives none.")
        .def("take_peak",
             &gap_filler::take_peak,
             "Largest |I| or |Q| of all samples since this was asked last.");
}
