/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHANNEL_ESTIMATOR_H
#define INCLUDED_SEMISAC_CHANNEL_ESTIMATOR_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <volk/volk_alloc.hh>
#include <algorithm>
#include <complex>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief LMMSE estimate of a channel from known cells and from the chirps.
 *
 * The channel is a filter h of T taps one sample apart, as many as the prefix has samples
 * and a few more, since a path between two samples shows in its neighbours. Nothing else
 * is known about it before: taps ~ CN(0, P / T), independent, with P the mean of
 * |H[k]|^2. Its estimate from y = S h + w, w ~ CN(0, N0), is
 *
 *     h = (S^H S + (N0 T / P) I)^-1 S^H y.
 *
 * S^H S is Hermitian Toeplitz for both kinds of knowledge, and so is their sum: cells of
 * known value give the Fourier transform of how often each subcarrier is known, chirps
 * their autocorrelation. Levinson's recursion solves it in T^2 steps. The estimate's
 * error is about N0 T / (known cells + chirp samples) in each subcarrier.
 */
class channel_estimator
{
public:
    //! Taps beyond the prefix on either side.
    static constexpr int MORE_TAPS = 2;

    //! advance: samples by which the transform begins before the end of the prefix
    channel_estimator(const frame_parameters& parameters, int advance);

    int taps() const { return d_taps; }

    //! First column of S^H S for cells known so many times each.
    std::vector<std::complex<double>>
    column_of_cells(const std::vector<float>& times) const;
    //! First column of S^H S for both chirps.
    const std::vector<std::complex<double>>& column_of_chirps() const { return d_column; }

    //! S^H y for both chirps; frame: first sample of the frame. Replaces what was there.
    void set_chirps(const gr_complex* frame);
    //! Add S^H y for known cells: sums[i] of conj(x) y over the cells of used subcarrier
    //! i.
    void add_cells(const gr_complex* sums);
    //! Forget what was added to the chirps.
    void keep_chirps_only() { d_known = d_chirps_known; }
    //! Forget the chirps as well.
    void forget() { std::fill(d_known.begin(), d_known.end(), 0.0); }

    /*!
     * \brief Solve for the taps.
     *
     * \param column first column of S^H S
     * \param load N0 T / P
     */
    void solve(const std::vector<std::complex<double>>& column, double load);

    //! Energy of the chirps' samples that were set.
    double chirp_energy() const { return d_chirp_energy; }
    //! |y - S h|^2 of what was solved for; energy: |y|^2
    double residual(double energy) const;
    //! Channel at the used subcarriers.
    void response(gr_complex* channel) const;
    //! Energy of the taps.
    double tap_energy() const;

private:
    const int d_taps;
    const int d_used;
    const int d_advance;
    const int d_chirp_samples; // of both
    volk::vector<gr_complex> d_chirps;
    volk::vector<gr_complex> d_waves; // [tap][used]: exp(j 2 pi k delay / fft size)
    std::vector<std::complex<double>> d_column;
    std::vector<std::complex<double>> d_chirps_known, d_known, d_solution;
    std::vector<std::complex<double>> d_forward, d_before; // of Levinson's recursion
    double d_chirp_energy = 0.0;
    double d_load = 0.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHANNEL_ESTIMATOR_H */
