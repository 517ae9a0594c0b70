/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H
#define INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H

#include <gnuradio/semisac/fading_channel.h>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class fading_channel_impl : public fading_channel
{
public:
    fading_channel_impl(int channel_uses,
                        channel_model_t model,
                        double snr_db,
                        uint64_t seed);

    void set_snr_db(double snr_db) override;
    double snr_db() const override;
    void set_model(channel_model_t model) override;
    channel_model_t model() const override;
    int channel_uses() const override { return d_channel_uses; }

    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    void forward_tags(int items);

    //! What can change while running; work() takes one consistent copy a call.
    struct settings {
        channel_model_t model;
        double snr_db;
    };

    const int d_channel_uses;
    const uint64_t d_seed;
    mutable std::mutex d_mutex;
    settings d_settings;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db");
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
    const pmt::pmt_t d_key_channel_gain = pmt::mp("channel_gain");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FADING_CHANNEL_IMPL_H */
