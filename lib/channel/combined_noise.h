/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_COMBINED_NOISE_H
#define INCLUDED_SEMISAC_COMBINED_NOISE_H

#include "math/philox.h"
#include <gnuradio/gr_complex.h>
#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Lower triangular L with L L^H = W W^H, of a combiner W [chains][antennas].
 *
 * Cholesky's, but for the column of a beam that those above it make up already, which is
 * zero. semisac_ml.signal.mimo_ofdm.noise_factor gives the same.
 *
 * \param factor [chains][chains]
 */
void find_noise_factor(const gr_complex* combiner,
                       int chains,
                       int antennas,
                       std::complex<double>* factor);

/*!
 * \brief Noise of chains, as white noise of their antennas is behind the combiner.
 *
 * Draws belong to a frame and to numbers in it (see sample_noise).
 */
class combined_noise
{
public:
    combined_noise(uint64_t seed, stream_t stream, int subcarriers, int chains)
        : d_seed(seed), d_stream(stream), d_subcarriers(subcarriers), d_chains(chains)
    {
        d_white.resize(static_cast<std::size_t>(subcarriers) * chains);
    }

    //! y += amplitude L w for each subcarrier; y [subcarriers][chains]. row: which.
    void add(gr_complex* y,
             const std::complex<double>* factor,
             float amplitude,
             uint64_t frame,
             uint64_t row);

private:
    const uint64_t d_seed;
    const stream_t d_stream;
    const int d_subcarriers, d_chains;
    std::vector<gr_complex> d_white;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_COMBINED_NOISE_H */
