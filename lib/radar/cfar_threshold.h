/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CFAR_THRESHOLD_H
#define INCLUDED_SEMISAC_CFAR_THRESHOLD_H

#include "radar/map_geometry.h"
#include <gnuradio/semisac/cfar_detector.h>
#include <array>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Factor and noise level of CFAR for maps of one geometry; see
 * semisac_ml.signal.cfar.
 */
class cfar_threshold
{
public:
    cfar_threshold(const map_geometry& geometry, const cfar_settings& settings);

    //! Multiple of the level from which a cell is a detection, at a rate of each cell.
    double factor(double cell_rate) const;

    //! False-alarm rate of a cell for one of a map.
    double cell_rate(double map_rate) const;

    //! Whether a cell of a power map [doppler_bins][range_bins] is above `factor` levels.
    bool is_exceeded(const float* power, int row, int column, double factor);

    //! Noise level beside a cell of it.
    float level(const float* power, int row, int column);

    //! Noise variance of a cell of one antenna, from the level beside it.
    double noise_variance(double level) const { return level / d_level_of_unit_noise; }

private:
    //! Whether all references of a cell lie around it, none at the other end of the map.
    bool is_inside(int row, int column) const;
    float reference(const float* power, int row, int column, std::size_t number) const;

    struct offset {
        int row, column;
    };

    struct axis {
        int bins;
        double spread; // of the noise before the FFT, in cells squared
    };

    void set_offsets(const map_geometry& geometry, const cfar_settings& settings);
    void set_axes(const map_geometry& geometry);
    double separate_cells(double factor) const;
    void set_correlation(const map_geometry& geometry);
    double ca_false_alarm_rate(double factor) const;
    double os_false_alarm_rate(double factor) const;
    double os_mean() const;

    const int d_doppler_bins, d_range_bins, d_looks;
    const cfar_method_t d_method;
    std::vector<offset> d_offsets;
    std::vector<int> d_places;  // of the same, from a cell of the map
    offset d_reach = { 0, 0 };  // of the farthest
    std::array<axis, 2> d_axes; // range, Doppler
    int d_rank = 0;
    double d_independent = 0.0; // references of CA
    std::vector<double> d_root; // of the correlation of cell and references, if few
    double d_level_of_unit_noise = 1.0;
    std::vector<double> d_nodes, d_weights; // quadrature of OS with several looks
    std::vector<float> d_references;        // of the cell at hand
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CFAR_THRESHOLD_H */
