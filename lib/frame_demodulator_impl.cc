/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/parameter_checks.h"
#include "frame/frame_item.h"
#include "frame_demodulator_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

// Of the id of a packet; the bits above them are the picture's and its bandwidth's, see
// semisac_ml.signal.picture_packets.
constexpr int PACKET_BITS = 13;

// Without a tag of the synchroniser the channel is estimated as at this SNR.
constexpr double MISSING_SNR_DB = 10.0;

} // namespace

frame_demodulator::sptr frame_demodulator::make(const frame_parameters& parameters,
                                                uint32_t bundle_fingerprint,
                                                bool picture_packets)
{
    require_in_range("frame_demodulator: bundle_fingerprint",
                     bundle_fingerprint,
                     0u,
                     0xFFFFFFu,
                     "give the first 24 bits of the sha256 of the bundle's manifest");
    return gnuradio::make_block_sptr<frame_demodulator_impl>(
        parameters, bundle_fingerprint, picture_packets);
}

frame_demodulator_impl::frame_demodulator_impl(const frame_parameters& parameters,
                                               uint32_t bundle_fingerprint,
                                               bool picture_packets)
    : gr::block(
          "frame_demodulator",
          gr::io_signature::make(
              1, 1, frame_item_samples(parameters) * sizeof(gr_complex)),
          gr::io_signature::make(1, 1, parameters.channel_uses * sizeof(gr_complex))),
      d_parameters(parameters),
      d_fingerprint(bundle_fingerprint),
      d_picture_packets(picture_packets),
      d_checksum(parameters_checksum(parameters)),
      d_item_samples(frame_item_samples(parameters)),
      d_receiver(parameters),
      d_reader(d_logger),
      d_images(parameters.body_data_symbols()),
      d_channel(parameters.used_subcarrier_count())
{
    set_tag_propagation_policy(TPP_DONT);
}

bool frame_demodulator_impl::start()
{
    d_count = d_given = 0;
    d_has_ids = false;
    d_next_id = 0;
    d_received = d_bad_header = d_wrong_parameters = d_wrong_bundle = d_images_lost = 0;
    return gr::block::start();
}

std::vector<gr_complex> frame_demodulator_impl::channel_estimate() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_channel;
}

void frame_demodulator_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    ninput_items_required[0] = d_given < d_count ? 0 : 1;
}

double
frame_demodulator_impl::tagged(uint64_t item, const pmt::pmt_t& key, double missing)
{
    get_tags_in_range(d_tags, 0, item, item + 1, key);
    return d_tags.empty() ? missing : d_reader.real(d_tags.back(), missing);
}

bool frame_demodulator_impl::is_for_us(const frame_header& header)
{
    if (header.version != HEADER_VERSION || header.checksum != d_checksum) {
        ++d_wrong_parameters;
        return false;
    }
    if (d_fingerprint != 0 && header.bundle_fingerprint != d_fingerprint) {
        ++d_wrong_bundle;
        return false;
    }
    if (header.images < 1 ||
        header.images > static_cast<uint32_t>(d_parameters.images_per_frame)) {
        ++d_bad_header;
        return false;
    }
    return true;
}

// The header has the lowest 32 bits of the id: of all ids that have them, the one next to
// that which is expected is meant. An id behind it shows that images were lost; one
// before it, that the transmitter began anew.
void frame_demodulator_impl::number_images(const frame_header& header)
{
    const auto ahead =
        static_cast<int32_t>(header.frame_id - static_cast<uint32_t>(d_next_id));
    if (!d_has_ids) {
        d_first_id = header.frame_id;
    } else {
        const auto id = static_cast<int64_t>(d_next_id) + ahead;
        d_first_id = id < 0 ? header.frame_id : static_cast<uint64_t>(id);
        if (ahead > 0)
            d_images_lost += lost_before(d_first_id);
    }
    d_has_ids = true;
    d_next_id = d_first_id + header.images;
}

// Images between the last one and an id behind it. Between pictures ids are left out:
// only the first packets of the new one are known to be missing.
uint64_t frame_demodulator_impl::lost_before(uint64_t id) const
{
    const uint64_t last = d_next_id - 1;
    if (d_picture_packets && id >> PACKET_BITS != last >> PACKET_BITS)
        return id & ((1u << PACKET_BITS) - 1);
    return id - d_next_id;
}

void frame_demodulator_impl::receive(const gr_complex* frame, uint64_t item)
{
    frame_header header;
    const double snr_db = tagged(item, d_key_snr_db, MISSING_SNR_DB);
    if (!d_receiver.read_header(frame, snr_db, header)) {
        ++d_bad_header;
        return;
    }
    if (!is_for_us(header))
        return;
    const auto images = static_cast<int>(header.images);
    if (!d_receiver.read_images(images, d_images.data())) {
        ++d_bad_header;
        return;
    }
    number_images(header);
    d_count = images;
    d_given = 0;
    d_cfo_hz = tagged(item, d_key_cfo_hz, 0.0) +
               d_receiver.offset() / (2.0 * M_PI) * d_parameters.sample_rate_hz;
    ++d_received;
    std::lock_guard<std::mutex> lock(d_mutex);
    d_receiver.channel(d_channel.data());
}

// Writes images and their tags as far as there is room; returns how many.
int frame_demodulator_impl::give_images(gr_complex* out, int room, uint64_t offset)
{
    const int count = std::min(room, d_count - d_given);
    const auto uses = static_cast<std::size_t>(d_parameters.channel_uses);
    std::memcpy(out, &d_images[uses * d_given], uses * count * sizeof(gr_complex));
    if (d_given == 0 && count > 0) {
        const double snr = d_receiver.snr();
        add_item_tag(0, offset, d_key_snr_db, pmt::from_double(10.0 * std::log10(snr)));
        add_item_tag(0, offset, d_key_noise_var, pmt::from_double(1.0 / snr));
        add_item_tag(
            0, offset, d_key_channel_gain, pmt::from_complex(std::complex<double>(1.0)));
        add_item_tag(0, offset, d_key_cfo_hz, pmt::from_double(d_cfo_hz));
    }
    for (int image = 0; image < count; ++image)
        add_item_tag(0,
                     offset + image,
                     d_key_frame_id,
                     pmt::from_uint64(d_first_id + d_given + image));
    d_given += count;
    return count;
}

int frame_demodulator_impl::work_on(int noutput_items,
                                    gr_vector_int& ninput_items,
                                    gr_vector_const_void_star& input_items,
                                    gr_vector_void_star& output_items)
{
    const auto* frames = static_cast<const gr_complex*>(input_items[0]);
    auto* out = static_cast<gr_complex*>(output_items[0]);
    const auto uses = static_cast<std::size_t>(d_parameters.channel_uses);
    int taken = 0, produced = 0;
    while (true) {
        produced += give_images(out + uses * produced,
                                noutput_items - produced,
                                nitems_written(0) + produced);
        if (d_given < d_count || taken == ninput_items[0])
            break;
        receive(frames + static_cast<std::size_t>(taken) * d_item_samples,
                nitems_read(0) + taken);
        ++taken;
    }
    consume(0, taken);
    return produced;
}

} // namespace semisac
} // namespace gr
