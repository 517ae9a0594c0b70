/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "radar/map_transform.h"
#include <volk/volk.h>
#include <algorithm>

namespace gr {
namespace semisac {

namespace {

fft_layout along_range(const map_geometry& geometry)
{
    return { geometry.range_bins, geometry.slow_times, 1, geometry.range_bins };
}

fft_layout along_doppler(const map_geometry& geometry)
{
    return { geometry.doppler_bins, geometry.range_bins, geometry.range_bins, 1 };
}

} // namespace

map_transform::map_transform(const map_geometry& geometry)
    : d_slow_times(geometry.slow_times),
      d_range_bins(geometry.range_bins),
      d_weights(geometry.cells()),
      d_inverse_weights(geometry.cells()),
      d_rows(geometry.map_cells()),
      d_work(geometry.map_cells()),
      d_to_ranges(along_range(geometry), false, d_rows.data(), d_rows.data()),
      d_to_dopplers(along_doppler(geometry), true, d_rows.data(), d_work.data()),
      d_from_dopplers(along_doppler(geometry), false, d_work.data(), d_work.data()),
      d_from_ranges(along_range(geometry), true, d_work.data(), d_work.data())
{
    std::fill(d_rows.begin(), d_rows.end(), gr_complex(0.0f)); // planning writes there
    const double bins = static_cast<double>(geometry.map_cells());
    for (int64_t cell = 0; cell < geometry.cells(); ++cell) {
        const int64_t time = cell / d_range_bins;
        const double weight = geometry.doppler_weights[time] *
                              geometry.range_weights[cell % d_range_bins] *
                              geometry.scale * (time % 2 == 0 ? 1.0 : -1.0);
        d_weights[cell] = weight;
        d_inverse_weights[cell] = weight != 0.0 ? 1.0 / (weight * bins) : 0.0;
    }
}

void map_transform::to_map(gr_complex* map)
{
    d_to_ranges.execute(d_rows.data(), d_rows.data());
    d_to_dopplers.execute(d_rows.data(), map);
}

void map_transform::to_map(const gr_complex* cells, gr_complex* map)
{
    volk_32fc_32f_multiply_32fc(d_rows.data(), cells, d_weights.data(), d_weights.size());
    to_map(map);
}

void map_transform::to_cells(const gr_complex* map, gr_complex* cells)
{
    std::copy_n(map, d_work.size(), d_work.data());
    d_from_dopplers.execute(d_work.data(), d_work.data());
    d_from_ranges.execute(d_work.data(), d_work.data());
    volk_32fc_32f_multiply_32fc(
        cells, d_work.data(), d_inverse_weights.data(), d_inverse_weights.size());
}

} // namespace semisac
} // namespace gr
