/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_PROCESSOR_H
#define INCLUDED_SEMISAC_ECHO_PROCESSOR_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/radar_parameters.h>
#include <cstdint>
#include <limits>
#include <string>

namespace gr {
namespace semisac {

/*!
 * \brief What is taken out of the echoes before a map is made, by least squares for each
 * antenna.
 *
 * NONE: nothing. ZERO_DELAY: a X with one a, the leakage from transmitter to receiver.
 * STATIC: h[k] X, all that does not move, clutter and targets that stand still too.
 */
enum class leakage_removal_t { NONE, ZERO_DELAY, STATIC };

/*!
 * \brief The removal called "none", "zero_delay" or "static".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API leakage_removal_t leakage_removal_from_name(const std::string& name);

/*!
 * \brief Monostatic radar: what comes back of the frames that are sent, as echo vectors
 * for a learned detector and as range-Doppler maps.
 * \ingroup semisac
 *
 * Transmitted and received streams are aligned sample by sample: a target of delay 0
 * returns a sample in the moment it is sent. Frames are found by the modulator's tags. A
 * frame with the tag lost (echo_aligner: it was not sent as it should, or not heard) has
 * no echo vectors, and breaks the interval of the map that it would have been part of.
 *
 * Echo vectors. Each symbol x of an image that went out on a subcarrier k comes back from
 * a target of delay tau as a x exp(-j 2 pi k df tau). At the range gate this turn is
 * undone, as are the signs of the cells, and noise is brought to variance 1:
 *
 *     y = g sqrt(snr) x + w,  w ~ CN(0, 1).
 *
 * This holds for delays up to the cyclic prefix; the gate moves at its closing speed
 * from the first frame after it was set, or follows the first target of a target_emulator
 * (set_follow_target), and the turn by its Doppler is undone too; that
 * of a difference must stay small within a frame. The
 * first antenna is taken; leakage is taken out if ZERO_DELAY says so. g keeps the phase
 * of the path, which is not known.
 *
 * Maps. With Z = sum Y conj(X) and P = sum |X|^2 over the group of symbols of an
 * observation (see radar_parameters), the cells Z / (P + lambda mean P) go through FFTs
 * over frequency and slow time. lambda is the regularisation: 0 is plain division, which
 * a weak symbol fills with noise; infinity the matched filter, which costs no SNR and
 * leaves a pedestal of side lobes as random as the symbols. For complex Gaussian symbols
 * 1 costs 0.7 dB and lowers the pedestal by 5 dB. Chirps are matched-filtered. Cells of
 * noise alone have variance 1. A map is ambiguous in delay beyond 1 / df, or range_bins
 * samples for chirps, and in Doppler beyond 1 / slow_time_s; OFDM echoes later than the
 * prefix reach into the next symbol.
 *
 * Noise. Its variance is given, or measured at the first antenna on the subcarriers at
 * the edges that carry nothing and averaged over 32 frames (the first ones evenly). The
 * standard error of a measurement from n cells is 1 / sqrt(n): 5 % after one frame of 34
 * symbols of 64 subcarriers, below 1 % after 32.
 *
 * Input 0: transmitted samples, gr_complex, with the tags frame_id (uint64), images
 * (long) and packet_len (long) on the first sample of each frame, and lost (symbol: why)
 * on that of a lost one.
 * Input 1 ... antennas: received samples, gr_complex.
 * Output 0: echoes, gr_complex[channel_uses], one item an image, with the tags frame_id
 * (uint64, on each) and sensing_snr_db (double; holds until the next). Tags of input 1 on
 * a frame's first sample are put on each of its echoes (the truth of an emulator).
 * Output 1, optional: maps, gr_complex[antennas * doppler_bins * range_bins], one item an
 * interval, antennas first; with the tags frame_id (uint64, of the first frame),
 * sample_index (uint64, of its first sample), noise_var (double), leakage_removal
 * (symbol "static" or, of OFDM symbols, "zero_delay": the mean over slow time or all
 * cells is gone) and, where input 1 has it on the
 * first frame, targets (see target_emulator).
 *
 * Same numbers as semisac_ml.signal.echo_processing.
 */
class SEMISAC_API echo_processor : virtual public gr::block
{
public:
    typedef std::shared_ptr<echo_processor> sptr;

    /*!
     * \param parameters frames and maps
     * \param delay_samples range gate of the echo vectors, 0 to prefix_samples;
     * range_m = c delay_samples / (2 sample_rate_hz)
     * \param noise_variance of a received sample, or 0 to measure it
     * \param sensing_snr_db SNR of a symbol's echo, for the tag; not-a-number to estimate
     * it from the frames whose echo stands out
     * \param regularisation lambda, 0 to infinity
     * \param removal of leakage before maps are made
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(const radar_parameters& parameters,
                     double delay_samples = 0.0,
                     double noise_variance = 0.0,
                     double sensing_snr_db = std::numeric_limits<double>::quiet_NaN(),
                     double regularisation = 1.0,
                     leakage_removal_t removal = leakage_removal_t::NONE);

    virtual const radar_parameters& parameters() const = 0;

    //! Range gate in samples of delay, used from the next frame on.
    virtual void set_delay_samples(double delay_samples) = 0;
    virtual double delay_samples() const = 0;
    //! Range gate in metres, c delay_samples / (2 sample_rate_hz).
    virtual void set_range_m(double range_m) = 0;
    virtual double range_m() const = 0;
    //! Closing speed of the gate in m/s, used from the next frame on; 0 at first.
    virtual void set_velocity_mps(double velocity_mps) = 0;
    virtual double velocity_mps() const = 0;
    //! Whether the gate is where the tag targets of input 1, if any, says that the first
    //! target is; not so at first.
    virtual void set_follow_target(bool follow_target) = 0;
    virtual bool follow_target() const = 0;
    //! Noise variance of a received sample, or 0 to measure it.
    virtual void set_noise_variance(double noise_variance) = 0;
    //! The one in use: given, or measured so far.
    virtual double noise_variance() const = 0;
    //! SNR of a symbol's echo in dB, or not-a-number to estimate it.
    virtual void set_sensing_snr_db(double sensing_snr_db) = 0;
    //! The one in use: given, or estimated so far, 0 dB before the first estimate.
    virtual double sensing_snr_db() const = 0;
    virtual void set_regularisation(double regularisation) = 0;
    virtual double regularisation() const = 0;
    virtual void set_leakage_removal(leakage_removal_t removal) = 0;
    virtual leakage_removal_t leakage_removal() const = 0;

    //! Frames processed since the start.
    virtual uint64_t frames_processed() const = 0;
    //! Frames that another one's begin cut short, of another length or without an id, and
    //! those with samples that are damaged: not finite, or beyond 1e15.
    virtual uint64_t frames_refused() const = 0;
    //! Frames left out because of the tag lost.
    virtual uint64_t frames_lost() const = 0;
    //! Intervals given up: a frame was lost, or they did not follow without a gap.
    virtual uint64_t intervals_broken() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_PROCESSOR_H */
