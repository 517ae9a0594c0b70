/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_VECTORS_H
#define INCLUDED_SEMISAC_ECHO_VECTORS_H

#include "fft_batch.h"
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

    //! Delay that is undone, in samples.
    void set_delay_samples(double delay_samples);

    /*!
     * \brief Reads the symbols of images.
     *
     * \param received spectra of symbols, not scaled, noise of variance `noise_power`
     * \param symbols [images][channel_uses], noise of variance 1
     */
    void read(const gr_complex* received,
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
    const int d_fft_size, d_channel_uses;
    std::vector<int> d_index; // into the spectra
    std::vector<int> d_bin;   // of the FFT
    std::vector<float> d_sign;
    std::vector<gr_complex> d_turn; // of each bin of the FFT
    double d_delay_samples = 0.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_VECTORS_H */
