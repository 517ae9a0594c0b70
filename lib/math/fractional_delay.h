/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRACTIONAL_DELAY_H
#define INCLUDED_SEMISAC_FRACTIONAL_DELAY_H

#include "math/phasor.h"
#include "math/sample_line.h"
#include <gnuradio/gr_complex.h>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace semisac {

//! Samples that the interpolation reaches to either side.
constexpr int HALF_KERNEL = 16;
constexpr int KERNEL_SAMPLES = 2 * HALF_KERNEL;

using kernel_t = std::array<float, KERNEL_SAMPLES>;

/*!
 * \brief Weight of a sample at distance `t` samples: sinc under a Kaiser window.
 *
 * beta = 6.76 gives 70 dB of attenuation (J. F. Kaiser, "Nonrecursive digital filter
 * design using the I0-sinh window function", ISCAS 1974): with 32 samples the delay is
 * flat to within 3e-4 up to 0.43 of the sample rate on either side of the carrier, and
 * must not be relied on beyond.
 */
double interpolation_weight(double t);

//! Weights of samples o - 15 ... o + 16 that give the value at o + fraction.
kernel_t interpolation_kernel(double fraction);

//! The same from a table, within 4e-7: for places that move.
kernel_t tabled_kernel(double fraction);

//! y[i] = sum over j of weights[j] x[i + j].
void interpolate(const gr_complex* x,
                 const kernel_t& weights,
                 gr_complex* y,
                 std::size_t count);

/*!
 * \brief Where a stream is read: at sample n + offset + rate (n - index).
 *
 * rate is 0 for a delay that stands still.
 */
struct read_position {
    double offset = 0.0;
    double rate = 0.0;
    uint64_t index = 0;

    double offset_at(uint64_t sample) const
    {
        return offset + rate * static_cast<double>(static_cast<int64_t>(sample - index));
    }

    void set_rate(double new_rate, uint64_t sample)
    {
        offset = offset_at(sample);
        index = sample;
        rate = new_rate;
    }

    bool moves() const { return rate != 0.0; }
};

/*!
 * \brief Read a stream at a moving place.
 *
 * Along a segment of at most 256 samples, in which the place moves by at most 1/512 of a
 * sample, the weights are interpolated between those of its ends; the error stays below
 * 2e-6 of the signal. Segments start at multiples of their length.
 */
class moving_interpolator
{
public:
    moving_interpolator() { tabled_kernel(0.0); } // makes the table, before work() runs

    //! Samples in a segment for a rate: a power of two.
    static std::size_t segment_samples(double rate);

    //! Values at outputs `first` and behind it; the line must hold what they reach.
    void read(const read_position& position,
              const sample_line& line,
              uint64_t first,
              gr_complex* y,
              std::size_t count);

private:
    std::array<gr_complex, PIECE> d_change{};
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRACTIONAL_DELAY_H */
