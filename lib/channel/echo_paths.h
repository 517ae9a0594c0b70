/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_PATHS_H
#define INCLUDED_SEMISAC_ECHO_PATHS_H

#include "math/fractional_delay.h"
#include "math/phasor.h"
#include "math/philox.h"
#include <gnuradio/semisac/target_emulator.h>
#include <complex>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! Delay beyond which the past of the input is not kept, in samples.
constexpr int LONGEST_ECHO = 1 << 16;
constexpr int MOST_TARGETS = 256;
constexpr int MOST_SCATTERERS = 1024;

//! What a target_emulator is made for; never changes.
struct radar_frame {
    double sample_rate_hz;
    double carrier_hz;
    int antennas;
    double spacing_wavelengths;
    uint64_t seed;
};

/*!
 * \brief One way from the transmitter back to the array.
 */
class echo_path
{
public:
    //! A target; place() sets it down.
    echo_path(const point_target& target,
              const radar_scene& scene,
              const radar_frame& frame);

    //! Something that does not move.
    echo_path(double delay_s,
              std::complex<double> gain,
              double azimuth_rad,
              const radar_frame& frame);

    //! Where a target is, and how fast it comes closer.
    struct motion {
        double range_m;
        double velocity_mps;
    };

    //! Set down at a sample.
    void place(const motion& there, uint64_t sample);

    //! Range and closing speed at a sample.
    motion at(uint64_t sample) const;

    //! First sample behind its next turn.
    uint64_t turn_sample() const { return d_turn_sample; }

    //! Go on behind a turn.
    void turn(uint64_t sample) { start_leg(sample); }

    //! Delay at a sample, to the nearest sample.
    int64_t delay_samples(uint64_t sample) const;

    //! Amplitude at a sample without fluctuation; 0 out of sight.
    float amplitude(uint64_t sample) const;

    //! Samples that arrive from `first` on, up to its piece's end or a turn, of amplitude
    //! 1.
    void arrive(const sample_line& sent,
                moving_interpolator& interpolator,
                uint64_t first,
                gr_complex* y,
                std::size_t count) const;

    //! Factor of each antenna.
    const std::vector<gr_complex>& steering() const { return d_steering; }

    bool is_target() const { return d_is_target; }
    bool fluctuates() const { return d_fluctuates; }

private:
    void steer(std::complex<double> gain, double azimuth_rad, const radar_frame& frame);
    bool turns() const { return d_farthest_m > 0.0 && d_start.velocity_mps != 0.0; }
    double leg_of(double way) const;
    double way_at(uint64_t sample) const;
    void start_leg(uint64_t sample);

    double d_sample_rate_hz;
    double d_carrier_hz;
    double d_nearest_m = 0.0, d_farthest_m = 0.0;
    motion d_start{ 0.0, 0.0 }; // where it was set down
    uint64_t d_start_sample = 0, d_turn_sample = 0;
    double d_amplitude = 1.0; // times m^2 where d_spreads
    bool d_spreads = false;   // whether the amplitude falls with the square of range
    bool d_is_target = false;
    bool d_fluctuates = false;
    read_position d_position;
    tone d_tone;
    kernel_t d_weights{}; // of a path that does not move
    std::vector<gr_complex> d_steering;
};

/*!
 * \brief All paths that follow from targets and scene, worked out outside of work().
 */
struct echo_plan {
    radar_scene scene;
    std::vector<point_target> targets;
    std::vector<bool> goes_on;    // whether a target stays where it is
    std::vector<bool> keeps_way;  // whether it keeps its velocity
    std::vector<echo_path> paths; // the targets first
    float noise_amplitude;
};

/*!
 * \brief Check targets and scene and work out what follows.
 *
 * \throws std::invalid_argument for a value out of range
 */
echo_plan make_echo_plan(const std::vector<point_target>& targets,
                         const radar_scene& scene,
                         const radar_frame& frame);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_PATHS_H */
