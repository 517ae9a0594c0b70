/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FADING_CHANNEL_H
#define INCLUDED_SEMISAC_FADING_CHANNEL_H

#include <gnuradio/semisac/api.h>
#include <gnuradio/sync_block.h>
#include <cstdint>
#include <string>

namespace gr {
namespace semisac {

/*!
 * \brief Gain of the communication channel.
 *
 * AWGN: h = 1. RAYLEIGH: h ~ CN(0, 1), one independent value a frame.
 */
enum class channel_model_t { AWGN, RAYLEIGH };

/*!
 * \brief The model called "awgn" or "rayleigh".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API channel_model_t channel_model_from_name(const std::string& name);

/*!
 * \brief Communication channel on frames of symbols: block fading and white noise.
 * \ingroup semisac
 *
 * Every frame x of N channel uses is received as
 *
 *     y[k] = h x[k] + w[k],   w[k] ~ CN(0, N0),   N0 = 10^(-snr_db / 10),
 *
 * with h = 1 (AWGN) or h ~ CN(0, 1), constant over a frame and independent from frame
 * to frame (RAYLEIGH).
 *
 * SNR is Es/N0 for each complex channel use, 10 log10(E|h x|^2 / E|w|^2). It is the SNR
 * at the receiver only where E|x|^2 = 1, as the learned encoders guarantee for each
 * image; N0 is the whole variance of w, N0/2 in I and N0/2 in Q. Under RAYLEIGH, snr_db
 * is the mean over the fading; the SNR of one frame is snr_db + 20 log10 |h|.
 *
 * The gain is flat over the frame: valid while the frame is shorter than the coherence
 * time and its bandwidth narrower than the coherence bandwidth of the channel.
 *
 * Random draws come from a counter (see lib/philox.h): frame f of a given seed has the
 * same gain and the same noise however the scheduler splits the stream, and the same as
 * semisac_ml.signal.channel.fading_channel.
 *
 * Input 0: symbols, gr_complex[channel_uses], one item a frame.
 * Output 0: received symbols, gr_complex[channel_uses], with these tags, each of
 * which holds until the next of its name:
 *  - snr_db (double): mean SNR in dB;
 *  - noise_var (double): N0;
 *  - channel_gain (complex): h, on each item under fading.
 *
 * All other tags of the input pass through; older tags of these three names do not.
 *
 * Source: Y. E. Sagduyu, T. Erpek, A. Yener, S. Ulukus, "Joint Sensing and Semantic
 * Communications with Multi-Task Deep Learning", section II, "Channel effects".
 */
class SEMISAC_API fading_channel : virtual public gr::sync_block
{
public:
    typedef std::shared_ptr<fading_channel> sptr;

    /*!
     * \param channel_uses complex symbols in a frame, at least 1
     * \param model gain of the channel
     * \param snr_db mean SNR of a channel use in dB, -200 to 200
     * \param seed key of the random draws
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(int channel_uses,
                     channel_model_t model = channel_model_t::AWGN,
                     double snr_db = 3.0,
                     uint64_t seed = 0);

    //! Mean SNR in dB, used from the next call of the scheduler on.
    virtual void set_snr_db(double snr_db) = 0;
    virtual double snr_db() const = 0;

    //! Gain of the channel, used from the next call of the scheduler on.
    virtual void set_model(channel_model_t model) = 0;
    virtual channel_model_t model() const = 0;

    virtual int channel_uses() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FADING_CHANNEL_H */
