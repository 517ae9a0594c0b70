/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H
#define INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H

#include "block/guarded_block.h"
#include "channel/sample_channel.h"
#include <gnuradio/semisac/fading_channel.h>
#include <memory>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class fading_channel_impl : public guarded<fading_channel>
{
public:
    fading_channel_impl(const channel_frame& frame, const channel_settings& settings);

    void update(const std::function<void(channel_settings&)>& change) override;
    channel_settings settings() const override;
    void set_snr_db(double snr_db) override;
    double snr_db() const override;
    void set_model(channel_model_t model) override;
    channel_model_t model() const override;
    int channel_uses() const override { return d_frame.channel_uses; }
    double sample_rate_hz() const override { return d_frame.sample_rate_hz; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    using plan_ptr = std::shared_ptr<const channel_plan>;

    plan_ptr current_plan() const;
    void receive_tags(int items);
    void send_tags(int items);
    void add_own_tags(uint64_t first_item);

    const channel_frame d_frame;
    std::mutex d_change_mutex;  // between setters
    mutable std::mutex d_mutex; // between setters and work()
    plan_ptr d_plan;            // of the newest settings
    plan_ptr d_running;         // that d_channel works by; kept alive here
    sample_channel d_channel;
    std::vector<tag_t> d_tags; // keep their capacity from call to call
    std::vector<tag_t> d_waiting;

    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db");
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
    const pmt::pmt_t d_key_channel_gain = pmt::mp("channel_gain");
    const pmt::pmt_t d_key_gap = pmt::mp("gap");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H */
