/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_CHANNEL_IMPL_H
#define INCLUDED_SEMISAC_ECHO_CHANNEL_IMPL_H

#include "block/guarded_block.h"
#include <gnuradio/semisac/echo_channel.h>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

//! Everything about a link that stays the same while it runs.
struct echo_geometry {
    int channel_uses;
    int ranges;
    int delay_symbols_per_range;
    echo_fading_t fading;
    bool random_phase;
    double max_frequency_offset; // cycles a symbol

    int echo_samples() const
    {
        return channel_uses + (ranges - 1) * delay_symbols_per_range;
    }
};

//! What can change while running; work() takes one consistent copy a call.
struct echo_settings {
    double sensing_snr_db;
    double range_step_db;
    double target_probability;
    int target; // forced hypothesis, -1 random
};

class echo_channel_impl : public guarded_sync<echo_channel>
{
public:
    echo_channel_impl(const echo_geometry& geometry,
                      const echo_settings& settings,
                      uint64_t seed);

    void set_sensing_snr_db(double sensing_snr_db) override;
    double sensing_snr_db() const override;
    void set_range_step_db(double range_step_db) override;
    double range_step_db() const override;
    void set_target_probability(double target_probability) override;
    double target_probability() const override;
    void set_target(int hypothesis) override;
    int target() const override;
    int channel_uses() const override { return d_geometry.channel_uses; }
    int ranges() const override { return d_geometry.ranges; }
    int echo_samples() const override { return d_geometry.echo_samples(); }

    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    echo_settings current_settings() const;
    void handle_target(const pmt::pmt_t& message);
    void forward_tags(int items);
    int draw_hypothesis(const echo_settings& now, uint64_t frame) const;
    void add_target(const gr_complex* symbols,
                    gr_complex* echo,
                    int range,
                    const echo_settings& now,
                    uint64_t frame) const;

    const echo_geometry d_geometry;
    const uint64_t d_seed;
    mutable std::mutex d_mutex;
    echo_settings d_settings;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_port_target = pmt::mp("target");
    const pmt::pmt_t d_key_hypothesis = pmt::mp("target_hypothesis");
    const pmt::pmt_t d_key_sensing_snr_db = pmt::mp("sensing_snr_db");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_CHANNEL_IMPL_H */
