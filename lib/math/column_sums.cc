/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/column_sums.h"
#include "math/phasor.h"
#include "math/vector_clones.h"
#include <cstring>

namespace gr {
namespace semisac {

SEMISAC_VECTOR_CLONES
void column_sums(const gr_complex* cells,
                 std::size_t rows,
                 std::size_t stride,
                 std::size_t count,
                 const gr_complex* weights,
                 gr_complex* sums)
{
    // Real and imaginary part of a weight times both parts of a cell, apart until the
    // end: so no lane needs what is in another.
    typedef float four_cells __attribute__((vector_size(32)));
    constexpr std::size_t FLOATS = sizeof(four_cells) / sizeof(float);
    std::size_t first = 0;
    for (; first + COLUMNS_TOGETHER <= count; first += COLUMNS_TOGETHER) {
        four_cells by_real[2] = {}, by_imag[2] = {};
        const auto* in = reinterpret_cast<const float*>(cells + first);
        for (std::size_t row = 0; row < rows; ++row, in += 2 * stride) {
            const float real = weights[row].real(), imag = weights[row].imag();
            four_cells low, high;
            std::memcpy(&low, in, sizeof(low));
            std::memcpy(&high, in + FLOATS, sizeof(high));
            by_real[0] += real * low;
            by_imag[0] += imag * low;
            by_real[1] += real * high;
            by_imag[1] += imag * high;
        }
        float real[2 * FLOATS], imag[2 * FLOATS];
        std::memcpy(real, by_real, sizeof(real));
        std::memcpy(imag, by_imag, sizeof(imag));
        for (std::size_t k = 0; k < COLUMNS_TOGETHER; ++k)
            sums[first + k] =
                gr_complex(real[2 * k] - imag[2 * k + 1], real[2 * k + 1] + imag[2 * k]);
    }
    for (; first < count; ++first) {
        gr_complex sum = 0.0f;
        for (std::size_t row = 0; row < rows; ++row)
            sum += multiply(weights[row], cells[row * stride + first]);
        sums[first] = sum;
    }
}

} // namespace semisac
} // namespace gr
