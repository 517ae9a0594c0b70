/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_SCHEDULER_IMPL_H
#define INCLUDED_SEMISAC_FRAME_SCHEDULER_IMPL_H

#include "block/guarded_block.h"
#include "radio/frame_log.h"
#include "radio/frame_store.h"
#include "radio/running_clock.h"
#include <gnuradio/semisac/frame_scheduler.h>
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

namespace gr {
namespace semisac {

class frame_scheduler_impl : public guarded<frame_scheduler>
{
public:
    struct settings {
        double sample_rate_hz;
        scheduling_t mode;
        double lead_time_s;
        int occupied_samples;
        int cycle_frames;
        bool paced;
    };

    explicit frame_scheduler_impl(const settings& settings);

    void set_start_time(uint64_t full, double fraction) override;
    std::pair<uint64_t, double> start_time() const override;
    void set_time_now(uint64_t full, double fraction) override;
    void set_time_scale(double time_scale) override;
    int64_t sample_at(uint64_t full, double fraction) const override;
    int64_t frame_at_sample(int64_t sample) const override
    {
        return d_log.frame_at(sample);
    }
    std::vector<std::pair<int64_t, uint64_t>> frames_between(int64_t first,
                                                             int64_t last) const override
    {
        return d_log.frames_between(first, last);
    }
    uint64_t frames_scheduled() const override { return d_frames_scheduled; }
    uint64_t slots_skipped() const override { return d_slots_skipped; }
    uint64_t frames_truncated() const override { return d_frames_truncated; }
    uint64_t cycle_samples() const override { return d_cycle_samples; }
    uint64_t samples_clipped() const override { return d_samples_clipped; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    //! What was set from outside, as it is when a burst is given its time.
    struct radio_state {
        radio_time start;   //!< time of sample 0
        int64_t now = 0;    //!< sample that the radio is at
        bool waits = false; //!< for its samples: its clock is theirs
    };

    int64_t samples_of(double seconds) const;
    bool takes_input() const { return !d_cycling && !d_frames.full(); }
    int take(const gr_complex* samples, int available);
    int room_for(int least);
    int paced_room(int room);
    int64_t burst_of(const stored_frame& frame) const;
    std::optional<radio_state> radio();
    int64_t slot_of(const stored_frame& frame, const radio_state& state);
    bool waits_for_next(int64_t slot, const radio_state& state);
    bool fits(int64_t burst);
    void announce(const stored_frame& frame, uint64_t offset, int64_t start);
    int give_bursts(gr_complex* out, int room);
    int give_stream(gr_complex* out, int room);
    int give_cycle(gr_complex* out, int room);
    int give_part(const stored_frame& frame, gr_complex* out, int given, int room);

    const settings d_settings;
    const sample_clock d_clock;
    frame_store d_frames;
    frame_log d_log;

    mutable std::mutex d_mutex; // of what is set from outside
    radio_time d_start_time;
    bool d_has_start_time = false;
    bool d_has_time = false;     // it was set, and is not only taken from the start time
    bool d_time_pending = false; // the start time is that of the flowgraph's next start
    running_clock d_radio_clock;
    bool d_radio_waits = false; // it has a clock of its samples

    running_clock d_wall_clock; // since the start
    running_clock d_hold_clock; // since the oldest frame waits for the next
    bool d_holds = false;       // it does
    int64_t d_next = 0;         // end of the last slot
    bool d_in_burst = false;    // the last frame had no end of a burst
    bool d_closed = false;      // it had one where its slot ends
    int64_t d_sent = 0;         // samples of the frame that is given away in parts
    bool d_cycling = false;
    std::size_t d_in_cycle = 0; // the frame that is given away
    std::atomic<bool> d_flush{ false };
    bool d_failed = false;
    std::atomic<uint64_t> d_frames_scheduled{ 0 }, d_slots_skipped{ 0 },
        d_frames_truncated{ 0 }, d_cycle_samples{ 0 }, d_samples_clipped{ 0 };
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_start_sample = pmt::mp("start_sample");
    const pmt::pmt_t d_key_sob = pmt::mp("tx_sob");
    const pmt::pmt_t d_key_eob = pmt::mp("tx_eob");
    const pmt::pmt_t d_key_time = pmt::mp("tx_time");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_SCHEDULER_IMPL_H */
