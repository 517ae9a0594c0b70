/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_PHASOR_H
#define INCLUDED_SEMISAC_PHASOR_H

#include <gnuradio/gr_complex.h>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief Samples that are handled together: pieces end at its multiples.
 *
 * What is computed for a sample depends on its place in the stream alone, never on where
 * the scheduler cuts the stream.
 */
constexpr std::size_t PIECE = 256;

//! Phase as fixed point: 2^64 is one turn, so that sums wrap without error.
inline uint64_t phase_from_turns(double turns)
{
    const double high = (turns - std::floor(turns)) * 0x1p32;
    const double whole = std::floor(high);
    const auto upper = static_cast<uint64_t>(whole) & 0xFFFFFFFFu;
    return (upper << 32) + static_cast<uint64_t>((high - whole) * 0x1p32);
}

//! exp(j 2 pi phase / 2^32) of `count` phases, to 1e-7.
void phasors(const uint32_t* phases, gr_complex* values, std::size_t count);

//! exp(j 2 pi phase / 2^64).
inline gr_complex phasor(uint64_t phase)
{
    const double angle =
        static_cast<double>(static_cast<int64_t>(phase)) * (M_PI * 0x1p-63);
    return gr_complex(static_cast<float>(std::cos(angle)),
                      static_cast<float>(std::sin(angle)));
}

//! Product without the checks for infinity that std::complex makes.
inline gr_complex multiply(gr_complex a, gr_complex b)
{
    return gr_complex(a.real() * b.real() - a.imag() * b.imag(),
                      a.real() * b.imag() + a.imag() * b.real());
}

//! y[k] = y[k] * x[k].
void multiply_into(gr_complex* y, const gr_complex* x, std::size_t count);

//! y[k] = y[k] + gain x[k].
void add_scaled(gr_complex* y, const gr_complex* x, gr_complex gain, std::size_t count);

//! A phase that advances by `step` a sample from what it was at sample `index`.
struct running_phase {
    uint64_t phase = 0;
    uint64_t step = 0;
    uint64_t index = 0;

    uint64_t at(uint64_t sample) const { return phase + step * (sample - index); }

    //! Change the step at a sample, without a jump of the phase.
    void set_step(uint64_t new_step, uint64_t sample)
    {
        phase = at(sample);
        index = sample;
        step = new_step;
    }
};

//! A complex exponential whose frequency may change without a jump of the phase.
class tone
{
public:
    tone() { d_table.fill(1.0f); }

    //! Frequency in cycles a sample from a sample on.
    void set_frequency(double frequency, uint64_t sample);

    //! Have a phase at a sample; the frequency stays.
    void start(uint64_t phase, uint64_t sample)
    {
        d_phase.phase = phase;
        d_phase.index = sample;
    }

    bool turns() const { return d_phase.step != 0 || d_phase.phase != 0; }

    //! Multiply y, whose first sample is `sample`; all must lie in one piece.
    void rotate(gr_complex* y, uint64_t sample, std::size_t count) const;

private:
    running_phase d_phase;
    std::array<gr_complex, PIECE> d_table; // one piece from phase zero
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_PHASOR_H */
