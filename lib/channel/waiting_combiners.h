/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_WAITING_COMBINERS_H
#define INCLUDED_SEMISAC_WAITING_COMBINERS_H

#include <gnuradio/gr_complex.h>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Combiners that came and wait for their frames.
 *
 * They come in the order of their frames: one that is taken makes those useless that came
 * before it.
 */
class waiting_combiners
{
public:
    static constexpr uint64_t MOST = 64;

    explicit waiting_combiners(std::size_t length);

    //! Keep one, in the place of one for the same frame, or of the oldest.
    void add(uint64_t frame, const gr_complex* weights);

    //! The combiner of a frame, null where it has not come.
    const gr_complex* find(uint64_t frame) const;

    //! Whether one is here, of this run, for one of the MOST frames behind a frame.
    bool has_later(uint64_t frame) const;

    //! Its frame was sent.
    void forget(uint64_t frame);

    //! A run begins: those that are here may be of the last one.
    void begin_run();

    uint64_t dropped() const { return d_dropped; }

private:
    struct entry {
        uint64_t frame = 0;
        uint64_t order = 0; // 0: nothing is here
        std::vector<gr_complex> weights;
    };

    std::vector<entry> d_entries;
    uint64_t d_order = 0, d_run = 0, d_dropped = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_WAITING_COMBINERS_H */
