/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_GAP_FILLER_H
#define INCLUDED_SEMISAC_GAP_FILLER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <cstdint>
#include <utility>

namespace gr {
namespace semisac {

/*!
 * \brief Put zeros where a receiver lost samples, so that each has its place in time.
 * \ingroup semisac
 *
 * A receiver with a clock writes the tag rx_time on its first sample, and on the first
 * one behind each loss (overflow). The sample with the time t is number
 *
 *     n = round((t - start time) sample_rate_hz)
 *
 * of the output; samples in between that did not come are zeros. Losses are found from
 * the times alone: a driver may report one without a loss, and lose without a report.
 *
 * With a start time, sample 0 of the output is of that time: what came before is left
 * out, and what is missing at the begin is a gap. Without, sample 0 is the first one that
 * comes.
 *
 * A time before the place that is reached, or more than 10 s behind it (600 s with a start
 * time, for then the clock is known), is no loss: the clock was set anew. It is counted
 * and tagged, the samples follow without a gap, and later times are understood relative to
 * it. Without any rx_time all samples pass. A value of rx_time that is no time is left
 * alone.
 *
 * Inputs 0 to channels - 1: gr_complex; the tags rx_time (tuple of whole seconds, an
 * integer, and fraction) of input 0 hold for all, for channels of a radio lose alike.
 * Outputs 0 to channels - 1: gr_complex without holes; the tag gap (long, samples) is on
 * the first sample of each gap, clock_set (long, samples by which its time is ahead of its
 * place) on the first one behind a clock that was set anew. All other tags keep to their
 * samples.
 */
class SEMISAC_API gap_filler : virtual public gr::block
{
public:
    typedef std::shared_ptr<gap_filler> sptr;

    /*!
     * \param sample_rate_hz samples a second, 1e3 to 1e10
     * \param channels that are filled alike, 1 to 16
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(double sample_rate_hz, int channels = 1);

    /*!
     * \brief Time of sample 0 of the outputs, from the next start on.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual void set_start_time(uint64_t full, double fraction) = 0;
    //! Time of sample 0: the one that was set, or that of the first sample.
    virtual std::pair<uint64_t, double> start_time() const = 0;

    //! Gaps filled since the start.
    virtual uint64_t gaps() const = 0;
    //! Samples of all gaps since the start.
    virtual uint64_t samples_lost() const = 0;
    //! Times that were no loss: before the place reached, or far behind it.
    virtual uint64_t times_backwards() const = 0;
    //! Whether no sample waits at one of the inputs at this moment: then it is the radio
    //! that gives none, and not the outputs that are full.
    virtual bool waits_for_samples() const = 0;
    //! Largest |I| or |Q| of all samples since this was asked last, but for those that are
    //! no numbers: of a converter's full scale, how much was used.
    virtual float take_peak() = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_GAP_FILLER_H */
