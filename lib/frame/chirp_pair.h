/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHIRP_PAIR_H
#define INCLUDED_SEMISAC_CHIRP_PAIR_H

#include <gnuradio/fft/fft.h>
#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <volk/volk_alloc.hh>

namespace gr {
namespace semisac {

/*!
 * \brief Time and carrier offset of an up-chirp with a down-chirp right behind it.
 *
 * A carrier offset f moves the peak of the up-chirp's matched filter by -f L / B samples
 * and that of the down-chirp by f L / B (length L, bandwidth B): half the sum of both
 * times is the time, half the difference times B / L the offset, without ambiguity.
 *
 * Steps:
 *  1. Both matched filters around the expected peaks. The shift between the two delay
 *     profiles is where their complex correlation is largest. A profile has all paths,
 * with phases that the offset turns alike in both: where two are about equally strong,
 * noise may make either the strongest of one chirp, but all add up at the right shift
 * alone.
 *  2. The offset that follows is taken off the samples, which makes the filters matched
 *     (a mismatched peak is biased towards the chirp's middle by about 0.001 samples) and
 *     the profiles equal. The strongest path of their sum is what both chirps are timed
 * on.
 *  3. Newton's method finds each peak of |c(t)|^2,
 *     c(t) = sum_k Y[k] conj(S[k]) exp(j 2 pi k t / N), the exact interpolation of the
 *     filter's output.
 *
 * With one path and white noise each time has the Cramer-Rao variance 3 / (2 snr pi^2
 * B^2) s^2, snr = L times the SNR of a sample, above about snr = 13 dB; time and offset
 * from both have 1/2 and (B fs / L)^2 / 2 times that. With several paths closer than fs /
 * B samples the time is that of the peak that they form together, which both chirps see
 * alike.
 */
class chirp_pair
{
public:
    struct estimate {
        double delay_samples; //!< of the up-chirp's first sample behind the expected one
        double cfo_hz;
        float rho_up, rho_down; //!< see chirp_search
        float power;            //!< |c|^2 of both chirps, mean
        float balance;          //!< |c|^2 of the weaker chirp over that of the stronger
    };

    /*!
     * \param parameters of the frame
     * \param most_cfo_hz largest offset that is looked for
     */
    chirp_pair(const frame_parameters& parameters, double most_cfo_hz);

    //! rho of chirps without noise: 1, but for the filters' taper.
    double largest_rho() const { return d_largest_rho; }

    //! Samples that must be there before the expected start of the up-chirp.
    int samples_before() const { return d_margin; }
    //! Samples that must be there from the expected start on.
    int samples_behind() const { return d_length + d_fft_size - d_margin; }

    //! Estimate from samples; `expected` points at the expected start of the up-chirp.
    estimate find(const gr_complex* expected);

private:
    struct peak {
        double time;
        float power;
    };

    void match(const gr_complex* samples,
               const volk::vector<gr_complex>& reference,
               double cfo_hz,
               volk::vector<gr_complex>& product,
               volk::vector<gr_complex>& output);
    double profile_shift();
    peak find_peak(const volk::vector<gr_complex>& product,
                   const volk::vector<float>& power,
                   int start);
    float rho(const gr_complex* samples, float power) const;

    const double d_sample_rate_hz;
    const double d_hz_a_sample; // of half the difference: B / L
    const int d_length;
    const int d_fft_size;
    const int d_margin;
    const int d_width;      // half that of the profiles
    const int d_most_shift; // between the profiles
    const int d_band;       // bins on either side of 0
    double d_weight;        // sum of the squares of the filters' taper
    double d_largest_rho;

    gr::fft::fft_complex_fwd d_forward;
    gr::fft::fft_complex_rev d_backward;
    // conjugate spectra, in the order of an FFT
    volk::vector<gr_complex> d_up, d_down;
    volk::vector<gr_complex> d_up_product, d_down_product;
    volk::vector<gr_complex> d_up_output, d_down_output;
    volk::vector<float> d_up_power, d_down_power;
    volk::vector<gr_complex> d_ones, d_turned, d_values, d_first, d_second;
    volk::vector<float> d_frequency; // radians a sample, of the bins in increasing order
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHIRP_PAIR_H */
