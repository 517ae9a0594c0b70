/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/frame_header.h"
#include <gnuradio/fec/cc_decoder.h>
#include <gnuradio/fec/cc_encoder.h>
#include <algorithm>
#include <cmath>
#include <utility>

namespace gr {
namespace semisac {

namespace {

constexpr int CONSTRAINT_LENGTH = 7;
const std::vector<int> GENERATORS = { 109, 79 }; // bit 0 is the newest of the register

// Mean magnitude of the decoder's input, whose range is -128 ... 127 around its zero: a
// quarter of it, so that few values are clipped and rounding costs less than 0.05 dB.
constexpr float SOFT_MEAN = 32.0f;

using field = std::pair<uint32_t frame_header::*, int>;
constexpr field FIELDS[] = { { &frame_header::version, 4 },
                             { &frame_header::images, 12 },
                             { &frame_header::frame_id, 32 },
                             { &frame_header::bundle_fingerprint, 24 },
                             { &frame_header::checksum, 16 } };

template <typename bits_t>
uint32_t take_bits(const bits_t& bits, int first, int width)
{
    uint32_t value = 0;
    for (int bit = first; bit < first + width; ++bit)
        value = value << 1 | (bits[bit] & 1u);
    return value;
}

} // namespace

uint32_t parameters_checksum(const frame_parameters& parameters)
{
    const std::string text = parameters.canonical_text();
    gr::digital::crc crc(16, 0x1021, 0xFFFF, 0, false, false);
    return static_cast<uint32_t>(
        crc.compute(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

header_codec::header_codec()
    : d_crc(24, 0x864CFB, 0xB704CE, 0, false, false),
      d_encoder(gr::fec::code::cc_encoder::make(
          HEADER_BITS, CONSTRAINT_LENGTH, 2, GENERATORS, 0, CC_TERMINATED)),
      d_decoder(gr::fec::code::cc_decoder::make(
          HEADER_BITS, CONSTRAINT_LENGTH, 2, GENERATORS, 0, -1, CC_TERMINATED)),
      d_soft(CODED_HEADER_BITS),
      d_decoded(HEADER_BITS + CONSTRAINT_LENGTH)
{
}

void header_codec::encode(const frame_header& header, coded_bits& coded)
{
    int place = 0;
    for (const auto& [member, width] : FIELDS)
        for (int bit = width - 1; bit >= 0; --bit)
            d_bits[place++] = header.*member >> bit & 1u;
    uint8_t content[CONTENT_BYTES];
    for (int byte = 0; byte < CONTENT_BYTES; ++byte)
        content[byte] = static_cast<uint8_t>(take_bits(d_bits, 8 * byte, 8));
    const uint64_t check = d_crc.compute(content, CONTENT_BYTES);
    for (int bit = 23; bit >= 0; --bit)
        d_bits[place++] = check >> bit & 1u;
    d_encoder->generic_work(d_bits.data(), coded.data());
}

bool header_codec::decode(const std::array<float, CODED_HEADER_BITS>& soft,
                          frame_header& header)
{
    float mean = 0.0f;
    for (float value : soft)
        mean += std::abs(value) / CODED_HEADER_BITS;
    if (!(mean > 0.0f) || !std::isfinite(mean))
        return false;
    for (int bit = 0; bit < CODED_HEADER_BITS; ++bit) {
        const float scaled = 128.0f - SOFT_MEAN / mean * soft[bit];
        d_soft[bit] = static_cast<uint8_t>(std::clamp(std::lround(scaled), 0L, 255L));
    }
    d_decoder->generic_work(d_soft.data(), d_decoded.data());

    uint8_t content[CONTENT_BYTES];
    for (int byte = 0; byte < CONTENT_BYTES; ++byte)
        content[byte] = static_cast<uint8_t>(take_bits(d_decoded, 8 * byte, 8));
    if (d_crc.compute(content, CONTENT_BYTES) !=
        take_bits(d_decoded, 8 * CONTENT_BYTES, 24))
        return false;
    int place = 0;
    for (const auto& [member, width] : FIELDS) {
        header.*member = take_bits(d_decoded, place, width);
        place += width;
    }
    return true;
}

} // namespace semisac
} // namespace gr
