/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/echo_aligner.h>
#include <pybind11/pybind11.h>
#include <string>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(What was sent and what was received, sample by sample side by side.

Received samples are moved earlier by the latency from sent to received, whole samples and a
fraction, so that an echo of delay 0 returns in the sample in which it is sent. All is held back for
the length of a frame and hold_samples.

"fixed": the latency is set_latency_samples'. "leakage": it is where the direct leakage of the first
frames has its peak, found anew at every start and looked at in each frame; when it has moved in two
frames in a row the block aligns itself anew. As long as none is found nothing is given away.

A frame is flagged with the tag lost (symbol: why) when received samples of it are missing ("gap"),
when flag_frame named it, or when its alignment is in doubt ("alignment"). echo_processor leaves
such frames out.

Input 0: frames, complex64, with the tags of frame_scheduler: bursts or a stream.
Inputs 1 to antennas: received samples, complex64, without holes; tag gap as gap_filler writes it.
Output 0: sent samples, complex64, zeros between frames; the frames' tags, lost, and realigned
(double, the new latency) on the first frame with another latency.
Outputs 1 to antennas: received samples, complex64, moved; their tags with them.

parameters: frame_parameters, or a semisac_ml.signal.frame.FrameParameters.
antennas: received streams, 1 to 16.
mode: "fixed" or "leakage".
search_samples: by which the leakage may come later than its frame was handed on; 0 for 1 s. For a
    transmitter that repeats itself: its cycle.
hold_samples: by which all is held back, so that flag_frame comes in time; below 0 for 20 ms.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_echo_aligner(py::module& m)
{
    using gr::semisac::echo_aligner;

    py::class_<echo_aligner, gr::block, gr::basic_block, std::shared_ptr<echo_aligner>>(
        m, "echo_aligner", CLASS_DOC)
        .def(py::init(&echo_aligner::make),
             py::arg("parameters"),
             py::arg("antennas") = 1,
             py::arg("mode") = "fixed",
             py::arg("search_samples") = 0,
             py::arg("hold_samples") = -1)
        .def("parameters", &echo_aligner::parameters, "Layout of the frames.")
        .def("set_latency_samples",
             &echo_aligner::set_latency_samples,
             py::arg("latency_samples"),
             "Latency from sent to received, used from the next frame on; mode "
             "\"fixed\".")
        .def("latency_samples",
             &echo_aligner::latency_samples,
             "The one in use: given, or found last; 0 before.")
        .def("aligned", &echo_aligner::aligned, "Whether the latency is known.")
        .def("alignment_problem",
             &echo_aligner::alignment_problem,
             "Why not, in words; empty when it is.")
        .def("leakage_db",
             &echo_aligner::leakage_db,
             "Power received at delay 0 over power sent in dB; not a number before the "
             "first frame.")
        .def("flag_frame",
             &echo_aligner::flag_frame,
             py::arg("frame_id"),
             py::arg("reason"),
             "Say that a frame was not sent as it should; from any thread.")
        .def("frames_aligned",
             &echo_aligner::frames_aligned,
             "Frames given away since the start.")
        .def("frames_flagged", &echo_aligner::frames_flagged, "Of these, flagged ones.")
        .def("frames_missed",
             &echo_aligner::frames_missed,
             "Frames that came when their time had been given away.")
        .def("realignments",
             &echo_aligner::realignments,
             "Times that the latency was found to have changed.");
}
