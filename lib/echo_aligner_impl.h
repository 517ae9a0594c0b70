/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_ALIGNER_IMPL_H
#define INCLUDED_SEMISAC_ECHO_ALIGNER_IMPL_H

#include "block/guarded_block.h"
#include "math/fractional_delay.h"
#include "math/running_mean.h"
#include "math/sample_line.h"
#include "radio/frame_store.h"
#include "radio/latency_search.h"
#include "radio/leakage_peak.h"
#include "radio/lost_samples.h"
#include <gnuradio/semisac/echo_aligner.h>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace gr {
namespace semisac {

class echo_aligner_impl : public guarded<echo_aligner>
{
public:
    struct settings {
        int antennas;
        alignment_t mode;
        int64_t search_samples;
        int64_t hold_samples;
    };

    echo_aligner_impl(const frame_parameters& parameters, const settings& settings);

    const frame_parameters& parameters() const override { return d_parameters; }
    void set_latency_samples(double latency_samples) override;
    double latency_samples() const override { return d_latency_in_use; }
    bool aligned() const override { return d_aligned; }
    std::string alignment_problem() const override;
    double leakage_db() const override;
    void flag_frame(uint64_t frame_id, const std::string& reason) override;
    uint64_t frames_aligned() const override { return d_frames_aligned; }
    uint64_t frames_flagged() const override { return d_frames_flagged; }
    uint64_t frames_missed() const override { return d_frames_missed; }
    uint64_t realignments() const override { return d_realignments; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    //! Received samples around a place that the interpolation or the leakage needs.
    static constexpr int64_t MARGIN = leakage_peak::BEFORE + HALF_KERNEL;

    static constexpr int AVERAGED_FRAMES = 8; // of the leakage's gain

    //! Why no samples are given away.
    enum class problem_t { NONE, NO_FRAME, SEARCHING, NO_PEAK };
    struct flag {
        uint64_t frame_id;
        pmt::pmt_t reason;
    };

    // what comes in
    int take_sent(const gr_complex* samples, int available);
    int64_t start_of(const stored_frame& frame) const;
    int64_t start_in(const tag_t& tag) const;
    int64_t sent_until() const;
    int take_received(gr_vector_int& available, gr_vector_const_void_star& input_items);
    void note_tags(int port, int count);
    void end_received();
    int64_t received_end() const { return d_received.front().end() - d_appended; }
    int64_t oldest_received() const { return d_received.front().end() - d_history; }

    // the latency
    void set_latency(double latency);
    void follow_settings();
    void begin_search();
    bool can_search() const;
    std::size_t first_to_search() const;
    void search();
    void finish_search();
    bool look_at_leakage(const stored_frame& frame, bool& flagged);
    void compare_with_chirps(const stored_frame& frame, int64_t place, int chirps);
    void forget_gains();

    // what goes out
    int64_t ready(bool in_frame) const;
    void drop_missed();
    bool decide(const stored_frame& frame, int64_t given);
    pmt::pmt_t reason_to_flag(const stored_frame& frame);
    int64_t give(int64_t room, gr_vector_void_star& output_items);
    void give_samples(int64_t count, int64_t given, gr_vector_void_star& output_items);
    void give_tags(int64_t count, int64_t given);
    void forget_old();

    const frame_parameters d_parameters;
    const settings d_settings;
    const int64_t d_occupied;
    const int64_t d_delay;   // from what is received to what is given away
    const int64_t d_history; // received samples that stay readable

    tag_reader d_reader;
    frame_store d_frames;
    uint64_t d_last_offset = 0; // of the newest frame in the input
    int64_t d_last_start = 0;   // and in time
    bool d_bursts = false, d_has_frame = false;

    std::vector<sample_line> d_received;
    std::vector<std::deque<tag_t>> d_received_tags; // still to give, of each antenna
    lost_samples d_lost;
    int64_t d_appended = 0; // zeros behind the end of what was received
    bool d_ended = false;

    int64_t d_shift = 0; // the latency is shift + fraction
    double d_fraction = 0.0;
    double d_used_latency = 0.0;
    kernel_t d_kernel{};
    std::optional<double> d_new_latency; // from the next frame on
    latency_search d_search;
    leakage_peak d_leakage;
    volk::vector<gr_complex> d_signal;
    int64_t d_search_from = 0;     // sample of what was received that is lag 0
    int64_t d_search_start = 0;    // first sample of the signal in time
    int64_t d_searched_start = -1; // of the newest frame that was searched for
    int64_t d_first_heard = -1;    // received samples when the first frame came
    int d_moved = 0;               // frames in a row
    bool d_search_widely = false;
    bool d_doubtful = false; // the latency may be that of another frame
    running_mean d_chirp_gain, d_frame_gain;
    bool d_tag_realigned = false;

    int64_t d_position = 0;   // sample that is given away next
    int64_t d_frame_left = 0; // samples of its frame still to give

    mutable std::mutex d_mutex;
    double d_asked_latency = 0.0;
    std::deque<flag> d_flags;

    std::atomic<double> d_latency_in_use{ 0.0 }, d_gain{ -1.0 };
    std::atomic<bool> d_aligned{ false };
    std::atomic<problem_t> d_problem{ problem_t::NO_FRAME };
    std::atomic<double> d_last_ratio{ 0.0 };
    std::atomic<uint64_t> d_frames_aligned{ 0 }, d_frames_flagged{ 0 },
        d_frames_missed{ 0 }, d_realignments{ 0 };
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_start_sample = pmt::mp("start_sample");
    const pmt::pmt_t d_key_sob = pmt::mp("tx_sob");
    const pmt::pmt_t d_key_eob = pmt::mp("tx_eob");
    const pmt::pmt_t d_key_time = pmt::mp("tx_time");
    const pmt::pmt_t d_key_gap = pmt::mp("gap");
    const pmt::pmt_t d_key_lost = pmt::mp("lost");
    const pmt::pmt_t d_key_realigned = pmt::mp("realigned");
    const pmt::pmt_t d_alignment = pmt::mp("alignment");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_ALIGNER_IMPL_H */
