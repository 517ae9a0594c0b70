/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_H
#define INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief Find frames in a stream; give each, aligned in time and without carrier offset.
 * \ingroup semisac
 *
 * \section detection Detection
 * A matched filter for the up-chirp runs over all samples. Its output, normalised by the
 * energy of the samples it meets, is rho = |s^H y|^2 / (L |y|^2) in [0, 1]. In white
 * noise of any level rho ~ Beta(1, L - 1), so that P(rho > t) = (1 - t)^(L - 1), and
 *
 *     t = 1 - false_alarm_probability^(1 / (L - 1))
 *
 * makes a false alarm of that probability at each lag: 0.027 for 1e-6 and L = 512. A
 * chirp at the SNR snr of a sample has rho about snr / (1 + snr): 0.24 at -5 dB, half of
 * that where the strongest of several paths has half the power, three quarters of it half
 * way between two lags. A candidate is the strongest lag within the prefix's length
 * behind the first that exceeds t. It is confirmed when the down-chirp behind it exceeds
 * t as well, at one of the M lags that an offset of most_cfo_hz can cause, and neither is
 * weaker than a fifth of the other: for noise the probability is less than M
 * false_alarm_probability^2, 5e-11 a sample. What is found though there is no frame has
 * no valid header (another factor of 2^-24): frame_demodulator drops it.
 *
 * \section states States
 *  - SEARCH: matched filter, blocks of lags.
 *  - PEAK: a lag exceeded t; the strongest of the next prefix_samples is taken.
 *  - CONFIRM: wait for the down-chirp; estimate time and offset from both (see
 *    lib/frame/chirp_pair.h: within 1 dB of the Cramer-Rao bounds from 5 dB on), or drop
 * it.
 *  - A confirmed frame waits until its samples are there and the search has passed its
 *    end, while the search goes on: a frame within it shows that it was cut short (the
 *    transmitter stopped and began anew). Such a frame is counted in frames_truncated()
 *    and not given away, for the rest of its body is another frame's.
 *
 * \section alignment Alignment
 * Samples are turned back by the offset and interpolated with a Kaiser-windowed sinc of
 * 16 taps at the frame's own fractional time. It is flat within 0.07 dB over 0.8 of the
 * band; what remains is a filter that is the same for the whole frame, part of the
 * channel that the demodulator estimates. A sampling clock that is off by some ppm shifts
 * the samples by that share of the frame's length until its end, which the prefix absorbs
 * and the demodulator follows.
 *
 * A frame of which samples were lost (tag gap) is counted in frames_with_gap() and not
 * given away: images of it might look right and not be. One whose chirps were hit may not
 * be found at all.
 *
 * At the end of the input, frames whose last samples are missing by no more than the
 * prefix are completed with zeros (a delay in the channel pushes them out of a finite
 * stream); others count as truncated.
 *
 * Input 0: samples, gr_complex; tag gap (long, samples) where samples were lost and zeros
 * stand in their place, as gap_filler and fading_channel write it.
 * Output 0: frames, gr_complex[item_samples()], occupied_samples of the frame from its
 * first sample on, then zeros up to a multiple of 512 (an item must fill whole pages of
 * memory, or the scheduler's buffers grow large). Tags on each item:
 *  - sample_index (uint64): last sample of the input at or before the frame's beginning;
 *  - timing_samples (double): fraction of a sample from there to the beginning, 0 to 1;
 *  - cfo_hz (double): carrier offset that was taken off;
 *  - snr_db (double): SNR of the strongest path at the chirps, per sample, from rho.
 */
class SEMISAC_API frame_synchronizer : virtual public gr::block
{
public:
    typedef std::shared_ptr<frame_synchronizer> sptr;

    /*!
     * \param parameters layout of the frames
     * \param false_alarm_probability of each chirp at each lag in noise, 1e-15 to 0.01
     * \param most_cfo_hz largest carrier offset looked for; 0 for 0.02 of the sample
     * rate, up to 0.1 of the chirp's bandwidth
     *
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(const frame_parameters& parameters,
                     double false_alarm_probability = 1e-6,
                     double most_cfo_hz = 0.0);

    virtual const frame_parameters& parameters() const = 0;
    //! Length of an output item in samples.
    virtual int item_samples() const = 0;
    //! Value of rho that a chirp must exceed.
    virtual double threshold() const = 0;

    //! Lags that exceeded the threshold without a down-chirp behind, since the start.
    virtual uint64_t candidates_dropped() const = 0;
    //! Confirmed frames since the start, truncated ones and those with gaps among them.
    virtual uint64_t frames_detected() const = 0;
    //! Confirmed frames that ended early.
    virtual uint64_t frames_truncated() const = 0;
    //! Confirmed frames of which samples were lost.
    virtual uint64_t frames_with_gap() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_H */
