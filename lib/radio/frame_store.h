/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_STORE_H
#define INCLUDED_SEMISAC_FRAME_STORE_H

#include "block/tag_values.h"
#include <gnuradio/gr_complex.h>
#include <gnuradio/tags.h>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! A whole frame, and the tags of its first sample.
struct stored_frame {
    std::vector<gr_complex> samples; //!< at least `kept` of them
    int64_t length = 0;              //!< as packet_len says
    int64_t kept = 0;                //!< samples that are stored
    uint64_t id = 0;
    uint64_t offset = 0; //!< of the first sample in the stream
    std::vector<tag_t> tags;
};

/*!
 * \brief Whole frames of a tagged stream, first in, first out.
 *
 * A frame begins where the tag frame_id is and has the samples that packet_len says, up
 * to LONGEST_FRAME; one that has no such length, or no number for an id, is left out.
 * Memory is taken when a frame is longer than any that had its place before.
 */
class frame_store
{
public:
    static constexpr int LONGEST_FRAME = 1 << 24; //!< samples; see frame_parameters

    /*!
     * \param logger of the block, which hears of tags that are ignored
     * \param most_frames that there is a place for
     * \param most_samples that are stored of each, from its first one on
     */
    explicit frame_store(const gr::logger_ptr& logger,
                         std::size_t most_frames,
                         int64_t most_samples = LONGEST_FRAME)
        : d_reader(logger), d_frames(most_frames), d_most_samples(most_samples)
    {
    }

    void clear();

    /*!
     * \brief Take samples in, as far as there is a place for their frames.
     *
     * \param samples `count` of the stream, the first of which is number `first`
     * \param tags of these samples in the order of their offsets
     * \return how many were taken
     */
    int take(const gr_complex* samples,
             int count,
             uint64_t first,
             const std::vector<tag_t>& tags);

    //! Whole frames that are there.
    std::size_t size() const { return d_count; }
    bool full() const { return d_count == d_frames.size(); }
    //! Frame number `position`, counted from the oldest.
    const stored_frame& at(std::size_t position) const
    {
        return d_frames[(d_oldest + position) % d_frames.size()];
    }
    void drop_oldest()
    {
        d_oldest = (d_oldest + 1) % d_frames.size();
        --d_count;
    }

    //! Frames that another one's begin cut short, or without a length or an id.
    uint64_t frames_truncated() const { return d_truncated; }

private:
    bool open(uint64_t offset, const std::vector<tag_t>& tags);
    stored_frame& filling() { return d_frames[(d_oldest + d_count) % d_frames.size()]; }

    tag_reader d_reader;
    std::vector<stored_frame> d_frames;
    const int64_t d_most_samples;
    std::size_t d_oldest = 0, d_count = 0;
    int64_t d_filled = -1; // samples of the frame that is coming in; below 0: none is
    uint64_t d_truncated = 0;

    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_packet_len = pmt::mp("packet_len");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_STORE_H */
