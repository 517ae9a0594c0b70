/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FADING_CHANNEL_H
#define INCLUDED_SEMISAC_FADING_CHANNEL_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/channel_settings.h>
#include <cstdint>
#include <functional>

namespace gr {
namespace semisac {

/*!
 * \brief Communication channel on frames of symbols or on a stream of samples.
 * \ingroup semisac
 *
 * A signal x of unit mean power is received as
 *
 *     y[k] = h x[k] + w[k],   w[k] ~ CN(0, N0),   N0 = 10^(-snr_db / 10),
 *
 * with h = 1 (AWGN), h ~ CN(0, 1) (RAYLEIGH), or h = sqrt(K / (K + 1)) + CN(0, 1 / (K +
 * 1)) (RICIAN), constant over block_length items and independent from block to block. SNR
 * is Es/N0 for each complex channel use, 10 log10(E|h x|^2 / E|w|^2); N0 is the whole
 * variance of w, N0/2 in I and N0/2 in Q. It is the SNR at the receiver where
 * E|x|^2 = 1; under fading snr_db is the mean.
 *
 * Everything else (see channel_settings) is off at first. What is on comes in the order
 * in which a signal meets it:
 *
 *  1. front end of the transmitter: imbalance of I and Q, constant (carrier leakage),
 * then Rapp's power amplifier, which stands last before the antenna;
 *  2. propagation: delay_samples, taps with their own delays (delays_s, gains_db, or a
 *     profile of 3GPP TR 38.901), each with its own gain. With doppler_hz above 0 the
 *     gain of a tap is Clarke's sum of fading_paths waves,
 *     h(t) = sqrt(1/P) sum_p exp(j(2 pi f_D cos(a_p) t + phi_p)), correlation
 *     J0(2 pi f_D t); the path without obstacle of a Rician tap is at 0.7 f_D. Powers of
 *     taps are scaled to sum 1. RICIAN applies to the first tap, the others are Rayleigh;
 *     AWGN lets no tap fade;
 *  3. sampling clock of the receiver: sample n is taken at n (1 + clock_offset_ppm 1e-6),
 *     so that a tone at f arrives at f (1 + clock_offset_ppm 1e-6);
 *  4. oscillators: exp(j 2 pi carrier_offset_hz t) and Wiener phase noise, whose line has
 *     the width linewidth_hz. They are the receiver's, in its time; a transmitter's
 * offset differs by a constant phase a tap;
 *  5. noise, white at the receiver's input: a front end behind it colours it, too;
 *  6. front end of the receiver: imbalance of I and Q, constant;
 *  7. gaps: runs of gap_length items (starting at its multiples) that are lost are zero,
 * as a radio's source fills in what it lost; the time base holds.
 *
 * With channel_uses = 1 an item is a sample, and all of this applies. With more, an item
 * is a frame of symbols without memory: no delays, no taps, no clock offset; the other
 * impairments act on the symbols at sample_rate_hz symbols a second.
 *
 * Delays between samples are interpolated over 32 samples, flat to 3e-4 up to 0.43 of the
 * sample rate: keep the signal within that band. They look 16 samples ahead, which delays
 * nothing in the numbering of samples. A finite stream ends when its last sample has
 * arrived by the longest way: nothing is lost.
 *
 * Random draws come from a counter (see lib/math/philox.h): sample n of a given seed has
 * the same gain and the same noise however the scheduler splits the stream, and the same
 * as semisac_ml.signal.channel.fading_channel (frames) and
 * semisac_ml.signal.sample_channel.sample_channel (stream).
 *
 * Input 0: symbols, gr_complex[channel_uses].
 * Output 0: received symbols, gr_complex[channel_uses], with these tags, each of which
 * holds until the next of its name:
 *  - snr_db (double): mean SNR in dB;
 *  - noise_var (double): N0;
 *  - channel_gain (complex): h, where the channel is one tap: at the start of each block
 *    (under Doppler: on each frame; not in a stream, where it changes at once);
 *  - gap (long): at the first item of each gap, its length in items.
 *
 * All other tags of the input pass through, on the sample in which theirs arrives; older
 * tags of these names do not.
 *
 * Source: Y. E. Sagduyu, T. Erpek, A. Yener, S. Ulukus, "Joint Sensing and Semantic
 * Communications with Multi-Task Deep Learning", section II, "Channel effects"; taps:
 * 3GPP TR 38.901, section 7.7.2; R. H. Clarke, "A statistical theory of mobile-radio
 * reception", Bell System Technical Journal, 1968.
 */
class SEMISAC_API fading_channel : virtual public gr::block
{
public:
    typedef std::shared_ptr<fading_channel> sptr;

    /*!
     * \param channel_uses complex symbols in an item, at least 1; 1: stream of samples
     * \param model gain of the channel
     * \param snr_db mean SNR of a channel use in dB, -200 to 200; 200: no noise
     * \param seed key of the random draws
     * \param sample_rate_hz channel uses a second; 1: frequencies in cycles a channel use
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(int channel_uses,
                     channel_model_t model = channel_model_t::AWGN,
                     double snr_db = 3.0,
                     uint64_t seed = 0,
                     double sample_rate_hz = 1.0);

    /*!
     * \brief Change settings, used from the next call of the scheduler on.
     *
     * \param change function that changes the settings it is given
     * \throws std::invalid_argument for a setting out of range; nothing is changed then
     */
    virtual void update(const std::function<void(channel_settings&)>& change) = 0;
    virtual channel_settings settings() const = 0;

    //! Mean SNR in dB, used from the next call of the scheduler on.
    virtual void set_snr_db(double snr_db) = 0;
    virtual double snr_db() const = 0;

    //! Gain of the channel, used from the next call of the scheduler on.
    virtual void set_model(channel_model_t model) = 0;
    virtual channel_model_t model() const = 0;

    virtual int channel_uses() const = 0;
    virtual double sample_rate_hz() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FADING_CHANNEL_H */
