/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/frame_parameters.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(What transmitter and receiver must agree upon to exchange frames.

A frame is [up-chirp][down-chirp][header][body][gap]; header and body are OFDM symbols, in
frames of type "lfm" with chirps between the symbols of the body. Names, checks and error
texts are those of semisac_ml.signal.frame.FrameParameters; whatever takes a
frame_parameters takes one of those as well.

sample_rate_hz: complex samples a second, 1e3 to 1e10.
fft_size: subcarriers of an OFDM symbol, a power of two from 64 to 2048.
prefix_samples: cyclic prefix of each symbol, 4 to fft_size / 2.
guard_subcarriers: unused subcarriers at the lower edge, one less at the upper, 1 to
    fft_size / 4; None for 6 of 64.
pilot_spacing: every so manieth used subcarrier is a pilot, 2 to 16.
images_per_frame: images that a full frame carries, 1 to 4095.
channel_uses: complex symbols of an image, 1 to 2^20.
chirp_samples: length of each chirp, 64 to 65536, at least twice the prefix.
chirp_bandwidth_hz: band that a chirp sweeps, a quarter of sample_rate_hz to all of it; None
    for 0.8 of it.
header_repetitions: how often the bits of the header are sent at least, 1 to 64.
gap_samples: silence behind each frame, 0 to 2^24.
frame_type: "ofdm" or "lfm".
symbols_per_pulse: symbols behind each chirp of the body of type "lfm", 1 to 4096.

Raises ValueError when a parameter is out of its range, or a frame longer than 2^24 samples.)";

using gr::semisac::frame_parameters;
using gr::semisac::frame_type_from_name;
using gr::semisac::frame_type_t;

const char* name_of(frame_type_t type)
{
    return type == frame_type_t::LFM ? "lfm" : "ofdm";
}

frame_parameters from_reference(const py::object& reference)
{
    const auto get = [&reference](const char* name) { return reference.attr(name); };
    return frame_parameters(get("sample_rate_hz").cast<double>(),
                            get("fft_size").cast<int>(),
                            get("prefix_samples").cast<int>(),
                            get("guard_subcarriers").cast<int>(),
                            get("pilot_spacing").cast<int>(),
                            get("images_per_frame").cast<int>(),
                            get("channel_uses").cast<int>(),
                            get("chirp_samples").cast<int>(),
                            get("chirp_bandwidth_hz").cast<double>(),
                            get("header_repetitions").cast<int>(),
                            get("gap_samples").cast<int>(),
                            frame_type_from_name(get("frame_type").cast<std::string>()),
                            get("symbols_per_pulse").cast<int>());
}

} // namespace

void bind_frame_parameters(py::module& m)
{
    py::class_<frame_parameters> parameters(m, "frame_parameters", CLASS_DOC);
    parameters
        .def(py::init([](double sample_rate_hz,
                         int fft_size,
                         int prefix_samples,
                         std::optional<int> guard_subcarriers,
                         int pilot_spacing,
                         int images_per_frame,
                         int channel_uses,
                         int chirp_samples,
                         std::optional<double> chirp_bandwidth_hz,
                         int header_repetitions,
                         int gap_samples,
                         const std::string& frame_type,
                         int symbols_per_pulse) {
                 return frame_parameters(sample_rate_hz,
                                         fft_size,
                                         prefix_samples,
                                         guard_subcarriers,
                                         pilot_spacing,
                                         images_per_frame,
                                         channel_uses,
                                         chirp_samples,
                                         chirp_bandwidth_hz,
                                         header_repetitions,
                                         gap_samples,
                                         frame_type_from_name(frame_type),
                                         symbols_per_pulse);
             }),
             py::arg("sample_rate_hz") = 5e6,
             py::arg("fft_size") = 64,
             py::arg("prefix_samples") = 16,
             py::arg("guard_subcarriers") = py::none(),
             py::arg("pilot_spacing") = 4,
             py::arg("images_per_frame") = 32,
             py::arg("channel_uses") = 10,
             py::arg("chirp_samples") = 512,
             py::arg("chirp_bandwidth_hz") = py::none(),
             py::arg("header_repetitions") = 6,
             py::arg("gap_samples") = 0,
             py::arg("frame_type") = "ofdm",
             py::arg("symbols_per_pulse") = 4)
        .def(py::init([](const py::object& reference) {
                 if (!py::hasattr(reference, "symbols_per_pulse"))
                     throw py::type_error("frame parameters: expected a frame_parameters "
                                          "or a FrameParameters; make one of them.");
                 return from_reference(reference);
             }),
             py::arg("reference"),
             "The same as a semisac_ml.signal.frame.FrameParameters.")
        .def_readonly("sample_rate_hz", &frame_parameters::sample_rate_hz)
        .def_readonly("fft_size", &frame_parameters::fft_size)
        .def_readonly("prefix_samples", &frame_parameters::prefix_samples)
        .def_readonly("guard_subcarriers", &frame_parameters::guard_subcarriers)
        .def_readonly("pilot_spacing", &frame_parameters::pilot_spacing)
        .def_readonly("images_per_frame", &frame_parameters::images_per_frame)
        .def_readonly("channel_uses", &frame_parameters::channel_uses)
        .def_readonly("chirp_samples", &frame_parameters::chirp_samples)
        .def_readonly("chirp_bandwidth_hz", &frame_parameters::chirp_bandwidth_hz)
        .def_readonly("header_repetitions", &frame_parameters::header_repetitions)
        .def_readonly("gap_samples", &frame_parameters::gap_samples)
        .def_readonly("symbols_per_pulse", &frame_parameters::symbols_per_pulse)
        .def_property_readonly("frame_type", [](const frame_parameters& self) {
            return name_of(self.frame_type);
        });

    parameters
        .def_property_readonly("used_subcarriers", &frame_parameters::used_subcarriers)
        .def("pilot_subcarriers", &frame_parameters::pilot_subcarriers, py::arg("symbol"))
        .def("data_subcarriers", &frame_parameters::data_subcarriers, py::arg("symbol"))
        .def("data_cells",
             &frame_parameters::data_cells,
             py::arg("first_symbol"),
             py::arg("symbols"))
        .def_property_readonly("symbol_samples", &frame_parameters::symbol_samples)
        .def_property_readonly("header_symbols", &frame_parameters::header_symbols)
        .def_property_readonly("body_symbols", &frame_parameters::body_symbols)
        .def_property_readonly("body_data_symbols", &frame_parameters::body_data_symbols)
        .def_property_readonly("body_cells", &frame_parameters::body_cells)
        .def_property_readonly("pulses", &frame_parameters::pulses)
        .def_property_readonly("pulse_samples", &frame_parameters::pulse_samples)
        .def_property_readonly("header_start", &frame_parameters::header_start)
        .def_property_readonly("body_start", &frame_parameters::body_start)
        .def_property_readonly("occupied_samples", &frame_parameters::occupied_samples)
        .def_property_readonly("frame_samples", &frame_parameters::frame_samples)
        .def("symbol_start", &frame_parameters::symbol_start, py::arg("symbol"))
        .def("pulse_start", &frame_parameters::pulse_start, py::arg("pulse"))
        .def_property_readonly("subcarrier_spacing_hz",
                               &frame_parameters::subcarrier_spacing_hz)
        .def_property_readonly("chirp_rate_hz_per_s",
                               &frame_parameters::chirp_rate_hz_per_s)
        .def("canonical_text", &frame_parameters::canonical_text);
    py::implicitly_convertible<py::object, frame_parameters>();
}
