/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_IMPL_H
#define INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_IMPL_H

#include "block/guarded_block.h"
#include "radio/device_fault.h"
#include "radio/running_clock.h"
#include <gnuradio/semisac/simulated_transmitter.h>
#include <atomic>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class simulated_transmitter_impl : public guarded<simulated_transmitter>
{
public:
    simulated_transmitter_impl(double sample_rate_hz, double time_scale);

    void set_start_time(uint64_t full, double fraction) override;
    std::pair<uint64_t, double> time_now() const override;
    double time_scale() const override { return d_time_scale; }

    void inject_late(int frames, int behind) override;
    void inject_underflow(int frames) override;
    void inject_vanish() override { d_fault.vanish(); }
    void inject_stall(double seconds) override { d_fault.stall(seconds); }

    uint64_t bursts_sent() const override { return d_bursts_sent; }
    uint64_t packets_late() const override { return d_packets_late; }
    uint64_t underflows() const override { return d_underflows; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    //! IDLE: the time of what comes next is looked at; SEND: it is not.
    enum class state_t { IDLE, SEND };

    //! What the tags say about the samples of the input that come next.
    struct outlook {
        int64_t end = 0;         //!< of what is there up to the next burst, time or frame
        bool ends_burst = false; //!< the last of these samples has tx_eob
        bool begins_burst = false;
        bool timed = false;
        int64_t start = 0;  //!< sample of the output of which tx_time is
        int64_t frame = -1; //!< samples of the frame that begins here, -1 for none
    };

    outlook look_ahead();
    //! Whether time stands still for samples that are still to come.
    bool waits_for_samples();
    void wait_for_packet();
    void drop_samples(const outlook& next);
    void send();
    void send_samples(const outlook& next);
    void end_burst();
    bool holds_up(const outlook& next);
    void cut(const outlook& next);
    void run_dry();
    void silence(int64_t until);
    void copy_samples(int64_t count);
    void report(const pmt::pmt_t& event, int64_t sample);
    //! Number of the output's next sample.
    int64_t position() const { return d_first + d_given; }

    const double d_rate;
    const double d_time_scale; // 0: the clock is that of the samples
    const sample_clock d_clock;
    running_clock d_running; // since the start
    device_fault d_fault;

    mutable std::mutex d_mutex;
    radio_time d_start_time;
    bool d_started = false;
    std::atomic<int64_t> d_sent{ 0 };         // samples of the output
    std::atomic<int> d_late{ 0 }, d_dry{ 0 }; // injected and to come
    std::atomic<int> d_before_late{ 0 };      // frames in time before these

    state_t d_state = state_t::IDLE;
    bool d_timed = false;     // what comes next has a time
    int64_t d_stamp = 0;      // sample of the output of that time
    int64_t d_ready = 0;      // sample at which the time of a packet can be looked at
    int64_t d_dropping = 0;   // samples of a late packet still to leave out
    int64_t d_in_burst = 0;   // samples of the burst that were sent
    int64_t d_asked = -1;     // input sample of the newest frame that could be late
    bool d_starved = false;   // an underflow was reported and no sample came since
    int64_t d_cut = -1;       // samples until an injected underflow; below 0: none
    int64_t d_cut_until = 0;  // sample at which the host goes on behind it
    int64_t d_held_until = 0; // sample of the output up to which the host is held up

    // of the call that runs
    const gr_complex* d_in = nullptr;
    gr_complex* d_out = nullptr;
    int64_t d_available = 0, d_taken = 0;        // of the input
    int64_t d_first = 0, d_given = 0, d_end = 0; // of the output
    std::vector<tag_t> d_tags;                   // keeps its capacity from call to call

    std::atomic<uint64_t> d_bursts_sent{ 0 }, d_packets_late{ 0 }, d_underflows{ 0 };

    const pmt::pmt_t d_port = pmt::mp("async_msgs");
    const pmt::pmt_t d_key_sob = pmt::mp("tx_sob");
    const pmt::pmt_t d_key_eob = pmt::mp("tx_eob");
    const pmt::pmt_t d_key_time = pmt::mp("tx_time");
    const pmt::pmt_t d_key_packet_len = pmt::mp("packet_len");
    const pmt::pmt_t d_burst_ack = pmt::mp("burst_ack");
    const pmt::pmt_t d_underflow = pmt::mp("underflow");
    const pmt::pmt_t d_time_error = pmt::mp("time_error");
    const pmt::pmt_t d_uhd_async_msg = pmt::mp("uhd_async_msg");
    const pmt::pmt_t d_event_code = pmt::mp("event_code");
    const pmt::pmt_t d_time_spec = pmt::mp("time_spec");
    const pmt::pmt_t d_channel = pmt::mp("channel");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_IMPL_H */
