/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/frame_synchronizer.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Find frames in a stream; give each, aligned in time and without carrier offset.

The matched filter of the up-chirp, normalised by the energy it meets, must exceed a threshold
that noise of any level exceeds with false_alarm_probability, and that of the down-chirp behind
it as well. Both together give time and carrier offset.

A frame of which samples were lost is counted and not given away.

Input 0: samples, complex64; tag gap (long, samples) where samples were lost and zeros stand in
their place.
Output 0: frames, complex64[item_samples()]: the samples of the frame, then zeros up to a
multiple of 512. Tags on each item: sample_index (uint64, last sample of the input at or before
the frame's beginning), timing_samples (double, from there to the beginning, 0 to 1), cfo_hz
(double), snr_db (double, of the strongest path at the chirps, per sample).

parameters: frame_parameters, or a semisac_ml.signal.frame.FrameParameters.
false_alarm_probability: of each chirp at each lag in noise, 1e-15 to 0.01.
most_cfo_hz: largest carrier offset that is looked for, up to 0.1 of the chirp's bandwidth; 0
    for 0.02 of the sample rate.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_frame_synchronizer(py::module& m)
{
    using gr::semisac::frame_synchronizer;

    py::class_<frame_synchronizer,
               gr::block,
               gr::basic_block,
               std::shared_ptr<frame_synchronizer>>(m, "frame_synchronizer", CLASS_DOC)
        .def(py::init(&frame_synchronizer::make),
             py::arg("parameters"),
             py::arg("false_alarm_probability") = 1e-6,
             py::arg("most_cfo_hz") = 0.0)
        .def("parameters", &frame_synchronizer::parameters, "Layout of the frames.")
        .def("item_samples",
             &frame_synchronizer::item_samples,
             "Length of an output item in samples.")
        .def("threshold",
             &frame_synchronizer::threshold,
             "Value that the normalised matched filter must exceed, 0 to 1.")
        .def("candidates_dropped",
             &frame_synchronizer::candidates_dropped,
             "Lags above the threshold without a down-chirp behind, since the start.")
        .def("frames_detected",
             &frame_synchronizer::frames_detected,
             "Confirmed frames since the start, truncated ones and those with gaps among "
             "them.")
        .def("frames_truncated",
             &frame_synchronizer::frames_truncated,
             "Confirmed frames that ended early, since the start.")
        .def("frames_with_gap",
             &frame_synchronizer::frames_with_gap,
             "Confirmed frames of which samples were lost (tag gap), since the start.");
}
