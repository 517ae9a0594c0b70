/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SYMBOL_QUEUE_H
#define INCLUDED_SEMISAC_SYMBOL_QUEUE_H

#include "block/tag_values.h"
#include <gnuradio/gr_complex.h>
#include <gnuradio/tags.h>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace gr {
namespace semisac {

//! A whole frame of OFDM symbols, and the beams that they are sent with.
struct symbol_frame {
    uint64_t id = 0;
    int turn = 0;                      //!< how often ids went back before
    std::vector<gr_complex> symbols;   //!< [items][item_length]
    std::vector<gr_complex> precoders; //!< [items][precoder_length], where new ones are
    std::vector<char> has_precoder;    //!< of each item
    std::vector<std::pair<int, tag_t>> tags; //!< others, with the items that they are on

    //! Frames of several inputs that belong together have the same place.
    std::pair<int, uint64_t> place() const { return { turn, id }; }
};

//! Sizes of frames.
struct symbol_layout {
    int items;           //!< of a frame
    int item_length;     //!< complex numbers of an item
    int precoder_length; //!< complex numbers of a precoder
};

/*!
 * \brief Whole frames of one input, first in, first out.
 *
 * A frame begins where the tag frame_id is and has so many items. One without a number
 * from 0 on, a precoder of the right length on its first item, or with a precoder or
 * symbols that are none, is refused.
 */
class symbol_queue
{
public:
    symbol_queue(const gr::logger_ptr& logger,
                 const symbol_layout& layout,
                 std::size_t most_frames);

    void clear();

    /*!
     * \brief Take items in, as far as there is a place for their frames.
     *
     * \param items `count` of the stream, the first of which is number `first`
     * \param tags of these items in the order of their offsets
     * \return how many were taken
     */
    int take(const gr_complex* items,
             int count,
             uint64_t first,
             const std::vector<tag_t>& tags);

    bool empty() const { return d_count == 0; }
    //! Whether the frame behind the oldest is there too, or there is no place for it.
    bool sees_the_next() const { return d_count > 1 || full(); }
    bool full() const { return d_count == d_frames.size(); }
    const symbol_frame& oldest() const { return d_frames[d_oldest]; }
    void drop_oldest();

    //! No more items come.
    void end();

    //! Whether the next frame shows that the id of the oldest is out of line.
    bool is_out_of_line() const;
    void refuse_oldest();
    int turn() const { return d_turn; }
    //! Ids went back so often, whatever was seen here.
    void set_turn(int turn);

    uint64_t frames_refused() const { return d_refused; }
    uint64_t frames_truncated() const { return d_truncated; }

private:
    symbol_frame& at(std::size_t position)
    {
        return d_frames[(d_oldest + position) % d_frames.size()];
    }
    void open(int64_t id);
    void take_tags(const std::vector<tag_t>& tags, std::size_t from, std::size_t to);
    void take_precoder(const tag_t& tag);
    void close();

    const symbol_layout d_layout;
    tag_reader d_reader;
    std::vector<symbol_frame> d_frames;
    std::size_t d_oldest = 0, d_count = 0;
    int d_filled = -1; // items of the frame that is coming in; below 0: none is
    bool d_good = true;
    int d_turn = 0;
    int64_t d_last = -1, d_before = -1; // ids of the newest frames that are in line
    uint64_t d_refused = 0, d_truncated = 0;

    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_precoder = pmt::mp("precoder");
    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db"); // do not pass: the channel has own
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SYMBOL_QUEUE_H */
