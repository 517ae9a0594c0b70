/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/frame_mapping.h"
#include "math/philox.h"
#include <cstdint>

namespace gr {
namespace semisac {

namespace {

constexpr uint64_t SIGN_SEED = 0;
// Steps of the header's interleaver, see semisac_ml.signal.frame_mapping.
constexpr int BIT_STEP = 89, REPETITION_STEP = 53;

} // namespace

frame_mapping::frame_mapping(const frame_parameters& parameters)
    : symbols(parameters.header_symbols() + parameters.body_symbols()),
      used(parameters.used_subcarrier_count()),
      pilots(parameters.pilot_spacing)
{
    for (int k : parameters.used_subcarriers())
        bins.push_back((k + parameters.fft_size) % parameters.fft_size);
    for (int shift = 0; shift < parameters.pilot_spacing; ++shift)
        for (int position = shift; position < used; position += parameters.pilot_spacing)
            pilots[shift].push_back(position);

    signs.reserve(cells());
    for (int symbol = 0; symbol < symbols; ++symbol) {
        random_stream draws(SIGN_SEED, stream_t::PN_SIGNS, symbol);
        uint64_t word = 0;
        for (int position = 0; position < used; ++position) {
            word = position % 64 == 0 ? draws.word() : word >> 1;
            signs.push_back(word & 1u ? -1.0f : 1.0f);
        }
    }

    const int header_symbols = parameters.header_symbols();
    for (int symbol = 0; symbol < header_symbols; ++symbol)
        for (int position = 0; position < used; ++position)
            if (!parameters.is_pilot(position, symbol)) {
                const int place = static_cast<int>(header_cells.size());
                header_cells.push_back(symbol * used + position);
                header_bits.push_back(
                    (BIT_STEP * place + REPETITION_STEP * (place / CODED_HEADER_BITS)) %
                    CODED_HEADER_BITS);
            }

    std::vector<int> by_frequency;
    by_frequency.reserve(parameters.body_cells());
    for (int position = 0; position < used; ++position)
        for (int symbol = header_symbols; symbol < symbols; ++symbol)
            if (!parameters.is_pilot(position, symbol))
                by_frequency.push_back(symbol * used + position);
    const int64_t images = parameters.images_per_frame;
    const int64_t uses = parameters.channel_uses;
    const auto available = static_cast<int64_t>(by_frequency.size());
    for (int64_t image = 0; image < images; ++image)
        for (int64_t use = 0; use < uses; ++use)
            body_cells.push_back(
                by_frequency[(use * images + image) * available / (images * uses)]);
}

} // namespace semisac
} // namespace gr
