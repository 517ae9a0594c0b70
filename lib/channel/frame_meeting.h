/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_MEETING_H
#define INCLUDED_SEMISAC_FRAME_MEETING_H

#include "channel/symbol_queue.h"
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Frames of several inputs that belong together, by their ids.
 *
 * What is decided depends on the frames alone, never on when they come: where an input is
 * ahead, its next frame is waited for, which tells whether an id is out of line.
 */
class frame_meeting
{
public:
    frame_meeting(const gr::logger_ptr& logger,
                  const symbol_layout& layout,
                  int inputs,
                  std::size_t most_frames);

    void clear();

    //! Take items of an input in, see symbol_queue.
    int take(int input,
             const gr_complex* items,
             int count,
             uint64_t first,
             const std::vector<tag_t>& tags);
    //! No more items of an input come.
    void end(int input);
    bool full(int input) const { return d_queues[input].full(); }

    //! Look for the next frame; false where more items are needed to know.
    bool find_next();
    //! Whether an input's items are needed for that.
    bool needs(int input) const { return d_needed[input]; }

    //! Whether any input has the frame that was found; if not, there are no more.
    bool is_there() const;
    bool has(int input) const { return d_chosen[input]; }
    //! Inputs that do not have it.
    int missing() const;
    uint64_t frame_id() const { return d_frame_id; }
    const symbol_frame& frame(int input) const { return d_queues[input].oldest(); }
    //! The frame of the first input that has it.
    const symbol_frame& first_frame() const;

    //! Forget the frame that was found.
    void drop();

    uint64_t frames_refused() const;
    uint64_t frames_truncated() const;

private:
    void level_turns();

    std::vector<symbol_queue> d_queues;
    std::vector<char> d_ended, d_needed, d_chosen; // inputs
    uint64_t d_frame_id = 0;
    int d_alone = 0; // frames in a row that some inputs did not have
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_MEETING_H */
