/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHIRP_SEARCH_H
#define INCLUDED_SEMISAC_CHIRP_SEARCH_H

#include <gnuradio/fft/fft.h>
#include <gnuradio/gr_complex.h>
#include <volk/volk_alloc.hh>

namespace gr {
namespace semisac {

/*!
 * \brief Matched filter of a chirp over a stream, normalised by the energy it meets.
 *
 * For the lag n it forms
 *
 *     rho[n] = |sum_i conj(s[i]) y[n + i]|^2 / (L sum_i |y[n + i]|^2),   i = 0 ... L - 1,
 *
 * by overlap and save. rho lies in [0, 1] and does not change with the level of y. With y
 * white and Gaussian it is the squared cosine between a random and a fixed direction of L
 * complex dimensions: rho ~ Beta(1, L - 1), P(rho > t) = (1 - t)^(L - 1), whatever the
 * noise power. With the chirp in noise its mean is about SNR / (1 + SNR), SNR that of a
 * sample.
 */
class chirp_search
{
public:
    /*!
     * \param chirp of modulus 1
     * \param most_lags in a run
     */
    chirp_search(const volk::vector<gr_complex>& chirp, int most_lags);

    //! Lags of a run.
    int lags() const { return d_lags; }
    //! Samples that a run looks at.
    int samples() const { return d_lags + d_length - 1; }

    /*!
     * \brief Find rho for lags 0 ... lags() - 1.
     *
     * \param samples the first of which lag 0 begins with
     * \param available how many; where fewer than samples(), zeros follow
     */
    void run(const gr_complex* samples, int available);

    const float* rho() const { return d_rho.data(); }
    //! |sum_i conj(s[i]) y[n + i]|^2
    const float* power() const { return d_power.data(); }

private:
    const int d_length;
    const int d_fft_size;
    const int d_lags;
    gr::fft::fft_complex_fwd d_forward;
    gr::fft::fft_complex_rev d_backward;
    volk::vector<gr_complex> d_reference; // conjugate spectrum of the chirp / fft size
    volk::vector<float> d_power;
    volk::vector<float> d_rho;
    volk::vector<float> d_sample_power;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHIRP_SEARCH_H */
