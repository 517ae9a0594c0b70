/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_VECTORS_H
#define INCLUDED_SEMISAC_ECHO_VECTORS_H

#include "math/fft_batch.h"
#include <gnuradio/semisac/radar_parameters.h>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief The images' symbols in the spectra of a frame, with signs and delay undone; see
 * semisac_ml.signal.echo_processing.echo_vectors.
 */
class echo_vectors
{
public:
    explicit echo_vectors(const frame_parameters& parameters);

    //! Delay in samples and Doppler in cycles a sample that are undone.
    void set_gate(double delay_samples, double doppler);

    //! Gain of what comes without delay, by least squares over the images' cells.
    gr_complex
    leakage(const gr_complex* sent, const gr_complex* received, int images) const;

    /*!
     * \brief Reads the symbols of images.
     *
     * \param sent spectra of symbols as transmitted
     * \param received spectra of symbols, not scaled, noise of variance `noise_power`
     * \param leakage gain of what is sent to take out first
     * \param symbols [images][channel_uses], noise of variance 1
     */
    void read(const gr_complex* sent,
              const gr_complex* received,
              gr_complex leakage,
              double noise_power,
              int images,
              gr_complex* symbols) const;

    /*!
     * \brief SNR of a symbol in the echo, by the matched filter over all images.
     *
     * T = |sum y conj(x)|^2 / sum |x|^2 has mean 1 + sum |x|^2 snr, and is exponential
     * with mean 1 without an echo: below 6.9, which noise exceeds once in a thousand
     * frames, there is no answer, and the result is negative.
     *
     * \param sent spectra of symbols as transmitted
     * \param symbols what read() gave
     */
    double snr(const gr_complex* sent, const gr_complex* symbols, int images) const;

private:
    struct correlation {
        gr_complex product; // sum y conj(x)
        float energy;       // sum |x|^2
    };
    correlation
    correlate(const gr_complex* sent, const gr_complex* symbols, int images) const;

    const int d_fft_size, d_channel_uses;
    std::vector<int> d_index; // into the spectra
    std::vector<int> d_subcarrier;
    std::vector<double> d_time; // of the symbol's first sample behind its prefix
    std::vector<float> d_sign;
    std::vector<gr_complex> d_turn; // of each cell, with its sign
    double d_delay_samples = 0.0, d_doppler = 0.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_VECTORS_H */
