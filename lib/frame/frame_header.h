/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_HEADER_H
#define INCLUDED_SEMISAC_FRAME_HEADER_H

#include <gnuradio/digital/crc.h>
#include <gnuradio/fec/generic_decoder.h>
#include <gnuradio/fec/generic_encoder.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <array>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

constexpr int HEADER_VERSION = 1;

//! What a header says; fields and widths as in semisac_ml.signal.frame_header.
struct frame_header {
    uint32_t frame_id = 0;           //!< of the first image, modulo 2^32
    uint32_t images = 0;             //!< in the frame, 12 bits
    uint32_t bundle_fingerprint = 0; //!< 24 bits, 0 for none
    uint32_t checksum = 0;           //!< of the frame parameters, 16 bits
    uint32_t version = HEADER_VERSION;
};

//! CRC-16 (0x1021, start 0xFFFF) of parameters.canonical_text().
uint32_t parameters_checksum(const frame_parameters& parameters);

/*!
 * \brief Header to coded bits and back.
 *
 * 88 bits of content and CRC-24 of RFC 4880: a wrong header passes once in 2^24. The code
 * is that of Voyager and CCSDS 131.0-B, rate 1/2, constraint length 7, without the
 * inversion of the second generator, closed by 6 zeros, from GNU Radio's gr-fec.
 */
class header_codec
{
public:
    using coded_bits = std::array<uint8_t, CODED_HEADER_BITS>;

    header_codec();

    void encode(const frame_header& header, coded_bits& coded);

    /*!
     * \brief Decode and check.
     *
     * \param soft one value a coded bit, positive for 0; their common scale is of no
     * matter \param header what was found, where the check holds
     *
     * \return whether the check holds
     */
    bool decode(const std::array<float, CODED_HEADER_BITS>& soft, frame_header& header);

private:
    static constexpr int CONTENT_BYTES = 11;
    static constexpr int BYTES = HEADER_BITS / 8;

    gr::digital::crc d_crc;
    gr::fec::generic_encoder::sptr d_encoder;
    gr::fec::generic_decoder::sptr d_decoder;
    std::array<uint8_t, HEADER_BITS> d_bits{};
    std::vector<uint8_t> d_soft;
    std::vector<uint8_t> d_decoded;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_HEADER_H */
