/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_PEAK_REFINEMENT_H
#define INCLUDED_SEMISAC_PEAK_REFINEMENT_H

#include "math/fft_batch.h"
#include "radar/map_geometry.h"
#include <gnuradio/semisac/echo_processor.h>
#include <array>
#include <complex>
#include <vector>

namespace gr {
namespace semisac {

//! Delay df tau, Doppler T f and angle d sin(azimuth), in cycles a cell.
using wave_frequency = std::array<double, 3>;

/*!
 * \brief Maximum-likelihood delay, Doppler and angle of a point target in cells; theory
 * in semisac_ml.signal.peak_refinement.
 *
 * Cells are [antennas][slow_times][range_bins], noise of variance `spectrum`.
 */
class peak_refinement
{
public:
    explicit peak_refinement(const map_geometry& geometry);

    //! A start near the peak at a cell of the map, [antennas][doppler_bins][range_bins].
    wave_frequency
    start(const gr_complex* map, const gr_complex* cells, int row, int column);

    //! What the removal of leakage took out of the cells.
    void set_removal(leakage_removal_t removal) { d_removal = removal; }

    //! Takes it out of cells in which symbols of random power left some of it.
    void remove_leakage(gr_complex* cells) const;

    //! Share of an echo's energy that is left.
    double kept_energy(const wave_frequency& frequency);

    //! Share of an echo's energy that is in the cells, and its first two derivatives.
    std::array<double, 3> kept_share(double doppler) const;

    //! Spread of slow time that the bound of Doppler goes by.
    double doppler_spread(double doppler) const;

    //! The maximum near a start, by Newton's method.
    wave_frequency refine(const gr_complex* cells, wave_frequency frequency);

    //! Least-squares amplitude of an echo at these frequencies.
    gr_complex amplitude(const gr_complex* cells, const wave_frequency& frequency);

    //! Adds an echo to cells.
    void
    add_echo(gr_complex* cells, const wave_frequency& frequency, gr_complex amplitude);

private:
    using sums = std::array<std::array<std::complex<double>, 4>, 4>;

    void set_delay_wave(double frequency, int orders);
    void set_wave(int axis, double frequency);
    std::complex<double> row_sum(const gr_complex* row, const gr_complex* wave) const;
    void set_times(int orders);
    void sum_times(const gr_complex* cells, int order);
    std::complex<double> correlation(const gr_complex* cells,
                                     const wave_frequency& frequency);
    sums moments(const gr_complex* cells, const wave_frequency& frequency);
    bool newton_step(const sums& moment,
                     const std::array<double, 3>& kept,
                     std::array<double, 3>& step) const;
    std::array<double, 3> mean_wave(double doppler) const;
    double best_angle(const gr_complex* map, int row, int column);

    const map_geometry d_geometry;
    const double d_cells_energy; // sum of the spectrum over all cells and antennas
    std::complex<double> mean_cell() const;

    leakage_removal_t d_removal = leakage_removal_t::NONE;
    std::vector<int> d_free;               // axes on which there is something to find
    std::array<int, 2> d_first, d_length;  // occupied cells of each half of the FFT
    std::array<int, 2> d_begin, d_count;   // the same as far as they are summed together
    std::array<complex_buffer, 3> d_times; // conjugate wave of slow time times its powers
    complex_buffer d_columns, d_part;      // sums over slow time
    complex_buffer d_echo;                 // wave along frequency times the spectrum
    std::array<complex_buffer, 3> d_delay; // conjugate wave times x^0, x^1, x^2
    std::array<std::vector<std::complex<double>>, 3> d_wave; // conjugate, by axis
    std::vector<std::complex<double>> d_beam;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_PEAK_REFINEMENT_H */
