/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/guarded_block.h"
#include <gnuradio/blocks/vector_sink.h>
#include <gnuradio/blocks/vector_source.h>
#include <gnuradio/io_signature.h>
#include <gnuradio/sync_block.h>
#include <gnuradio/top_block.h>
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <vector>

using gr::semisac::guarded;
using gr::semisac::guarded_sync;

namespace {

const pmt::pmt_t PORT = pmt::mp("in");

class plain_block : virtual public gr::block
{
};

class synchronous_block : virtual public gr::sync_block
{
};

class bad_block : public guarded<plain_block>
{
public:
    bad_block()
        : gr::block("bad_block",
                    gr::io_signature::make(1, 1, sizeof(float)),
                    gr::io_signature::make(1, 1, sizeof(float)))
    {
        message_port_register_in(PORT);
        set_msg_handler(PORT, [](const pmt::pmt_t& message) { pmt::to_long(message); });
    }

protected:
    int work_on(int,
                gr_vector_int&,
                gr_vector_const_void_star&,
                gr_vector_void_star&) override
    {
        throw std::runtime_error("work went wrong");
    }
};

class bad_sync_block : public guarded_sync<synchronous_block>
{
public:
    bad_sync_block()
        : gr::sync_block("bad_sync_block",
                         gr::io_signature::make(1, 1, sizeof(float)),
                         gr::io_signature::make(1, 1, sizeof(float)))
    {
    }
    int work(int, gr_vector_const_void_star&, gr_vector_void_star&) override
    {
        throw std::runtime_error("work went wrong");
    }
};

// Returns only where the error of a block ends the streams before and behind it.
void run_between_neighbours(const gr::basic_block_sptr& block)
{
    const auto top = gr::make_top_block("top");
    const auto source = gr::blocks::vector_source_f::make({ 1.0f, 2.0f }, true);
    const auto sink = gr::blocks::vector_sink_f::make();
    top->connect(source, 0, block, 0);
    top->connect(block, 0, sink, 0);
    top->run();
    BOOST_CHECK(sink->data().empty());
}

} // namespace

BOOST_AUTO_TEST_CASE(an_exception_ends_the_flowgraph)
{
    run_between_neighbours(gnuradio::make_block_sptr<bad_block>());
    run_between_neighbours(gnuradio::make_block_sptr<bad_sync_block>());
}

BOOST_AUTO_TEST_CASE(a_message_that_cannot_be_handled_is_ignored)
{
    const auto block = gnuradio::make_block_sptr<bad_block>();
    block->_post(PORT, pmt::mp("no number"));
    run_between_neighbours(block);
}
