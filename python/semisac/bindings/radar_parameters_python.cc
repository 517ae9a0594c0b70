/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/radar_parameters.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(What a monostatic radar makes of the frames that are sent.

Slow time is counted in observations: of "ofdm" symbols of one frame each symbol of header and
body, in frames of type "lfm" the symbols behind each chirp; of "lfm" chirps of one frame each
chirp of the body, or the one at the head; of several frames each frame. Names, checks and
error texts are those of semisac_ml.signal.radar_parameters.RadarParameters; whatever takes a
radar_parameters takes one of those as well.

frame: frame_parameters, or a semisac_ml.signal.frame.FrameParameters.
mode: "ofdm" or "lfm", what maps are made from.
carrier_hz: carrier, 1e3 to 1e12; only velocities depend on it.
antennas: receive antennas, a uniform linear array, 1 to 64.
element_spacing: their spacing in wavelengths, 0.01 to 100; azimuths are unambiguous up to 0.5.
frames_per_interval: frames of a map, 1 to 65536.
range_bins: size of the range FFT, a multiple of 4, at least fft_size or chirp_samples; 0 for
    fft_size, or the power of two from twice chirp_samples on.
doppler_bins: size of the Doppler FFT, even, at least slow_times; 0 for the power of two from
    slow_times on.
range_window, doppler_window: "rectangular" or "hamming".

Raises ValueError when a parameter is out of its range, or a map larger than 2^20 cells.)";

using gr::semisac::frame_parameters;
using gr::semisac::radar_mode_from_name;
using gr::semisac::radar_mode_t;
using gr::semisac::radar_parameters;
using gr::semisac::radar_window_from_name;
using gr::semisac::radar_window_t;

const char* name_of(radar_window_t window)
{
    return window == radar_window_t::HAMMING ? "hamming" : "rectangular";
}

radar_parameters from_reference(const py::object& reference)
{
    const auto get = [&reference](const char* name) { return reference.attr(name); };
    const auto window = [&get](const char* name) {
        return radar_window_from_name(name, get(name).cast<std::string>());
    };
    return radar_parameters(get("frame").cast<frame_parameters>(),
                            radar_mode_from_name(get("mode").cast<std::string>()),
                            get("carrier_hz").cast<double>(),
                            get("antennas").cast<int>(),
                            get("element_spacing").cast<double>(),
                            get("frames_per_interval").cast<int>(),
                            get("range_bins").cast<int>(),
                            get("doppler_bins").cast<int>(),
                            window("range_window"),
                            window("doppler_window"));
}

} // namespace

void bind_radar_parameters(py::module& m)
{
    py::class_<radar_parameters> parameters(m, "radar_parameters", CLASS_DOC);
    parameters
        .def(py::init([](const frame_parameters& frame,
                         const std::string& mode,
                         double carrier_hz,
                         int antennas,
                         double element_spacing,
                         int frames_per_interval,
                         int range_bins,
                         int doppler_bins,
                         const std::string& range_window,
                         const std::string& doppler_window) {
                 return radar_parameters(
                     frame,
                     radar_mode_from_name(mode),
                     carrier_hz,
                     antennas,
                     element_spacing,
                     frames_per_interval,
                     range_bins,
                     doppler_bins,
                     radar_window_from_name("range_window", range_window),
                     radar_window_from_name("doppler_window", doppler_window));
             }),
             py::arg("frame"),
             py::arg("mode") = "ofdm",
             py::arg("carrier_hz") = 2.45e9,
             py::arg("antennas") = 1,
             py::arg("element_spacing") = 0.5,
             py::arg("frames_per_interval") = 1,
             py::arg("range_bins") = 0,
             py::arg("doppler_bins") = 0,
             py::arg("range_window") = "rectangular",
             py::arg("doppler_window") = "rectangular")
        .def(py::init([](const py::object& reference) {
                 if (!py::hasattr(reference, "frames_per_interval"))
                     throw py::type_error("radar parameters: expected a radar_parameters "
                                          "or a RadarParameters; make one of them.");
                 return from_reference(reference);
             }),
             py::arg("reference"),
             "The same as a semisac_ml.signal.radar_parameters.RadarParameters.")
        .def_readonly("frame", &radar_parameters::frame)
        .def_property_readonly("mode",
                               [](const radar_parameters& self) {
                                   return self.mode == radar_mode_t::LFM ? "lfm" : "ofdm";
                               })
        .def_readonly("carrier_hz", &radar_parameters::carrier_hz)
        .def_readonly("antennas", &radar_parameters::antennas)
        .def_readonly("element_spacing", &radar_parameters::element_spacing)
        .def_readonly("frames_per_interval", &radar_parameters::frames_per_interval)
        .def_readonly("range_bins", &radar_parameters::range_bins)
        .def_readonly("doppler_bins", &radar_parameters::doppler_bins)
        .def_property_readonly(
            "range_window",
            [](const radar_parameters& self) { return name_of(self.range_window); })
        .def_property_readonly("doppler_window", [](const radar_parameters& self) {
            return name_of(self.doppler_window);
        });
    parameters.def_property_readonly("map_cells", &radar_parameters::map_cells)
        .def_property_readonly("slow_times", &radar_parameters::slow_times)
        .def_property_readonly("slow_time_s", &radar_parameters::slow_time_s)
        .def_property_readonly("range_bin_m", &radar_parameters::range_bin_m)
        .def_property_readonly("velocity_bin_mps", &radar_parameters::velocity_bin_mps);
    py::implicitly_convertible<py::object, radar_parameters>();
}
