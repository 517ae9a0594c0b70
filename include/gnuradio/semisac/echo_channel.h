/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_CHANNEL_H
#define INCLUDED_SEMISAC_ECHO_CHANNEL_H

#include <gnuradio/semisac/api.h>
#include <gnuradio/sync_block.h>
#include <cstdint>
#include <string>

namespace gr {
namespace semisac {

/*!
 * \brief Gain of the path from the transmitter to the target and back.
 *
 * NONE: 1. RAYLEIGH: h1. TWO_HOP_RAYLEIGH: h1 h2, one factor for the way to the target
 * and one for the way back. h1, h2 ~ CN(0, 1), independent, one pair a frame.
 */
enum class echo_fading_t { NONE, RAYLEIGH, TWO_HOP_RAYLEIGH };

/*!
 * \brief The fading called "none", "rayleigh" or "two_hop_rayleigh".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API echo_fading_t echo_fading_from_name(const std::string& name);

/*!
 * \brief Echo of each frame off a target that is there or not, as the transmitter hears
 * it.
 * \ingroup semisac
 *
 * With a target in range r (0, ..., ranges - 1) the frame x of N channel uses returns as
 *
 *     y[k + r D] = g sqrt(snr_r) x[k] exp(j 2 pi f k) + w[k + r D],   w ~ CN(0, 1),
 *     snr_r = 10^((sensing_snr_db - r range_step_db) / 10),
 *
 * and without a target as y = w. D is delay_symbols_per_range; the item has
 * M = N + (ranges - 1) D samples whatever the truth. The noise of the sensing receiver
 * has variance 1 (1/2 in I, 1/2 in Q), so that an absent target leaves no trace in the
 * noise level; sensing_snr_db is Es/N0 of a channel use for a target in the first range,
 * where E|x|^2 = 1.
 *
 *  - g: see echo_fading_t; multiplied by exp(j phi), phi ~ U[0, 2 pi), with random_phase;
 *  - f ~ U[-max_frequency_offset, max_frequency_offset] in cycles a symbol, from the
 *    target's radial speed v: f = 2 v / (wavelength * symbol rate);
 *  - truth: a target with target_probability, its range uniform, unless it is forced
 *    by set_target() or by a message.
 *
 * One point target, one gain a frame, delay in whole symbols: valid while the target
 * stays in its range cell for a frame. With D = 0 ranges differ in SNR only, as in the
 * source. Under TWO_HOP_RAYLEIGH E|g|^2 = 1 still, but deep fades are more frequent.
 *
 * Random draws come from a counter (see lib/math/philox.h): frame f of a given seed has
 * the same truth, gain and noise however the scheduler splits the stream, and the same as
 * semisac_ml.signal.channel.echo_channel.
 *
 * Input 0: symbols, gr_complex[channel_uses], one item a frame.
 * Output 0: echo, gr_complex[echo_samples], with these tags:
 *  - target_hypothesis (long), on each item: 0 no target, 1 + r target in range r;
 *  - sensing_snr_db (double), holds until the next one: SNR in dB of a target in the
 *    first range.
 *
 * All other tags of the input pass through; older tags of these two names do not.
 * Message in "target": dictionary {"hypothesis": integer} or pair (hypothesis . integer)
 * as in set_target(); anything else is reported in the log and ignored.
 *
 * Source: Y. E. Sagduyu, T. Erpek, A. Yener, S. Ulukus, "Joint Sensing and Semantic
 * Communications with Multi-Task Deep Learning", section II, "Channel effects".
 */
class SEMISAC_API echo_channel : virtual public gr::sync_block
{
public:
    typedef std::shared_ptr<echo_channel> sptr;

    /*!
     * \param channel_uses complex symbols in a frame, at least 1
     * \param ranges ranges in which the target may be, at least 1
     * \param sensing_snr_db SNR in dB of a target in the first range, -200 to 200
     * \param range_step_db loss in dB from one range to the next, 0 to 200
     * \param delay_symbols_per_range delay in symbols from one range to the next, at
     * least 0
     * \param fading gain of the path to the target and back
     * \param random_phase whether the target turns the phase by a uniform angle
     * \param max_frequency_offset largest frequency shift in cycles a symbol, 0 to 0.5
     * \param target_probability probability that a target is there, 0 to 1
     * \param seed key of the random draws
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(int channel_uses,
                     int ranges = 1,
                     double sensing_snr_db = 3.0,
                     double range_step_db = 3.0,
                     int delay_symbols_per_range = 0,
                     echo_fading_t fading = echo_fading_t::NONE,
                     bool random_phase = false,
                     double max_frequency_offset = 0.0,
                     double target_probability = 0.5,
                     uint64_t seed = 0);

    //! SNR in dB of a target in the first range, used from the next call on.
    virtual void set_sensing_snr_db(double sensing_snr_db) = 0;
    virtual double sensing_snr_db() const = 0;

    //! Loss in dB from one range to the next, used from the next call on.
    virtual void set_range_step_db(double range_step_db) = 0;
    virtual double range_step_db() const = 0;

    //! Probability that a target is there, used from the next call on.
    virtual void set_target_probability(double target_probability) = 0;
    virtual double target_probability() const = 0;

    /*!
     * \brief Force the truth: 0 no target, 1 + r target in range r, -1 random again.
     * \throws std::invalid_argument below -1 or above the number of ranges
     */
    virtual void set_target(int hypothesis) = 0;
    virtual int target() const = 0;

    virtual int channel_uses() const = 0;
    virtual int ranges() const = 0;

    //! Samples in an output item, channel_uses + (ranges - 1) delay_symbols_per_range.
    virtual int echo_samples() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_CHANNEL_H */
