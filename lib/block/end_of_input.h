/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_END_OF_INPUT_H
#define INCLUDED_SEMISAC_END_OF_INPUT_H

#include <gnuradio/block_detail.h>
#include <gnuradio/buffer.h>
#include <gnuradio/buffer_reader.h>

namespace gr {
namespace semisac {

/*!
 * \brief Whether an input holds no more than `items_taken` items, and no more will come.
 *
 * The scheduler ends a block when its input has ended and holds less than forecast() asks
 * for. A block that keeps items inside asks for none once this is true, is called again,
 * and gives away what it kept. The order of the questions matters: what the upstream
 * block writes, it writes before it is done.
 */
inline bool
input_has_ended(const block_detail_sptr& detail, int items_taken = 0, int port = 0)
{
    if (!detail || detail->ninputs() <= port)
        return false;
    const buffer_reader_sptr input = detail->input(port);
    gr::thread::scoped_lock guard(*input->mutex());
    return input->done() && input->items_available() <= items_taken;
}

/*!
 * \brief Whether nobody reads output 0 any more.
 *
 * The scheduler ends a block then, but only where its output is full: one that waits for
 * something else has to look.
 */
inline bool output_has_ended(const block_detail_sptr& detail)
{
    if (!detail || detail->noutputs() == 0)
        return false;
    const buffer_sptr output = detail->output(0);
    gr::thread::scoped_lock guard(*output->mutex());
    return output->done();
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_END_OF_INPUT_H */
