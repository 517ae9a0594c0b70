/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TAPPED_LINE_H
#define INCLUDED_SEMISAC_TAPPED_LINE_H

#include "channel/channel_plan.h"
#include "math/sample_line.h"
#include <array>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! A value that holds from a sample on.
template <typename T>
struct change {
    uint64_t sample;
    T value;
};

/*!
 * \brief Taps with delays and gains that fade, addressed by the sample of the input.
 */
class tapped_line
{
public:
    explicit tapped_line(const channel_frame& frame);

    //! Take another plan from a sample on; sinusoids go on without a jump.
    void configure(const channel_plan& plan, uint64_t sample);

    //! y[k] = sum of the taps at sample first + k; all must lie in one piece.
    void run(const sample_line& input, uint64_t first, gr_complex* y, std::size_t count);

    //! Gains of a channel without delay spread since the last call of forget_gains().
    const std::vector<change<gr_complex>>& gains() const { return d_changes; }
    void forget_gains();

private:
    void run_constant(const sample_line& input,
                      uint64_t first,
                      gr_complex* y,
                      std::size_t count);
    void run_doppler(const sample_line& input,
                     uint64_t first,
                     gr_complex* y,
                     std::size_t count);
    void draw_block(uint64_t block, uint64_t sample);
    void sum_sinusoids(std::size_t tap, uint64_t first, std::size_t count);
    const gr_complex* read(const channel_tap& tap,
                           const sample_line& input,
                           uint64_t first,
                           std::size_t count);

    channel_frame d_frame;
    const channel_plan* d_plan = nullptr;
    std::vector<gr_complex> d_gains;        // of each tap in the current block
    uint64_t d_block = 0;                   // whose gains they are
    bool d_drawn = false;                   // whether there are any
    std::vector<running_phase> d_sinusoids; // under Doppler
    std::vector<change<gr_complex>> d_changes;
    std::array<gr_complex, PIECE> d_read{};
    std::array<float, PIECE> d_gain_i{};
    std::array<float, PIECE> d_gain_q{};
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TAPPED_LINE_H */
