/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_PHILOX_H
#define INCLUDED_SEMISAC_PHILOX_H

#include "math/wide_product.h"
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief Philox4x64-10, a random function of a counter and a key.
 *
 * J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", Proc. SC11, 2011, doi:10.1145/2063384.2063405. Ten rounds of
 * multiplication and exchange; the multipliers and the Weyl increments of the key are
 * those of the paper (table 2 and section 4), as in numpy.random.Philox.
 */
class philox4x64
{
public:
    using block = std::array<uint64_t, 4>;
    using key_type = std::array<uint64_t, 2>;

    static block generate(block counter, key_type key)
    {
        for (int round = 0; round < 10; ++round) {
            const wide_product product0 = multiply_wide(0xD2E7470EE14C6C93u, counter[0]);
            const wide_product product1 = multiply_wide(0xCA5A826395121157u, counter[2]);
            counter = { product1.high ^ counter[1] ^ key[0],
                        product1.low,
                        product0.high ^ counter[3] ^ key[1],
                        product0.low };
            key[0] += 0x9E3779B97F4A7C15u; // golden ratio
            key[1] += 0xBB67AE8584CAA73Bu; // sqrt(3) - 1
        }
        return counter;
    }
};

/*!
 * \brief Independent streams of one seed, one for each cause of randomness.
 *
 * The numbers are part of the definition that C++ and Python share
 * (semisac_ml.signal.random_stream): changing one changes every recorded result.
 */
enum class stream_t : uint64_t {
    FADING = 1,
    NOISE = 2,
    TARGET = 3,
    ECHO_FADING = 4,
    ECHO_NOISE = 5,
    SAMPLE_NOISE = 6,
    SAMPLE_FADING = 7,
    PHASE_NOISE = 8,
    GAPS = 9,
    TARGETS = 10,
    SWERLING = 11,
    CLUTTER = 12,
    RECEIVER_NOISE = 13,
    PN_SIGNS = 14,
    RADIO_START = 15,
    MIMO_PATHS = 17, // 16 is Python's alone
    STATION_NOISE = 18,
    USER_NOISE = 19
};

/*!
 * \brief Random draws of one stream for one frame, the same in C++ and in Python.
 *
 * Key (seed, stream), counter (b, frame, 0, 0) with b = 1, 2, ... (numpy steps the
 * counter before each block of four words).
 */
class random_stream
{
public:
    random_stream(uint64_t seed, stream_t stream, uint64_t frame_index)
        : d_key{ seed, static_cast<uint64_t>(stream) }, d_counter{ 0, frame_index, 0, 0 }
    {
    }

    uint64_t word()
    {
        if (d_next == d_words.size()) {
            ++d_counter[0];
            d_words = philox4x64::generate(d_counter, d_key);
            d_next = 0;
        }
        return d_words[d_next++];
    }

    //! Leave out words, where none has been taken yet.
    void skip(uint64_t words)
    {
        d_counter[0] += words / d_words.size();
        for (uint64_t i = 0; i < words % d_words.size(); ++i)
            word();
    }

    //! Uniform in (0, 1]: the upper 53 bits of a word, zero left out for the logarithm.
    double uniform() { return static_cast<double>((word() >> 11) + 1) * 0x1p-53; }

    //! CN(0, 1) by Box and Muller: |z|^2 is exponential with mean 1, the phase uniform.
    std::complex<double> complex_normal()
    {
        const double magnitude = std::sqrt(-std::log(uniform()));
        const double angle = 2.0 * M_PI * uniform();
        return { magnitude * std::cos(angle), magnitude * std::sin(angle) };
    }

private:
    philox4x64::key_type d_key;
    philox4x64::block d_counter;
    philox4x64::block d_words{};
    std::size_t d_next = 4;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_PHILOX_H */
