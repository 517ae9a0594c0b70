/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/simulated_transmitter.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(The transmitter of a radio that is not there: what its antenna would send.

Takes what uhd.usrp_sink takes; the output is continuous and keeps to the wall clock times
time_scale, with zeros where nothing is sent, also when the input has ended. As in a USRP, a burst
with tx_time is sent at that time, and packets of up to 1000 samples that come too late are left
out; within a burst no time is looked at, and behind its end not for 3 samples: a burst that follows
at once loses its head. One whose samples come too late runs dry. Samples without a time are sent as
they come.

Input 0: complex64, bursts (tx_sob, tx_time, tx_eob) or a stream.
Output 0: complex64; other tags keep to their samples.
Message out "async_msgs", as that of uhd.usrp_sink: pair of uhd_async_msg and a dictionary with
event_code (list of burst_ack, underflow or time_error), time_spec (pair of long and double, when it
was found) and channel.

sample_rate_hz: samples a second, 1e3 to 1e10.
time_scale: seconds of the radio in a second of the computer, 1e-3 to 1e3. 0: the clock is that of
the samples; it waits for the input, so that nothing is late or dry but what is injected.

Raises ValueError for a parameter out of range.)";

} // namespace

void bind_simulated_transmitter(py::module& m)
{
    using gr::semisac::simulated_transmitter;

    py::class_<simulated_transmitter,
               gr::block,
               gr::basic_block,
               std::shared_ptr<simulated_transmitter>>(
        m, "simulated_transmitter", CLASS_DOC)
        .def(py::init(&simulated_transmitter::make),
             py::arg("sample_rate_hz"),
             py::arg("time_scale") = 1.0)
        .def("set_start_time",
             &simulated_transmitter::set_start_time,
             py::arg("full"),
             py::arg("fraction"),
             "Time of sample 0, from the next start on; 0 at first.")
        .def("time_now",
             &simulated_transmitter::time_now,
             "Time of the radio's clock: (whole seconds, fraction); it begins with the "
             "flowgraph.")
        .def("time_scale",
             &simulated_transmitter::time_scale,
             "Seconds of the radio in a second of the computer.")
        .def("inject_late",
             &simulated_transmitter::inject_late,
             py::arg("frames"),
             py::arg("behind") = 0,
             "The host is held up for so many frames with times, behind so many others: all "
             "their packets come too late.")
        .def("inject_underflow",
             &simulated_transmitter::inject_underflow,
             py::arg("frames"),
             "The next so many frames run dry half way.")
        .def("inject_vanish",
             &simulated_transmitter::inject_vanish,
             "Nothing comes any more, nor is taken, until the flowgraph stops.")
        .def("inject_stall",
             &simulated_transmitter::inject_stall,
             py::arg("seconds"),
             "Nothing comes for so long; then all that was due comes at once.")
        .def("bursts_sent",
             &simulated_transmitter::bursts_sent,
             "Bursts whose last sample was sent, since the start.")
        .def("packets_late",
             &simulated_transmitter::packets_late,
             "Packets left out because they were late.")
        .def("underflows",
             &simulated_transmitter::underflows,
             "Times that samples were missing within a burst or stream.");
}
