/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SIMULATED_RECEIVER_H
#define INCLUDED_SEMISAC_SIMULATED_RECEIVER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief The receiver of a radio that is not there: converter, clock and its faults.
 * \ingroup semisac
 *
 * I and Q are clipped to full scale, -1 to 1 - 2^(1 - bits), and rounded to multiples of
 * 2^(1 - bits): white noise of variance 2^(2 - 2 bits) / 6 a sample, 68 dB below a
 * full-scale tone for 12 bits.
 *
 * The pace is that of the input (see simulated_transmitter). The input's sample 0 is of
 * the start time. As a radio that is not synchronised with its transmitter, the receiver
 * may begin later, by a number of samples that is drawn at every start: uniform from 0 to
 * random_start_samples, from the seed and the number of the start.
 *
 * Inputs 0 to channels - 1: gr_complex, from the antennas, aligned.
 * Outputs 0 to channels - 1: gr_complex, full scale 1. If timestamps, as uhd.usrp_source
 * does it: rx_time (tuple of uint64 whole seconds and double fraction) and rx_rate
 * (double) on the first sample of each and on the first one behind each loss. All other
 * tags keep to their samples, those of lost samples are lost.
 */
class SEMISAC_API simulated_receiver : virtual public gr::block
{
public:
    typedef std::shared_ptr<simulated_receiver> sptr;

    /*!
     * \param sample_rate_hz samples a second, 1e3 to 1e10
     * \param bits of the converter, 2 to 16
     * \param channels receiving antennas, 1 to 16
     * \param timestamps whether the radio has a clock
     * \param random_start_samples by which it begins later at most, 0 to 2^31 - 1
     * \param seed of the beginnings
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(double sample_rate_hz,
                     int bits = 12,
                     int channels = 1,
                     bool timestamps = true,
                     int random_start_samples = 0,
                     uint64_t seed = 0);

    /*!
     * \brief Time of the input's sample 0, from the next start on; 0 at first.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual void set_start_time(uint64_t full, double fraction) = 0;

    /*!
     * \brief Lose samples, as a radio whose computer is too slow.
     *
     * \param samples how many, 1 to 2^31 - 1
     * \param sample number of the input's first one that is lost, below 0 for the next;
     * one that is past is taken for the next
     * \throws std::invalid_argument for another number, or when 4096 losses wait
     */
    virtual void inject_loss(int samples, int64_t sample = -1) = 0;
    //! Nothing comes any more, nor is taken, until the flowgraph stops: unplugged.
    virtual void inject_vanish() = 0;
    //! Nothing comes for so long; nothing is lost.
    virtual void inject_stall(double seconds) = 0;

    //! Samples of which I or Q was clipped, of all channels, since the start.
    virtual uint64_t samples_clipped() const = 0;
    //! Samples lost, of each channel.
    virtual uint64_t samples_lost() const = 0;
    //! Losses.
    virtual uint64_t overflows() const = 0;
    //! Samples by which it began later this time.
    virtual int start_offset_samples() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SIMULATED_RECEIVER_H */
