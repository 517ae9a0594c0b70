/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SAMPLE_LINE_H
#define INCLUDED_SEMISAC_SAMPLE_LINE_H

#include <gnuradio/gr_complex.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief The newest samples of a stream, one behind the other in memory.
 *
 * Before the start the stream was zero.
 */
class sample_line
{
public:
    //! \param history samples that stay readable behind the end
    explicit sample_line(std::size_t history)
        : d_history(history), d_samples(4 * std::max<std::size_t>(history, 1024))
    {
        clear();
    }

    //! Forget everything: the stream starts anew.
    void clear()
    {
        std::fill(d_samples.begin(), d_samples.end(), gr_complex());
        d_used = d_history;
        d_end = 0;
    }

    //! Number of samples so far.
    int64_t end() const { return d_end; }

    //! Room for `count` more samples, which are to be written at once.
    gr_complex* extend(std::size_t count)
    {
        if (d_used + count > d_samples.size()) {
            std::copy(d_samples.begin() + (d_used - d_history),
                      d_samples.begin() + d_used,
                      d_samples.begin());
            d_used = d_history;
        }
        gr_complex* room = d_samples.data() + d_used;
        d_used += count;
        d_end += static_cast<int64_t>(count);
        return room;
    }

    //! Sample number `index`, end() - history at the least.
    const gr_complex* at(int64_t index) const
    {
        return d_samples.data() + (static_cast<int64_t>(d_used) + index - d_end);
    }

private:
    const std::size_t d_history;
    std::vector<gr_complex> d_samples;
    std::size_t d_used = 0;
    int64_t d_end = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SAMPLE_LINE_H */
