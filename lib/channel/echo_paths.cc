/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include "channel/echo_paths.h"
#include "math/speed_of_light.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace gr {
namespace semisac {

namespace {

constexpr double NO_LEAKAGE_DB = -200.0;
constexpr double LEAST_WAY_M = 1e-3; // between turns

template <typename T>
void check(const std::string& name, T value, T lowest, T highest, const char* hint)
{
    require_in_range("target_emulator: " + name, value, lowest, highest, hint);
}

void check_target(const point_target& target, int index)
{
    const std::string of = " of target " + std::to_string(index);
    check("range_m" + of, target.range_m, 1e-3, 1e9, "give the distance in m");
    check("velocity_mps" + of,
          target.velocity_mps,
          -1e5,
          1e5,
          "give the radial speed in m/s, positive where the target comes closer");
    if (target.nearest_m != 0.0 || target.farthest_m != 0.0) {
        check("nearest_m" + of,
              target.nearest_m,
              1e-3,
              1e9,
              "give the distance in m in which it turns, or 0 for both");
        check("farthest_m" + of,
              target.farthest_m,
              target.nearest_m + LEAST_WAY_M,
              1e9,
              "give the distance in m in which it turns, above nearest_m");
        check("range_m" + of,
              target.range_m,
              target.nearest_m,
              target.farthest_m,
              "put it between nearest_m and farthest_m");
    }
    check("rcs_m2" + of, target.rcs_m2, 0.0, 1e9, "give the cross section in m^2");
    check("azimuth_rad" + of,
          target.azimuth_rad,
          -M_PI_2,
          M_PI_2,
          "give the angle from broadside in radians");
    check(
        "swerling" + of, target.swerling, 0, 1, "give 0 (steady) or 1 (a gain a frame)");
    if (!std::isnan(target.snr_db))
        check("snr_db" + of,
              target.snr_db,
              -LARGEST_SNR_DB,
              LARGEST_SNR_DB,
              "give the mean echo SNR in dB, or not a number for the radar equation");
}

void check_scene(const radar_scene& scene, const radar_frame& frame)
{
    const char* gain_hint = "give a gain in dB";
    const double longest_s = LONGEST_ECHO / frame.sample_rate_hz;
    check("transmit_power_w", scene.transmit_power_w, 0.0, 1e12, "give a power in W");
    check("transmit_gain_db", scene.transmit_gain_db, -200.0, 200.0, gain_hint);
    check("receive_gain_db", scene.receive_gain_db, -200.0, 200.0, gain_hint);
    check("noise_variance", scene.noise_variance, 0.0, 1e12, "give a power in W");
    check("target_probability",
          scene.target_probability,
          0.0,
          1.0,
          "give the probability that the targets are there");
    check("frames_per_interval",
          scene.frames_per_interval,
          1,
          65536,
          "give the frames in a row that share presence and gain");
    check("leakage_gain_db", scene.leakage_gain_db, NO_LEAKAGE_DB, 200.0, gain_hint);
    check("leakage_delay_s",
          scene.leakage_delay_s,
          0.0,
          longest_s,
          "give the delay of the leakage in s");
    check("clutter_scatterers",
          scene.clutter_scatterers,
          0,
          MOST_SCATTERERS,
          "give the number of scatterers");
    check("clutter_gain_db", scene.clutter_gain_db, -200.0, 200.0, gain_hint);
    check("clutter_range_m",
          scene.clutter_range_m,
          0.0,
          0.5 * SPEED_OF_LIGHT_MPS * longest_s,
          "give the range of the farthest scatterer in m");
}

double decibels(double value_db) { return std::pow(10.0, value_db / 10.0); }

//! Mean echo power in a range of 1 m, or in any where an SNR is given.
double
echo_power(const point_target& target, const radar_scene& scene, const radar_frame& frame)
{
    if (!std::isnan(target.snr_db)) {
        const double noise = scene.noise_variance > 0.0 ? scene.noise_variance : 1.0;
        return noise * decibels(target.snr_db);
    }
    const double wavelength = SPEED_OF_LIGHT_MPS / frame.carrier_hz;
    return scene.transmit_power_w *
           decibels(scene.transmit_gain_db + scene.receive_gain_db) * wavelength *
           wavelength * target.rcs_m2 / std::pow(4.0 * M_PI, 3);
}

void add_clutter(echo_plan& plan, const radar_frame& frame)
{
    const int count = plan.scene.clutter_scatterers;
    for (int i = 0; i < count; ++i) {
        random_stream draws(frame.seed, stream_t::CLUTTER, i);
        const double range = plan.scene.clutter_range_m * draws.uniform();
        const double azimuth = M_PI * (draws.uniform() - 0.5);
        const std::complex<double> gain =
            std::sqrt(decibels(plan.scene.clutter_gain_db) / count) *
            draws.complex_normal();
        plan.paths.emplace_back(2.0 * range / SPEED_OF_LIGHT_MPS, gain, azimuth, frame);
    }
}

} // namespace

echo_path::echo_path(const point_target& target,
                     const radar_scene& scene,
                     const radar_frame& frame)
    : d_sample_rate_hz(frame.sample_rate_hz),
      d_carrier_hz(frame.carrier_hz),
      d_nearest_m(target.nearest_m),
      d_farthest_m(target.farthest_m),
      d_amplitude(std::sqrt(echo_power(target, scene, frame))),
      d_spreads(std::isnan(target.snr_db)),
      d_is_target(true),
      d_fluctuates(target.swerling == 1)
{
    steer(1.0, target.azimuth_rad, frame);
    place({ target.range_m, target.velocity_mps }, 0);
}

echo_path::echo_path(double delay_s,
                     std::complex<double> gain,
                     double azimuth_rad,
                     const radar_frame& frame)
    : d_sample_rate_hz(frame.sample_rate_hz), d_carrier_hz(frame.carrier_hz)
{
    steer(gain, azimuth_rad, frame);
    place({ 0.5 * SPEED_OF_LIGHT_MPS * delay_s, 0.0 }, 0);
}

void echo_path::steer(std::complex<double> gain,
                      double azimuth_rad,
                      const radar_frame& frame)
{
    const double step = 2.0 * M_PI * frame.spacing_wavelengths * std::sin(azimuth_rad);
    for (int k = 0; k < frame.antennas; ++k)
        d_steering.push_back(gr_complex(gain * std::polar(1.0, k * step)));
}

void echo_path::place(const motion& there, uint64_t sample)
{
    d_start = there;
    d_start_sample = sample;
    start_leg(sample);
}

// Range if it never turned, from nearest_m in distances between the turns.
double echo_path::way_at(uint64_t sample) const
{
    const double gone =
        static_cast<double>(static_cast<int64_t>(sample - d_start_sample));
    const double range_m =
        d_start.range_m - d_start.velocity_mps * gone / d_sample_rate_hz;
    return turns() ? (range_m - d_nearest_m) / (d_farthest_m - d_nearest_m) : range_m;
}

// Legs lie between whole numbers of the way; at its end the next one begins.
double echo_path::leg_of(double way) const
{
    return d_start.velocity_mps > 0.0 ? std::ceil(way) - 1.0 : std::floor(way);
}

// Every second leg is gone in the other direction.
echo_path::motion echo_path::at(uint64_t sample) const
{
    const double way = way_at(sample);
    if (!turns())
        return { way, d_start.velocity_mps };
    const double leg = leg_of(way);
    const bool returns = std::fmod(leg, 2.0) != 0.0;
    const double share = std::clamp(returns ? leg + 1.0 - way : way - leg, 0.0, 1.0);
    return { d_nearest_m + (d_farthest_m - d_nearest_m) * share,
             returns ? -d_start.velocity_mps : d_start.velocity_mps };
}

void echo_path::start_leg(uint64_t sample)
{
    const motion now = at(sample);
    const double delay_s = 2.0 * now.range_m / SPEED_OF_LIGHT_MPS;
    const double shortening = 2.0 * now.velocity_mps / SPEED_OF_LIGHT_MPS;
    d_position.offset = -delay_s * d_sample_rate_hz;
    d_position.rate = shortening;
    d_position.index = sample;
    d_tone.set_frequency(shortening * d_carrier_hz / d_sample_rate_hz, sample);
    d_tone.start(phase_from_turns(-d_carrier_hz * delay_s), sample);
    d_weights = interpolation_kernel(d_position.offset - std::floor(d_position.offset));

    d_turn_sample = std::numeric_limits<uint64_t>::max();
    if (!turns())
        return;
    const double leg = leg_of(way_at(sample));
    const double end = d_start.velocity_mps > 0.0 ? leg : leg + 1.0;
    const double samples =
        std::ceil(std::abs(way_at(d_start_sample) - end) * (d_farthest_m - d_nearest_m) /
                  std::abs(d_start.velocity_mps) * d_sample_rate_hz);
    if (samples < 0x1p62) // else beyond all streams
        d_turn_sample =
            std::max(d_start_sample + static_cast<uint64_t>(samples), sample + 1);
}

int64_t echo_path::delay_samples(uint64_t sample) const
{
    return std::llround(2.0 * at(sample).range_m / SPEED_OF_LIGHT_MPS * d_sample_rate_hz);
}

float echo_path::amplitude(uint64_t sample) const
{
    const double range = at(sample).range_m;
    const double delay = 2.0 * range / SPEED_OF_LIGHT_MPS * d_sample_rate_hz;
    if (delay < 0.0 || delay > LONGEST_ECHO)
        return 0.0f;
    if (!d_spreads)
        return static_cast<float>(d_amplitude);
    return static_cast<float>(d_amplitude / (range * range));
}

void echo_path::arrive(const sample_line& sent,
                       moving_interpolator& interpolator,
                       uint64_t first,
                       gr_complex* y,
                       std::size_t count) const
{
    if (d_position.moves()) {
        interpolator.read(d_position, sent, first, y, count);
    } else {
        const auto place = static_cast<int64_t>(first) +
                           static_cast<int64_t>(std::floor(d_position.offset));
        interpolate(sent.at(place - (HALF_KERNEL - 1)), d_weights, y, count);
    }
    if (d_tone.turns())
        d_tone.rotate(y, first, count);
}

echo_plan make_echo_plan(const std::vector<point_target>& targets,
                         const radar_scene& scene,
                         const radar_frame& frame)
{
    check("number of targets",
          static_cast<int>(targets.size()),
          0,
          MOST_TARGETS,
          "give fewer targets");
    for (std::size_t i = 0; i < targets.size(); ++i)
        check_target(targets[i], static_cast<int>(i));
    check_scene(scene, frame);

    echo_plan plan;
    plan.scene = scene;
    plan.targets = targets;
    plan.goes_on.assign(targets.size(), false);
    plan.keeps_way.assign(targets.size(), false);
    plan.noise_amplitude = static_cast<float>(std::sqrt(scene.noise_variance));
    for (const point_target& target : targets)
        plan.paths.emplace_back(target, scene, frame);
    if (scene.leakage_gain_db > NO_LEAKAGE_DB)
        plan.paths.emplace_back(scene.leakage_delay_s,
                                std::pow(10.0, scene.leakage_gain_db / 20.0),
                                0.0,
                                frame);
    add_clutter(plan, frame);
    return plan;
}

} // namespace semisac
} // namespace gr
