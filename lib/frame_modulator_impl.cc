/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/end_of_input.h"
#include "block/parameter_checks.h"
#include "frame/lfm.h"
#include "frame_modulator_impl.h"
#include <gnuradio/io_signature.h>
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace semisac {

frame_modulator::sptr frame_modulator::make(const frame_parameters& parameters,
                                            uint32_t bundle_fingerprint)
{
    require_in_range("frame_modulator: bundle_fingerprint",
                     bundle_fingerprint,
                     0u,
                     0xFFFFFFu,
                     "give the first 24 bits of the sha256 of the bundle's manifest");
    return gnuradio::make_block_sptr<frame_modulator_impl>(parameters,
                                                           bundle_fingerprint);
}

frame_modulator_impl::frame_modulator_impl(const frame_parameters& parameters,
                                           uint32_t bundle_fingerprint)
    : gr::block(
          "frame_modulator",
          gr::io_signature::make(1, 1, parameters.channel_uses * sizeof(gr_complex)),
          gr::io_signature::make(1, 1, sizeof(gr_complex))),
      d_parameters(parameters),
      d_fingerprint(bundle_fingerprint),
      d_checksum(parameters_checksum(parameters)),
      d_mapping(parameters),
      d_reader(d_logger),
      d_transform(parameters.fft_size),
      d_scale(static_cast<float>(1.0 / std::sqrt(parameters.fft_size))),
      d_grid(d_mapping.cells()),
      d_samples(parameters.frame_samples()),
      d_sent(parameters.frame_samples()),
      d_images(parameters.body_data_symbols())
{
    set_tag_propagation_policy(TPP_DONT);
    std::fill_n(d_transform.get_inbuf(), parameters.fft_size, gr_complex(0.0f));

    // Chirps and gap are the same in every frame.
    const std::vector<gr_complex> chirp = frame_chirp(parameters);
    const auto length = static_cast<std::size_t>(parameters.chirp_samples);
    std::copy(chirp.begin(), chirp.end(), d_samples.begin());
    for (std::size_t n = 0; n < length; ++n)
        d_samples[length + n] = std::conj(chirp[n]);
    for (int pulse = 0; pulse < parameters.pulses(); ++pulse)
        std::copy(chirp.begin(),
                  chirp.end(),
                  d_samples.begin() + parameters.pulse_start(pulse));

    message_port_register_in(pmt::mp("flush"));
    set_msg_handler(pmt::mp("flush"),
                    [this](const pmt::pmt_t&) { d_flush = d_waiting > 0; });
}

bool frame_modulator_impl::start()
{
    d_sent = d_parameters.frame_samples();
    d_waiting = 0;
    d_first_id = d_next_id = 0;
    d_flush = d_complete = false;
    d_frames_sent = 0;
    return gr::block::start();
}

void frame_modulator_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool has_something = d_sent < d_parameters.frame_samples() || d_complete ||
                               (d_waiting > 0 && (d_flush || input_has_ended(detail())));
    ninput_items_required[0] = has_something ? 0 : 1;
}

// Takes items until the images of a frame are complete; returns how many.
int frame_modulator_impl::take_images(const gr_complex* symbols, int items)
{
    const auto uses = static_cast<std::size_t>(d_parameters.channel_uses);
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + items, d_key_frame_id);
    std::sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    auto tag = d_tags.cbegin();
    int taken = 0;
    while (taken < items && !d_complete) {
        const uint64_t item = nitems_read(0) + taken;
        uint64_t id = d_next_id;
        for (; tag != d_tags.cend() && tag->offset <= item; ++tag)
            if (tag->offset == item)
                id = static_cast<uint64_t>(
                    d_reader.integer(*tag, 0, INT64_MAX, static_cast<int64_t>(id)));
        if (d_waiting > 0 && id != d_next_id) {
            d_complete = true;
            break;
        }
        if (d_waiting == 0)
            d_first_id = id;
        std::memcpy(&d_images[uses * d_waiting],
                    &symbols[uses * taken],
                    uses * sizeof(gr_complex));
        d_next_id = id + 1;
        ++taken;
        d_complete = ++d_waiting == d_parameters.images_per_frame;
    }
    return taken;
}

void frame_modulator_impl::build_frame()
{
    frame_header header;
    header.frame_id = static_cast<uint32_t>(d_first_id);
    header.images = d_waiting;
    header.bundle_fingerprint = d_fingerprint;
    header.checksum = d_checksum;
    d_codec.encode(header, d_coded);

    for (int cell = 0; cell < d_mapping.cells(); ++cell)
        d_grid[cell] = d_mapping.signs[cell];
    for (std::size_t place = 0; place < d_mapping.header_cells.size(); ++place)
        if (d_coded[d_mapping.header_bits[place]])
            d_grid[d_mapping.header_cells[place]] *= -1.0f;
    const int symbols = d_waiting * d_parameters.channel_uses;
    for (int n = 0; n < symbols; ++n)
        d_grid[d_mapping.body_cells[n]] *= d_images[n];

    const int size = d_parameters.fft_size, prefix = d_parameters.prefix_samples;
    gr_complex* spectrum = d_transform.get_inbuf();
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol) {
        const gr_complex* values =
            &d_grid[static_cast<std::size_t>(symbol) * d_mapping.used];
        for (int position = 0; position < d_mapping.used; ++position)
            spectrum[d_mapping.bins[position]] = values[position];
        d_transform.execute();
        gr_complex* samples = &d_samples[d_parameters.symbol_start(symbol)];
        volk_32f_s32f_multiply_32f(reinterpret_cast<float*>(samples + prefix),
                                   reinterpret_cast<float*>(d_transform.get_outbuf()),
                                   d_scale,
                                   2 * size);
        std::memcpy(samples, samples + size, prefix * sizeof(gr_complex));
    }
}

void frame_modulator_impl::add_frame_tags(uint64_t offset)
{
    add_item_tag(0, offset, d_key_frame_id, pmt::from_uint64(d_first_id));
    add_item_tag(0, offset, d_key_images, pmt::from_long(d_waiting));
    add_item_tag(
        0, offset, d_key_packet_len, pmt::from_long(d_parameters.frame_samples()));
}

int frame_modulator_impl::work_on(int noutput_items,
                                  gr_vector_int& ninput_items,
                                  gr_vector_const_void_star& input_items,
                                  gr_vector_void_star& output_items)
{
    const auto* symbols = static_cast<const gr_complex*>(input_items[0]);
    auto* samples = static_cast<gr_complex*>(output_items[0]);
    const int frame_samples = d_parameters.frame_samples();
    int produced = 0, taken = 0;

    while (produced < noutput_items) {
        if (d_sent == frame_samples) {
            if (!d_complete) {
                const int images = take_images(symbols + static_cast<std::size_t>(taken) *
                                                             d_parameters.channel_uses,
                                               ninput_items[0] - taken);
                consume(0, images);
                taken += images;
            }
            const bool is_last = d_waiting > 0 && (d_flush || input_has_ended(detail()));
            if (!d_complete && !is_last)
                break;
            build_frame();
            add_frame_tags(nitems_written(0) + produced);
            d_sent = d_waiting = 0;
            d_flush = d_complete = false;
            ++d_frames_sent;
        }
        const int count = std::min(noutput_items - produced, frame_samples - d_sent);
        std::memcpy(samples + produced, &d_samples[d_sent], count * sizeof(gr_complex));
        d_sent += count;
        produced += count;
    }
    return produced;
}

} // namespace semisac
} // namespace gr
