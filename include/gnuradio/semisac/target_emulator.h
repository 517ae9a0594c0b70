/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TARGET_EMULATOR_H
#define INCLUDED_SEMISAC_TARGET_EMULATOR_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace gr {
namespace semisac {

//! A point target.
struct SEMISAC_API point_target {
    double range_m = 100.0;    //!< distance, above 0
    double velocity_mps = 0.0; //!< radial; positive: it comes closer
    double nearest_m = 0.0;    //!< where it turns and goes away again; see farthest_m
    double farthest_m = 0.0;   //!< where it turns and comes back; both 0: it goes on
    double rcs_m2 = 1.0;       //!< mean radar cross section
    double azimuth_rad = 0.0;  //!< from broadside of the array, -pi/2 to pi/2
    int swerling = 0;          //!< 0: steady; 1: CN(0, 1) times, a value a frame
    //! Mean echo SNR for a signal of unit power in dB; not a number: the radar equation.
    double snr_db = std::numeric_limits<double>::quiet_NaN();
};

//! Everything else that may change while a target_emulator runs.
struct SEMISAC_API radar_scene {
    double transmit_power_w = 1.0;
    double transmit_gain_db = 0.0; //!< of the antenna
    double receive_gain_db = 0.0;  //!< of each antenna
    double noise_variance = 0.0;   //!< of each output, W; 0: no noise
    double target_probability = 1.0;
    int frames_per_interval = 1;     //!< frames in a row that share presence and gain
    double leakage_gain_db = -200.0; //!< from input to outputs; -200: none
    double leakage_delay_s = 0.0;
    int clutter_scatterers = 0;      //!< 0: no clutter
    double clutter_gain_db = -60.0;  //!< from input to outputs, all scatterers together
    double clutter_range_m = 1000.0; //!< of the farthest
};

/*!
 * \brief Echoes of point targets as a monostatic radar with an array hears them.
 * \ingroup semisac
 *
 * Antenna k = 0, ..., K - 1 of a line with spacing d wavelengths receives from a target
 * in range r(t) = range_m - velocity_mps t, reflected at nearest_m and farthest_m,
 * azimuth a,
 *
 *     y_k(t) = sqrt(P) g x(t - tau) exp(-j 2 pi fc tau) exp(j 2 pi k d sin a),
 *     tau(t) = 2 r(t) / c,   P = Pt Gt Gr lambda^2 rcs / ((4 pi)^3 r^4)
 *
 * (M. I. Skolnik, "Introduction to Radar Systems", the radar equation), in sqrt(W) for an
 * input of unit mean power; or, with snr_db, P = snr noise_variance (noise_variance 1
 * where it is 0), whatever the range. The phase follows the delay, so that a target
 * that comes closer has the Doppler shift +2 velocity_mps fc / c; delay and phase move
 * from sample to sample, the power every 256. Where a target turns, delay and phase go on
 * without a jump, and its Doppler shift changes its sign. g = 1 (Swerling 0), or g ~
 * CN(0, 1), one value an interval of frames_per_interval frames (Swerling 1).
 *
 * The signal must be narrow against the array (one delay for all antennas) and keep to
 * +-0.43 of the sample rate (see lib/math/fractional_delay.h). A target is silent where
 * its range is not between 0 and 65536 samples of delay.
 *
 * To the targets come direct leakage from the transmitter (broadside, leakage_gain_db,
 * leakage_delay_s), clutter (scatterers that stand still, ranges uniform to
 * clutter_range_m, azimuths uniform, amplitudes CN, all from the seed) and white noise,
 * independent from antenna to antenna.
 *
 * A frame begins where the input has the tag frame_id. Whether the targets are there for
 * the samples of this frame is drawn from target_probability, for all of them together,
 * by the number of the interval's first frame: the same number gives the same truth. An
 * echo of delay tau belongs to the frame in which its sample was sent. Before the first
 * tag the targets are there, with the gains of number 0.
 *
 * Random draws come from a counter (see lib/math/philox.h): the same seed gives the same
 * bytes however the scheduler splits the stream, and to single precision those of
 * semisac_ml.signal.targets.target_echoes.
 *
 * Input 0: transmitted samples, gr_complex.
 * Outputs 0 to K - 1: received samples of each antenna, gr_complex, aligned with the
 * input: sample n of an output is taken when sample n of the input is sent. The tag
 * target_hypothesis (long, 0 or 1) is on the first sample of each frame, and the tag
 * targets: a vector of dictionaries with range_m, velocity_mps and azimuth_rad of each
 * target at this sample, whether there or not. All other tags pass, older ones of these
 * names do not.
 * Message in "targets": a list of dictionaries with the names of point_target takes the
 * place of all targets, as set_targets() (what is not named has its default; range_m must
 * be named); a dictionary {"index": i, name: value, ...} changes the named values of one
 * target, which goes on from where it is. Anything else is reported in the log and
 * ignored.
 */
class SEMISAC_API target_emulator : virtual public gr::block
{
public:
    typedef std::shared_ptr<target_emulator> sptr;

    /*!
     * \param sample_rate_hz samples a second
     * \param carrier_hz carrier frequency
     * \param antennas receiving antennas K, 1 to 64
     * \param spacing_wavelengths distance between antennas
     * \param seed key of the random draws
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(double sample_rate_hz,
                     double carrier_hz,
                     int antennas = 1,
                     double spacing_wavelengths = 0.5,
                     uint64_t seed = 0);

    /*!
     * \brief Put these targets in the place of all, from the next call on.
     *
     * A target whose range_m is what was given here the last time goes on from where it
     * is, and in its direction if velocity_mps is too: so that a slider for one value
     * leaves the others alone.
     *
     * \throws std::invalid_argument for a value out of range; nothing is changed then
     */
    virtual void set_targets(const std::vector<point_target>& targets) = 0;

    /*!
     * \brief Change one target, from the next call on.
     *
     * A target whose range is left alone goes on from where it is, without a jump of its
     * phase.
     *
     * \param change function that changes the target it is given
     * \throws std::invalid_argument for a value out of range, or where there is none
     */
    virtual void change_target(int index,
                               const std::function<void(point_target&)>& change) = 0;

    //! Targets, with the ranges and velocities that they have now.
    virtual std::vector<point_target> targets() const = 0;

    //! Change the scene, from the next call on; throws std::invalid_argument.
    virtual void change_scene(const std::function<void(radar_scene&)>& change) = 0;
    virtual radar_scene scene() const = 0;

    virtual int antennas() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TARGET_EMULATOR_H */
