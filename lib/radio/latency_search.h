/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_LATENCY_SEARCH_H
#define INCLUDED_SEMISAC_LATENCY_SEARCH_H

#include <gnuradio/fft/fft.h>
#include <gnuradio/gr_complex.h>
#include <volk/volk_alloc.hh>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Place of the largest |sum_j c[j] w(t - j)| between samples.
 *
 * \param values `2 * PEAK_REACH + 1` values c of a band-limited function, the largest in
 * the middle; w is the sinc of lib/math/fractional_delay.h
 * \return t from the middle, -1 to 1
 */
constexpr int PEAK_REACH = 16;
double peak_between_samples(const gr_complex* values);

/*!
 * \brief Where in a long stream a known signal begins.
 *
 * c[l] = sum_n conj(s[n]) y[n + l] for all lags l = 0 ... lags - 1, by blocks: signal and
 * stream are cut into pieces of B = BLOCK samples, and with S_p the transform of piece p
 * behind which B zeros stand, and Y_b that of pieces b and b + 1 of the stream,
 *
 *     c[q B ... (q + 1) B - 1] = IFFT(sum_p conj(S_p) Y_(p + q)).
 *
 * Each piece of the stream is transformed once, as it comes; nothing of it is kept.
 *
 * The largest |c|^2 of all lags is the result, if it stands out: in noise alone |c|^2 is
 * exponential, so that 30 times the mean is exceeded by one of 10^7 lags with a
 * probability of 10^-6. No peak is taken before all lags were looked at: frames share
 * their chirps, pilots and more with the ones before and behind, where other peaks are.
 */
class latency_search
{
public:
    static constexpr int BLOCK = 4096;
    static constexpr int MOST_SIGNAL = 16 * BLOCK;
    static constexpr double LEAST_RATIO = 30.0;

    latency_search();

    /*!
     * \param signal `samples` of it, 1 to MOST_SIGNAL
     * \param lags how many to look at
     * \param first_heard lag from which on the stream is there: before it stand zeros
     */
    void
    begin(const gr_complex* signal, int samples, int64_t lags, int64_t first_heard = 0);
    bool is_running() const { return d_running; }
    void stop() { d_running = false; }
    //! End with the lags that were looked at so far.
    void end();

    //! Samples that add() looks at next: from this one on, `2 * BLOCK`.
    int64_t next_sample() const { return d_block * BLOCK; }
    //! Take the next block of the stream, with the one behind it.
    void add(const gr_complex* samples);

    //! Whether the signal was found, when the search has ended.
    bool found() const { return d_found; }
    //! Lag of the peak.
    double lag() const { return d_lag; }
    //! Its power over that of a copy of the signal.
    double gain() const { return d_best / (d_energy * d_energy); }
    //! Its |c|^2 over the mean of all.
    double ratio() const;

private:
    static constexpr int SIZE = 2 * BLOCK;

    static void copy_sound(const gr_complex* from, gr_complex* to);
    void look_at_lags();

    gr::fft::fft_complex_fwd d_forward;
    gr::fft::fft_complex_rev d_backward;
    std::vector<volk::vector<gr_complex>> d_signal; // spectrum of each piece / SIZE
    std::vector<volk::vector<gr_complex>> d_sums;   // of the lags that are open
    volk::vector<gr_complex> d_product;
    volk::vector<gr_complex> d_values; // c of the newest lags, and of 2 reaches before
    volk::vector<float> d_power;

    bool d_running = false, d_found = false;
    int d_pieces = 0;
    int64_t d_block = 0; // of the stream, that comes next
    int64_t d_lags = 0, d_first_heard = 0;
    double d_energy = 1.0;
    double d_best = 0.0, d_lag = 0.0;
    double d_sum = 0.0; // of |c|^2
    int64_t d_summed = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_LATENCY_SEARCH_H */
