/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_COLUMN_SUMS_H
#define INCLUDED_SEMISAC_COLUMN_SUMS_H

#include <gnuradio/gr_complex.h>
#include <cstddef>

namespace gr {
namespace semisac {

//! Columns that are summed together: counts that are multiples of it are fastest.
constexpr std::size_t COLUMNS_TOGETHER = 8;

/*!
 * \brief sums[k] = sum over rows of weights[row] cells[row * stride + k], k < count.
 *
 * In single precision: sum no more than some hundred rows at once.
 */
void column_sums(const gr_complex* cells,
                 std::size_t rows,
                 std::size_t stride,
                 std::size_t count,
                 const gr_complex* weights,
                 gr_complex* sums);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_COLUMN_SUMS_H */
