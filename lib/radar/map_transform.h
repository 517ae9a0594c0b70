/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MAP_TRANSFORM_H
#define INCLUDED_SEMISAC_MAP_TRANSFORM_H

#include "math/fft_batch.h"
#include "radar/map_geometry.h"

namespace gr {
namespace semisac {

/*!
 * \brief Two-dimensional transforms between the cells of one antenna and its map.
 *
 * map[d][r] = scale sum_m sum_k w[m] w[k] cells[m][k] exp(j 2 pi k r / R)
 *             exp(-j 2 pi m (d - D / 2) / D)
 *
 * The shift of Doppler zero to row D / 2 is the sign (-1)^m of weights().
 */
class map_transform
{
public:
    explicit map_transform(const map_geometry& geometry);

    //! Weight w[m] w[k] (-1)^m scale by which cells are to be multiplied for rows().
    const volk::vector<float>& weights() const { return d_weights; }

    //! Room for weighted cells, [slow_times][range_bins]; to_map() overwrites it.
    gr_complex* rows() { return d_rows.data(); }

    //! Transforms what is in rows() to `map`, [doppler_bins][range_bins], aligned.
    void to_map(gr_complex* map);

    //! Weighs and transforms cells, [slow_times][range_bins].
    void to_map(const gr_complex* cells, gr_complex* map);

    //! The cells that gave a map, weights undone.
    void to_cells(const gr_complex* map, gr_complex* cells);

private:
    const int d_slow_times, d_range_bins;
    volk::vector<float> d_weights, d_inverse_weights;
    complex_buffer d_rows; // behind slow_times zeros
    complex_buffer d_work;
    fft_batch d_to_ranges, d_to_dopplers, d_from_dopplers, d_from_ranges;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MAP_TRANSFORM_H */
