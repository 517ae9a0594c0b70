/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_GUARDED_BLOCK_H
#define INCLUDED_SEMISAC_GUARDED_BLOCK_H

#include <gnuradio/block.h>
#include <exception>

namespace gr {
namespace semisac {

/*!
 * \brief Between a block's interface and its implementation: what the latter throws ends
 * the flowgraph, with one line that says why.
 *
 * GNU Radio would end the thread of the block alone, and its neighbours would wait for it
 * for ever (semisac.work_errors does the same for blocks in Python). A message whose
 * handler throws is ignored.
 */
template <typename interface>
class guarded : public interface
{
public:
    int general_work(int noutput_items,
                     gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) final
    {
        try {
            return work_on(noutput_items, ninput_items, input_items, output_items);
        } catch (const std::exception& error) {
            this->d_logger->error("stops the flowgraph: {}", error.what());
            return gr::block::WORK_DONE;
        }
    }

protected:
    //! general_work() of the implementation; a sync_block has its work().
    virtual int work_on(int noutput_items,
                        gr_vector_int& ninput_items,
                        gr_vector_const_void_star& input_items,
                        gr_vector_void_star& output_items) = 0;

    void dispatch_msg(pmt::pmt_t port, pmt::pmt_t message) override
    {
        try {
            interface::dispatch_msg(port, message);
        } catch (const std::exception& error) {
            this->d_logger->error("message on port {} is ignored: {}",
                                  pmt::write_string(port),
                                  error.what());
        }
    }
};

//! As `guarded`, of a block that has as many items in as out.
template <typename interface>
class guarded_sync : public guarded<interface>
{
protected:
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) final
    {
        return interface::general_work(
            noutput_items, ninput_items, input_items, output_items);
    }
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_GUARDED_BLOCK_H */
