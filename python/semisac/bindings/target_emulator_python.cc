/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/target_emulator.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

using gr::semisac::point_target;
using gr::semisac::radar_scene;
using gr::semisac::target_emulator;

constexpr const char* CLASS_DOC =
    R"(Echoes of point targets as a monostatic radar with an array hears them.

Antenna k receives from a target sqrt(P) g x(t - tau) exp(-j 2 pi fc tau)
exp(j 2 pi k spacing sin(azimuth)), tau = 2 range / c, P by the radar equation
(Pt Gt Gr lambda^2 rcs / ((4 pi)^3 range^4), in W for an input of unit power) or from snr_db.
Delay and phase move with the target: its Doppler shift is +2 velocity_mps fc / c.

Input 0: transmitted samples, complex64.
Outputs 0 to antennas - 1: received samples, complex64, aligned with the input, with the
tag target_hypothesis (long, 0 or 1) on the first sample of each frame, which is where the
input has the tag frame_id, and the tag targets: range_m, velocity_mps and azimuth_rad of each
target at that sample; other tags pass.
Message in "targets": list of dictionaries as in set_targets, or {"index": i, name: value}
as in change_target.

sample_rate_hz: samples a second.
carrier_hz: carrier frequency.
antennas: receiving antennas, 1 to 64.
spacing_wavelengths: distance between antennas.
seed: key of the random draws, 0 to 2^64 - 1. The same seed gives the same echoes as
    semisac_ml.signal.targets.target_echoes, however the stream is split.
targets: dictionaries with
    range_m: distance, above 0; it must be given.
    velocity_mps: radial speed, positive where the target comes closer.
    nearest_m, farthest_m: where it turns and goes the other way, without a jump of delay or
        phase; both 0, the default: it goes on for ever.
    rcs_m2: mean radar cross section, 1 by default.
    azimuth_rad: angle from broadside, -pi/2 to pi/2.
    swerling: 0 (steady) or 1 (CN(0, 1), a value a frame).
    snr_db: mean echo SNR for a signal of unit power in place of the radar equation.
scene: any of the following by name. Each also has a method of its name, which gives the
    present value, and set_..., which changes it while the flowgraph runs.
    transmit_power_w, transmit_gain_db, receive_gain_db: of the radar equation.
    noise_variance: of each output in W; 0: no noise.
    target_probability: that the targets are there in a frame; a frame's number decides.
    frames_per_interval: frames in a row that share presence and Swerling gain, as those of a
        map must.
    leakage_gain_db, leakage_delay_s: direct leakage; -200: none.
    clutter_scatterers, clutter_gain_db, clutter_range_m: number, power gain of all
        together, range of the farthest of scatterers that stand still.

Raises ValueError for a parameter out of range.
Source: M. I. Skolnik, "Introduction to Radar Systems".)";

template <typename T>
struct field {
    const char* name;
    double T::*real;
    int T::*integer;
};

const std::vector<field<point_target>> TARGET_FIELDS = {
    { "range_m", &point_target::range_m, nullptr },
    { "velocity_mps", &point_target::velocity_mps, nullptr },
    { "nearest_m", &point_target::nearest_m, nullptr },
    { "farthest_m", &point_target::farthest_m, nullptr },
    { "rcs_m2", &point_target::rcs_m2, nullptr },
    { "azimuth_rad", &point_target::azimuth_rad, nullptr },
    { "swerling", nullptr, &point_target::swerling },
    { "snr_db", &point_target::snr_db, nullptr },
};

const std::vector<field<radar_scene>> SCENE_FIELDS = {
    { "transmit_power_w", &radar_scene::transmit_power_w, nullptr },
    { "transmit_gain_db", &radar_scene::transmit_gain_db, nullptr },
    { "receive_gain_db", &radar_scene::receive_gain_db, nullptr },
    { "noise_variance", &radar_scene::noise_variance, nullptr },
    { "target_probability", &radar_scene::target_probability, nullptr },
    { "frames_per_interval", nullptr, &radar_scene::frames_per_interval },
    { "leakage_gain_db", &radar_scene::leakage_gain_db, nullptr },
    { "leakage_delay_s", &radar_scene::leakage_delay_s, nullptr },
    { "clutter_scatterers", nullptr, &radar_scene::clutter_scatterers },
    { "clutter_gain_db", &radar_scene::clutter_gain_db, nullptr },
    { "clutter_range_m", &radar_scene::clutter_range_m, nullptr },
};

