/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SAMPLE_CHANNEL_H
#define INCLUDED_SEMISAC_SAMPLE_CHANNEL_H

#include "channel/channel_plan.h"
#include "channel/sample_noise.h"
#include "channel/tapped_line.h"
#include "math/sample_line.h"
#include <array>
#include <memory>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief The whole channel on a stream of samples, whatever the size of its items.
 *
 * The input is sample 0, 1, ... of the transmitter, the output sample 0, 1, ... of the
 * receiver. Both have the same number as long as the clocks agree.
 */
class sample_channel
{
public:
    explicit sample_channel(const channel_frame& frame);

    //! Forget the stream: it starts anew.
    void restart();

    //! Take another plan from the next sample on.
    void configure(std::shared_ptr<const channel_plan> plan);

    //! Samples of the input that `outputs` more samples need and that have not come yet.
    int64_t needed(int64_t outputs) const;

    /*!
     * \brief Samples that can be given, `most` at the most.
     *
     * \param inputs samples of the input that have not come yet
     * \param ended whether they are the last ones: zeros follow until all have arrived
     */
    int64_t producible(int64_t inputs, bool ended, int64_t most) const;

    //! Give `outputs` samples; returns how many of the `inputs` were taken.
    int64_t run(const gr_complex* x, int64_t inputs, gr_complex* y, int64_t outputs);

    //! Sample of the output in which a sample of the input arrives.
    int64_t arrival(int64_t sample) const;

    //! Gains and gaps that began in the last call of run(), by samples of the output.
    const std::vector<change<gr_complex>>& gains() const { return d_gains; }
    const std::vector<change<long>>& gaps() const { return d_gaps; }

private:
    void take(const gr_complex* x, int64_t count);
    void propagate(gr_complex* y, std::size_t count);
    void turn(gr_complex* y, std::size_t count);
    void add_noise(gr_complex* y, std::size_t count);
    void add_frame_noise(gr_complex* y, std::size_t count);
    void cut_gaps(gr_complex* y, std::size_t count);
    int64_t tap_samples(int64_t outputs) const;
    int64_t output_at(double place) const;

    const channel_frame d_frame;
    std::shared_ptr<const channel_plan> d_plan;
    tapped_line d_taps;
    sample_line d_sent;  // behind the transmitter's front end
    sample_line d_faded; // behind the taps
    moving_interpolator d_clock;
    read_position d_place; // of the receiver's samples among those of d_faded
    tone d_carrier;
    sample_noise d_noise;
    sample_noise d_phase_noise;
    sample_noise d_gap_draws;
    double d_phase = 0.0;   // of the oscillators, in turns
    int64_t d_received = 0; // of the input; d_sent may hold zeros behind its end
    uint64_t d_produced = 0;
    uint64_t d_gap_run = 0; // whose fate d_lost is
    bool d_gap_drawn = false;
    bool d_lost = false;
    std::vector<change<gr_complex>> d_gains;
    std::vector<change<long>> d_gaps;
    std::array<gr_complex, PIECE> d_draws{};
    std::array<uint32_t, PIECE> d_phases{};
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SAMPLE_CHANNEL_H */
