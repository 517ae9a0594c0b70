/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SAMPLE_NOISE_H
#define INCLUDED_SEMISAC_SAMPLE_NOISE_H

#include "math/phasor.h"
#include "math/philox.h"
#include <gnuradio/gr_complex.h>
#include <array>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief White complex Gaussian noise that belongs to places in a stream.
 *
 * Sample n takes word n % 4 of the Philox block with counter (n / 4 + 1, lane, 0, 0) and
 * key (seed, stream). Its lower half is the uniform of the magnitude, its upper half the
 * angle of Box and Muller's transform:
 *
 *     z = sqrt(-ln((lower + 1) / 2^32)) exp(j 2 pi upper / 2^32),
 *
 * CN(0, 1) up to |z|^2 = 22.2, beyond which only 2.3e-10 of the samples would lie.
 * semisac_ml.signal.random_stream.sample_normal gives the same.
 */
class sample_noise
{
public:
    sample_noise(uint64_t seed, stream_t stream, uint64_t lane = 0)
        : d_key{ seed, static_cast<uint64_t>(stream) }, d_lane(lane)
    {
    }

    //! y[k] += amplitude z[first + k], count up to PIECE.
    void add(gr_complex* y, uint64_t first, std::size_t count, float amplitude);

    //! y[k] = z[first + k], count up to PIECE.
    void values(gr_complex* y, uint64_t first, std::size_t count);

    //! Uniform in (0, 1] of one sample: the upper 53 bits of its word.
    double uniform(uint64_t sample);

private:
    //! Words of the samples from `first` on.
    const uint64_t* words(uint64_t first, std::size_t count);

    const philox4x64::key_type d_key;
    const uint64_t d_lane;
    std::array<uint64_t, PIECE + 8> d_words{};
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SAMPLE_NOISE_H */
