/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/frame_modulator.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Put the symbols of images on the air: chirps, protected header, OFDM body.

A frame goes out as soon as images_per_frame images are there, earlier when the ids jump, when
the input ends, or at a message "flush"; it is of the same length whether it is full or not.
Es/N0 of the symbols is that of the samples: the Fourier transform is unitary.

Input 0: symbols, complex64[channel_uses], one item an image, E|x|^2 = 1; tag frame_id
(uint64), increasing; without it images are counted from 0.
Output 0: samples, complex64; on the first sample of each frame the tags frame_id (uint64, of
its first image), images (long) and packet_len (long, samples with the gap). No other tag
passes.
Message in "flush": send what is waiting.

parameters: frame_parameters, or a semisac_ml.signal.frame.FrameParameters.
bundle_fingerprint: first 24 bits of the sha256 of the bundle's manifest, 0 for none; see
    semisac_ml.signal.frame_header.bundle_fingerprint.

Same samples as semisac_ml.signal.frame_modulation.modulate_frame.
Raises ValueError for a parameter out of range.)";

} // namespace

void bind_frame_modulator(py::module& m)
{
    using gr::semisac::frame_modulator;

    py::class_<frame_modulator,
               gr::block,
               gr::basic_block,
               std::shared_ptr<frame_modulator>>(m, "frame_modulator", CLASS_DOC)
        .def(py::init(&frame_modulator::make),
             py::arg("parameters"),
             py::arg("bundle_fingerprint") = 0)
        .def("parameters", &frame_modulator::parameters, "Layout of the frames.")
        .def("frames_sent",
             &frame_modulator::frames_sent,
             "Frames begun since the start.");
}
