/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_GAP_FILLER_IMPL_H
#define INCLUDED_SEMISAC_GAP_FILLER_IMPL_H

#include "block/guarded_block.h"
#include "radio/sample_clock.h"
#include <gnuradio/semisac/gap_filler.h>
#include <atomic>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class gap_filler_impl : public guarded<gap_filler>
{
public:
    gap_filler_impl(double sample_rate_hz, int channels);

    void set_start_time(uint64_t full, double fraction) override;
    std::pair<uint64_t, double> start_time() const override;
    uint64_t gaps() const override { return d_gaps; }
    uint64_t samples_lost() const override { return d_samples_lost; }
    uint64_t times_backwards() const override { return d_times_backwards; }

    bool waits_for_samples() const override;
    float take_peak() override;

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    void follow_time(const radio_time& time, uint64_t place);
    void begin_anew(const radio_time& time, int64_t ahead, uint64_t place);
    void begin_gap(int64_t samples, uint64_t place);
    int64_t fill(int room, gr_vector_void_star& output_items);
    int64_t copy(int64_t count,
                 int64_t taken,
                 int64_t given,
                 gr_vector_const_void_star& input_items,
                 gr_vector_void_star& output_items);

    const int d_channels;
    const sample_clock d_clock;
    const int64_t d_longest_gap, d_longest_gap_of_start;

    mutable std::mutex d_mutex;
    radio_time d_start_time;
    bool d_start_is_given = false;

    radio_time d_origin; // time of sample 0 of the output, or what it amounts to
    bool d_has_origin = false;
    bool d_origin_is_given = false; // it is that of set_start_time
    int64_t d_missing = 0;          // zeros still to write
    int64_t d_early = 0;            // samples still to leave out
    uint64_t d_heeded = 0;          // input samples whose time was looked at
    std::atomic<uint64_t> d_gaps{ 0 }, d_samples_lost{ 0 }, d_times_backwards{ 0 };
    std::atomic<float> d_peak{ 0.0f };
    std::vector<tag_t> d_tags, d_passing; // keep their capacity from call to call

    const pmt::pmt_t d_key_rx_time = pmt::mp("rx_time");
    const pmt::pmt_t d_key_gap = pmt::mp("gap");
    const pmt::pmt_t d_key_clock_set = pmt::mp("clock_set");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_GAP_FILLER_IMPL_H */
