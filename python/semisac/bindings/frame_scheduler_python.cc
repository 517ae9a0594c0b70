/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/frame_scheduler.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Give each frame its time.

Frames are taken in as a whole before they are given away. Modes:

"bursts", for a radio with a clock: the output holds the frames alone. Slots of packet_len samples
follow each other from the start time on; frame k gets the first one that is behind that of frame
k - 1 and no nearer than lead_time_s, and is handed on when its time is at most 50 ms farther.
Frames wait until set_start_time was called. With 4 samples of silence behind it or more a frame is
a burst of its own; with less, frames in neighbouring slots are one burst, and a slot is left out
behind its end.
"stream", for a radio without a clock: continuous; zeros, at most 10 ms at a time, where no frame
waits.
"cyclic", for a radio that repeats: the first cycle_frames frames (fewer where the input ends, or
at a message "flush") again and again.

Input 0: frames, complex64, with the tags frame_id (uint64), images (long) and packet_len (long) on
the first sample of each.
Output 0: complex64; on the first sample of each frame its tags and start_sample (uint64, from the
start time or of this stream); in mode "bursts" also tx_time (tuple of uint64 whole seconds and
double fraction, exact) there, tx_sob on the first sample of a burst and tx_eob on its last. Connect
uhd.usrp_sink without a length tag.
Message in "flush": begin to repeat (mode "cyclic").

sample_rate_hz: samples a second, 1e3 to 1e10.
mode: "bursts", "stream" or "cyclic".
lead_time_s: by which bursts are ahead of their time at least, 0 to 10.
occupied_samples: of a frame that are sent as a burst (frame_parameters.occupied_samples()), 0 for
    all of packet_len.
cycle_frames: frames of a cycle, 1 to 4096 in mode "cyclic".
paced: whether "stream" and "cyclic" keep to the wall clock, for outputs that take what they get.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_frame_scheduler(py::module& m)
{
    using gr::semisac::frame_scheduler;

    py::class_<frame_scheduler,
               gr::block,
               gr::basic_block,
               std::shared_ptr<frame_scheduler>>(m, "frame_scheduler", CLASS_DOC)
        .def(py::init(&frame_scheduler::make),
             py::arg("sample_rate_hz"),
             py::arg("mode") = "bursts",
             py::arg("lead_time_s") = 0.05,
             py::arg("occupied_samples") = 0,
             py::arg("cycle_frames") = 0,
             py::arg("paced") = false)
        .def("set_start_time",
             &frame_scheduler::set_start_time,
             py::arg("full"),
             py::arg("fraction"),
             "Time of sample 0: whole seconds and fraction; holds until another one is set.")
        .def("start_time",
             &frame_scheduler::start_time,
             "Time of sample 0: (whole seconds, fraction).")
        .def("set_time_now",
             &frame_scheduler::set_time_now,
             py::arg("full"),
             py::arg("fraction"),
             "Time of the radio in this moment; may be set again at any time.")
        .def("set_time_scale",
             &frame_scheduler::set_time_scale,
             py::arg("time_scale"),
             "Seconds of a simulated radio in a second of the computer; 0: it waits for "
             "its "
             "samples.")
        .def("sample_at",
             &frame_scheduler::sample_at,
             py::arg("full"),
             py::arg("fraction"),
             "Number of the sample next to a time, below 0 before the start time.")
        .def("frame_at_sample",
             &frame_scheduler::frame_at_sample,
             py::arg("sample"),
             "frame_id of the frame in whose slot a sample lies, -1 for none; of the last "
             "8192 frames.")
        .def("frames_between",
             &frame_scheduler::frames_between,
             py::arg("first"),
             py::arg("last"),
             "First sample and frame_id of all frames that begin with samples from `first` "
             "to `last`.")
        .def("frames_scheduled",
             &frame_scheduler::frames_scheduled,
             "Frames that were given their time since the start.")
        .def("slots_skipped",
             &frame_scheduler::slots_skipped,
             "Slots that went by because no frame was there.")
        .def("frames_truncated",
             &frame_scheduler::frames_truncated,
             "Frames dropped because another one began within.")
        .def("cycle_samples",
             &frame_scheduler::cycle_samples,
             "Samples of all frames of the cycle, 0 as long as it is not complete.")
        .def("samples_clipped",
             &frame_scheduler::samples_clipped,
             "Samples of which I or Q is beyond 1, the full scale of a converter.");
}