//! A value that is read already: what is left to do runs no Python, which could wait for
//! a thread that waits for the lock of the targets.
template <typename T>
using change = std::function<void(T&)>;

template <typename T>
change<T> change_of(const field<T>& one, const py::handle& value)
{
    try {
        if (one.real)
            return [member = one.real, read = value.cast<double>()](T& values) {
                values.*member = read;
            };
        return [member = one.integer, read = value.cast<int>()](T& values) {
            values.*member = read;
        };
    } catch (const py::cast_error&) {
        throw py::type_error(std::string("target_emulator: ") + one.name + " is " +
                             py::repr(value).cast<std::string>() +
                             ", which is of the wrong type.");
    }
}

template <typename T>
change<T> change_of(const std::vector<field<T>>& fields, const py::dict& named)
{
    std::vector<change<T>> changes;
    for (const auto& [key, value] : named) {
        const auto name = key.template cast<std::string>();
        bool known = false;
        for (const field<T>& one : fields) {
            if (name == one.name) {
                changes.push_back(change_of(one, value));
                known = true;
            }
        }
        if (!known)
            throw py::type_error("target_emulator: " + name +
                                 " is no parameter; see help(semisac.target_emulator).");
    }
    return [changes](T& values) {
        for (const change<T>& one : changes)
            one(values);
    };
}

template <typename T>
py::object read_field(const T& values, const field<T>& one)
{
    return one.real ? py::object(py::float_(values.*one.real))
                    : py::object(py::int_(values.*one.integer));
}

std::vector<point_target> targets_of(const std::vector<py::dict>& dictionaries)
{
    std::vector<point_target> targets;
    for (const py::dict& one : dictionaries) {
        if (!one.contains("range_m"))
            throw py::value_error("target_emulator: target " +
                                  std::to_string(targets.size()) +
                                  " has no range_m; give its distance in m.");
        targets.emplace_back();
        change_of(TARGET_FIELDS, one)(targets.back());
    }
    return targets;
}

} // namespace

void bind_target_emulator(py::module& m)
{
    py::class_<target_emulator,
               gr::block,
               gr::basic_block,
               std::shared_ptr<target_emulator>>
        emulator(m, "target_emulator", CLASS_DOC);
    emulator
        .def(py::init([](double sample_rate_hz,
                         double carrier_hz,
                         int antennas,
                         double spacing_wavelengths,
                         uint64_t seed,
                         const std::vector<py::dict>& targets,
                         const py::kwargs& scene) {
                 auto made = target_emulator::make(
                     sample_rate_hz, carrier_hz, antennas, spacing_wavelengths, seed);
                 made->change_scene(change_of(SCENE_FIELDS, scene));
                 made->set_targets(targets_of(targets));
                 return made;
             }),
             py::arg("sample_rate_hz"),
             py::arg("carrier_hz"),
             py::arg("antennas") = 1,
             py::arg("spacing_wavelengths") = 0.5,
             py::arg("seed") = 0,
             py::arg("targets") = std::vector<py::dict>())
        .def(
            "set_targets",
            [](target_emulator& self, const std::vector<py::dict>& targets) {
                self.set_targets(targets_of(targets));
            },
            py::arg("targets"),
            "Put these targets in the place of all, from the next call on. One whose "
            "range_m "
            "is what was given the last time goes on from where it is, and in its "
            "direction "
            "if velocity_mps is too.")
        .def(
            "change_target",
            [](target_emulator& self, int index, const py::kwargs& values) {
                self.change_target(index, change_of(TARGET_FIELDS, values));
            },
            py::arg("index"),
            "Change the named values of one target, which goes on from where it is.")
        .def(
            "targets",
            [](const target_emulator& self) {
                py::list found;
                for (const point_target& target : self.targets()) {
                    py::dict values;
                    for (const field<point_target>& one : TARGET_FIELDS)
                        values[one.name] = read_field(target, one);
                    found.append(values);
                }
                return found;
            },
            "Targets as dictionaries, with the ranges and velocities that they have now.")
        .def("antennas", &target_emulator::antennas, "Receiving antennas.");
    for (const field<radar_scene>& one : SCENE_FIELDS) {
        emulator.def(one.name, [&one](const target_emulator& self) {
            return read_field(self.scene(), one);
        });
        emulator.def((std::string("set_") + one.name).c_str(),
                     [&one](target_emulator& self, const py::object& value) {
                         self.change_scene(change_of(one, value));
                     },
                     py::arg(one.name));
    }
}
