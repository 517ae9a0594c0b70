/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/frame_demodulator.h>
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Turn aligned frames into the symbols of their images.

Estimates the channel from chirps, pilots and the decoded header (LMMSE), follows phase and
sampling clock over the frame, and equalises to y = x + w with a mean gain of 1. Frames whose
header does not pass its check are counted and dropped; ids of other images stay what they are.

Input 0: frames of frame_synchronizer, complex64[its item_samples()], with its tags snr_db and
cfo_hz.
Output 0: symbols, complex64[channel_uses], one item an image; tags frame_id (uint64) on each
item, and on the first of each frame snr_db (double, Es/N0 of the equalised symbols in dB),
noise_var (double), channel_gain (complex, 1) and cfo_hz (double), which hold until the next.

parameters: frame_parameters, or a semisac_ml.signal.frame.FrameParameters.
bundle_fingerprint: that frames must have, 24 bits; 0 for any.
picture_packets: whether images are packets of pictures, whose ids jump from one to the next.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_frame_demodulator(py::module& m)
{
    using gr::semisac::frame_demodulator;

    py::class_<frame_demodulator,
               gr::block,
               gr::basic_block,
               std::shared_ptr<frame_demodulator>>(m, "frame_demodulator", CLASS_DOC)
        .def(py::init(&frame_demodulator::make),
             py::arg("parameters"),
             py::arg("bundle_fingerprint") = 0,
             py::arg("picture_packets") = false)
        .def("parameters", &frame_demodulator::parameters, "Layout of the frames.")
        .def("frames_received",
             &frame_demodulator::frames_received,
             "Frames whose images were given away, since the start.")
        .def("frames_with_bad_header",
             &frame_demodulator::frames_with_bad_header,
             "Frames whose header did not pass its check, since the start.")
        .def("frames_with_wrong_parameters",
             &frame_demodulator::frames_with_wrong_parameters,
             "Frames of another format or of other parameters, since the start.")
        .def("frames_with_wrong_bundle",
             &frame_demodulator::frames_with_wrong_bundle,
             "Frames of images that another bundle encoded, since the start.")
        .def("images_lost",
             &frame_demodulator::images_lost,
             "Images missing between the ids of those received, since the start; of "
             "packets "
             "those that are missing before the last one that came of a picture.")
        .def("channel_estimate",
             &frame_demodulator::channel_estimate,
             "Channel at the used subcarriers in the last frame received, complex.");
}
