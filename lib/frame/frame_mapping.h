/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_MAPPING_H
#define INCLUDED_SEMISAC_FRAME_MAPPING_H

#include <gnuradio/semisac/frame_parameters.h>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Where the bits of the header and the symbols of the images lie in a frame.
 *
 * A cell is one subcarrier of one OFDM symbol: cell s U + i is used subcarrier i of U,
 * from the lowest frequency up, in symbol s, where symbol 0 is the first of the header.
 * The tables are those of semisac_ml.signal.frame_mapping, which says how they are made.
 */
struct frame_mapping {
    explicit frame_mapping(const frame_parameters& parameters);

    int symbols; //!< of header and body
    int used;    //!< subcarriers
    int cells() const { return symbols * used; }

    //! Sign by which each cell is multiplied, -1 or 1.
    std::vector<float> signs;
    //! Index into an FFT of each used subcarrier.
    std::vector<int> bins;
    //! Cells of the header that carry bits, and which coded bit.
    std::vector<int> header_cells, header_bits;
    //! Cell of symbol u of image i at [i channel_uses + u].
    std::vector<int> body_cells;
    //! Pilots of a symbol as used subcarriers, by the symbol modulo pilot_spacing.
    std::vector<std::vector<int>> pilots;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_MAPPING_H */
