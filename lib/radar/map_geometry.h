/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MAP_GEOMETRY_H
#define INCLUDED_SEMISAC_MAP_GEOMETRY_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/radar_parameters.h>
#include <array>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! FFT of the chirp over range_bins within its band, 0 outside.
std::vector<gr_complex> chirp_spectrum(const radar_parameters& parameters);

/*!
 * \brief Numbers behind the axes of range-Doppler maps; see
 * semisac_ml.signal.range_doppler.MapGeometry.
 *
 * Frequency cells are in the order of the FFT, 0 ... R/2 - 1, -R/2 ... -1.
 */
struct map_geometry {
    explicit map_geometry(const radar_parameters& parameters);

    int antennas, slow_times, doppler_bins, range_bins;
    double carrier_hz, cell_spacing_hz, slow_time_s, element_spacing, coupling_s_per_hz;

    //! Amplitude of an echo and variance of the noise in each frequency cell, relative.
    std::vector<float> spectrum;
    //! Sum of the spectrum.
    double spectrum_sum;
    //! Windows over frequency (0 where nothing is sent) and over slow time.
    std::vector<float> range_weights, doppler_weights;
    //! Factor behind the FFTs: cells of noise variance `spectrum` give maps of
    //! variance 1.
    double scale;

    //! Coordinate of each cell for delay (-k), Doppler (m) and angle (a), centred at 0.
    std::array<std::vector<double>, 3> coordinates;
    //! Mean square of the coordinates, weighted by the spectrum along frequency.
    std::array<double, 3> spread;
    //! Occupied length of each axis in cells.
    std::array<double, 3> extent;

    //! k of frequency cell `bin`.
    int frequency_index(int bin) const
    {
        return bin < range_bins / 2 ? bin : bin - range_bins;
    }
    int64_t cells() const { return static_cast<int64_t>(slow_times) * range_bins; }
    int64_t map_cells() const { return static_cast<int64_t>(doppler_bins) * range_bins; }

private:
    void set_spectrum(const radar_parameters& parameters);
    void set_weights(const radar_parameters& parameters);
    void set_coordinates();
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MAP_GEOMETRY_H */
