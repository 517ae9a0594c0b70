/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/cfar_detector.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

constexpr const char* CLASS_DOC =
    R"(Targets in range-Doppler maps, with Cramér-Rao deviations.

The strongest local maximum above its threshold is refined to the greatest likelihood and its
echo subtracted, until none is left; targets near each other are refined together.

Input 0: maps of echo_processor, complex64[antennas * doppler_bins * range_bins], tags frame_id
(uint64; without it maps are counted) and leakage_removal (symbol "zero_delay" or "static":
the mean over all cells or over slow time was taken out of them, and is so of each echo).
Message out "detections": for each map a dictionary {frame_id, detections}, detections a vector
of dictionaries, the strongest first: range_m, velocity_mps (closing speed), azimuth_rad (from
broadside), snr_db (behind the matched filter, over all cells and antennas), and the
Cramér-Rao bounds range_deviation_m, velocity_deviation_mps, azimuth_deviation_rad. What is not
measured is nan: velocity with one observation, azimuth with one antenna.

parameters: radar_parameters, or a semisac_ml.signal.radar_parameters.RadarParameters.
method: "ca" (mean of the references) or "os" (one of them in order of power).
false_alarm_rate: probability that a map of noise shows a target, 1e-15 to 0.5.
false_alarms_per: "map", or "cell" for a rate of each cell.
guard_range, guard_doppler: cells left out on each side, in steps of the map's oversampling.
reference_range, reference_doppler: reference cells on each side; -1 for 8, or as many as the
    map holds (along Doppler none where it holds less than 4, and then 16 along range).
rank: of the reference that "os" takes, 1 is the smallest; 0 for three quarters of them.
most_targets: where the search of a map ends, 1 to 1024.

Same numbers as semisac_ml.signal.radar_detection.detect.
Raises ValueError for a parameter out of range, or references that the map does not hold.)";

} // namespace

void bind_cfar_detector(py::module& m)
{
    using gr::semisac::cfar_detector;
    using gr::semisac::cfar_method_from_name;
    using gr::semisac::cfar_settings;
    using gr::semisac::false_alarms_per_from_name;
    using gr::semisac::radar_parameters;

    py::class_<cfar_detector,
               gr::sync_block,
               gr::block,
               gr::basic_block,
               std::shared_ptr<cfar_detector>>(m, "cfar_detector", CLASS_DOC)
        .def(py::init([](const radar_parameters& parameters,
                         const std::string& method,
                         double false_alarm_rate,
                         const std::string& false_alarms_per,
                         int guard_range,
                         int guard_doppler,
                         int reference_range,
                         int reference_doppler,
                         int rank,
                         int most_targets) {
                 return cfar_detector::make(
                     parameters,
                     cfar_settings{ cfar_method_from_name(method),
                                    false_alarm_rate,
                                    false_alarms_per_from_name(false_alarms_per),
                                    guard_range,
                                    guard_doppler,
                                    reference_range,
                                    reference_doppler,
                                    rank,
                                    most_targets });
             }),
             py::arg("parameters"),
             py::arg("method") = "ca",
             py::arg("false_alarm_rate") = 0.01,
             py::arg("false_alarms_per") = "map",
             py::arg("guard_range") = 2,
             py::arg("guard_doppler") = 2,
             py::arg("reference_range") = -1,
             py::arg("reference_doppler") = -1,
             py::arg("rank") = 0,
             py::arg("most_targets") = 32)
        .def("parameters", &cfar_detector::parameters, "Parameters of the maps.")
        .def("set_false_alarm_rate",
             &cfar_detector::set_false_alarm_rate,
             py::arg("false_alarm_rate"),
             "Probability of a false alarm in a map or a cell, from the next map on.")
        .def("false_alarm_rate",
             &cfar_detector::false_alarm_rate,
             "Probability of a false alarm in a map or a cell, as false_alarms_per says.")
        .def("cell_false_alarm_rate",
             &cfar_detector::cell_false_alarm_rate,
             "Probability that a cell of noise exceeds its threshold.")
        .def("threshold_factor",
             &cfar_detector::threshold_factor,
             "Multiple of the references' level from which a cell is a detection.")
        .def("maps_searched",
             &cfar_detector::maps_searched,
             "Maps searched since the start.")
        .def("targets_found",
             &cfar_detector::targets_found,
             "Targets found since the start.");
}
