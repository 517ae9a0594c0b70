/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_DEMODULATOR_IMPL_H
#define INCLUDED_SEMISAC_FRAME_DEMODULATOR_IMPL_H

#include "block/guarded_block.h"
#include "block/tag_values.h"
#include "frame/frame_header.h"
#include "frame/frame_receiver.h"
#include <gnuradio/semisac/frame_demodulator.h>
#include <atomic>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class frame_demodulator_impl : public guarded<frame_demodulator>
{
public:
    frame_demodulator_impl(const frame_parameters& parameters,
                           uint32_t bundle_fingerprint,
                           bool picture_packets);

    const frame_parameters& parameters() const override { return d_parameters; }
    uint64_t frames_received() const override { return d_received; }
    uint64_t frames_with_bad_header() const override { return d_bad_header; }
    uint64_t frames_with_wrong_parameters() const override { return d_wrong_parameters; }
    uint64_t frames_with_wrong_bundle() const override { return d_wrong_bundle; }
    uint64_t images_lost() const override { return d_images_lost; }
    std::vector<gr_complex> channel_estimate() const override;

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    void receive(const gr_complex* frame, uint64_t item);
    bool is_for_us(const frame_header& header);
    void number_images(const frame_header& header);
    uint64_t lost_before(uint64_t id) const;
    int give_images(gr_complex* out, int room, uint64_t offset);
    double tagged(uint64_t item, const pmt::pmt_t& key, double missing);

    const frame_parameters d_parameters;
    const uint32_t d_fingerprint;
    const bool d_picture_packets;
    const uint32_t d_checksum;
    const int d_item_samples;
    frame_receiver d_receiver;
    tag_reader d_reader;

    std::vector<gr_complex> d_images; // of the frame that is being given away
    int d_count = 0, d_given = 0;     // of its images
    uint64_t d_first_id = 0;
    double d_cfo_hz = 0.0;
    bool d_has_ids = false; // whether an image was received since the start
    uint64_t d_next_id = 0;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    mutable std::mutex d_mutex;
    std::vector<gr_complex> d_channel;

    std::atomic<uint64_t> d_received{ 0 }, d_bad_header{ 0 }, d_wrong_parameters{ 0 },
        d_wrong_bundle{ 0 }, d_images_lost{ 0 };

    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db");
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
    const pmt::pmt_t d_key_channel_gain = pmt::mp("channel_gain");
    const pmt::pmt_t d_key_cfo_hz = pmt::mp("cfo_hz");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_DEMODULATOR_IMPL_H */
