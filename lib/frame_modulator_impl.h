/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_MODULATOR_IMPL_H
#define INCLUDED_SEMISAC_FRAME_MODULATOR_IMPL_H

#include "block/guarded_block.h"
#include "block/tag_values.h"
#include "frame/frame_header.h"
#include "frame/frame_mapping.h"
#include <gnuradio/fft/fft.h>
#include <gnuradio/semisac/frame_modulator.h>
#include <atomic>
#include <vector>

namespace gr {
namespace semisac {

class frame_modulator_impl : public guarded<frame_modulator>
{
public:
    frame_modulator_impl(const frame_parameters& parameters, uint32_t bundle_fingerprint);

    const frame_parameters& parameters() const override { return d_parameters; }
    uint64_t frames_sent() const override { return d_frames_sent; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    int take_images(const gr_complex* symbols, int items);
    void build_frame();
    void add_frame_tags(uint64_t offset);

    const frame_parameters d_parameters;
    const uint32_t d_fingerprint;
    const uint32_t d_checksum;
    const frame_mapping d_mapping;
    tag_reader d_reader;
    header_codec d_codec;
    header_codec::coded_bits d_coded{};
    gr::fft::fft_complex_rev d_transform;
    const float d_scale; // of the transform, to be unitary

    std::vector<gr_complex> d_grid;
    std::vector<gr_complex> d_samples; // of the frame that is being sent
    int d_sent;                        // of its samples
    std::vector<gr_complex> d_images;  // waiting
    int d_waiting = 0;
    uint64_t d_first_id = 0;
    uint64_t d_next_id = 0;
    bool d_flush = false;
    bool d_complete = false; // what waits is a frame: full, or another one's image comes
    std::atomic<uint64_t> d_frames_sent{ 0 };
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_images = pmt::mp("images");
    const pmt::pmt_t d_key_packet_len = pmt::mp("packet_len");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_MODULATOR_IMPL_H */
