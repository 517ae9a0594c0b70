/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SIMULATED_RECEIVER_IMPL_H
#define INCLUDED_SEMISAC_SIMULATED_RECEIVER_IMPL_H

#include "block/guarded_block.h"
#include "radio/device_fault.h"
#include "radio/sample_clock.h"
#include <gnuradio/semisac/simulated_receiver.h>
#include <atomic>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class simulated_receiver_impl : public guarded<simulated_receiver>
{
public:
    struct settings {
        double sample_rate_hz;
        int bits;
        int channels;
        bool timestamps;
        int random_start_samples;
        uint64_t seed;
    };

    explicit simulated_receiver_impl(const settings& settings);

    void set_start_time(uint64_t full, double fraction) override;
    void inject_loss(int samples, int64_t sample) override;
    void inject_vanish() override { d_fault.vanish(); }
    void inject_stall(double seconds) override { d_fault.stall(seconds); }
    uint64_t samples_clipped() const override { return d_samples_clipped; }
    uint64_t samples_lost() const override { return d_samples_lost; }
    uint64_t overflows() const override { return d_overflows; }
    int start_offset_samples() const override { return d_start_offset; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    struct loss {
        int64_t sample; //!< first one that is lost
        int64_t count;
    };

    int64_t until_next_loss(int64_t sample);
    void tag_time(int64_t sample, int64_t given);
    void receive(int64_t count,
                 int64_t taken,
                 int64_t given,
                 gr_vector_const_void_star& input_items,
                 gr_vector_void_star& output_items);

    const settings d_settings;
    const sample_clock d_clock;
    device_fault d_fault;

    std::mutex d_mutex;
    radio_time d_start_time;
    radio_time d_origin;        // the start time when the flowgraph started
    std::vector<loss> d_losses; // to come, by their samples; its capacity is fixed

    uint64_t d_starts = 0;
    int64_t d_early = 0;    // samples still to leave out at the begin
    int64_t d_dropping = 0; // samples still to lose
    bool d_tag_time = true;
    std::atomic<int> d_start_offset{ 0 };
    std::atomic<uint64_t> d_samples_clipped{ 0 }, d_samples_lost{ 0 }, d_overflows{ 0 };
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_rx_time = pmt::mp("rx_time");
    const pmt::pmt_t d_key_rx_rate = pmt::mp("rx_rate");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SIMULATED_RECEIVER_IMPL_H */
