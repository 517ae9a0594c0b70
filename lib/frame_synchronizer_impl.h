/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_IMPL_H
#define INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_IMPL_H

#include "block/guarded_block.h"
#include "frame/chirp_pair.h"
#include "frame/chirp_search.h"
#include "radio/lost_samples.h"
#include <gnuradio/semisac/frame_synchronizer.h>
#include <atomic>
#include <vector>

namespace gr {
namespace semisac {

class frame_synchronizer_impl : public guarded<frame_synchronizer>
{
public:
    frame_synchronizer_impl(const frame_parameters& parameters,
                            double false_alarm_probability,
                            double most_cfo_hz);

    const frame_parameters& parameters() const override { return d_parameters; }
    int item_samples() const override { return d_item_samples; }
    double threshold() const override { return d_threshold; }
    uint64_t candidates_dropped() const override { return d_candidates_dropped; }
    uint64_t frames_detected() const override { return d_frames_detected; }
    uint64_t frames_truncated() const override { return d_frames_truncated; }
    uint64_t frames_with_gap() const override { return d_frames_with_gap; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    enum class state_t { SEARCH, PEAK, CONFIRM };

    //! A confirmed frame. Sample positions count from the start of the stream.
    struct found_frame {
        int64_t start;   //!< last sample at or before the beginning
        double fraction; //!< from there to the beginning
        double cfo_hz;
        double snr_db;
        float power; //!< of the chirps' peaks
    };

    const gr_complex* at(int64_t sample) const { return &d_samples[sample - d_first]; }
    int take(const gr_complex* samples, int count);
    void note_gaps(int64_t first, int64_t end);
    void drop_old_samples();
    void look_for_frames();
    bool search_block();
    void scan_block();
    bool confirm();
    void add_frame(const found_frame& frame);
    bool is_ready(const found_frame& frame) const;
    bool is_cut_short(const found_frame& frame) const;
    bool has_gap(const found_frame& frame) const;
    void give_frame(const found_frame& frame, gr_complex* item, uint64_t offset);
    void align(const found_frame& frame, gr_complex* item);
    void end_input();

    const frame_parameters d_parameters;
    const double d_threshold;
    const int d_item_samples;
    chirp_pair d_pair;
    chirp_search d_search;
    const int d_tail; // zeros that are looked at behind the end of the input

    volk::vector<gr_complex> d_samples; // of the stream, from d_first on
    int64_t d_first;                    // below 0 at the start: zeros stand before it
    int64_t d_end;                      // sample behind the last that is there
    bool d_ended;

    state_t d_state;
    int64_t d_block;    // lag with which the block begins that was searched last
    int64_t d_position; // next lag to look at
    int64_t d_peak, d_peak_end;
    float d_peak_power;
    std::vector<found_frame> d_frames; // confirmed, in the order of time; never grows
    volk::vector<gr_complex> d_turned;
    tag_reader d_reader;
    lost_samples d_lost;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    std::atomic<uint64_t> d_candidates_dropped{ 0 };
    std::atomic<uint64_t> d_frames_detected{ 0 };
    std::atomic<uint64_t> d_frames_truncated{ 0 };
    std::atomic<uint64_t> d_frames_with_gap{ 0 };

    const pmt::pmt_t d_key_gap = pmt::mp("gap");
    const pmt::pmt_t d_key_sample_index = pmt::mp("sample_index");
    const pmt::pmt_t d_key_timing_samples = pmt::mp("timing_samples");
    const pmt::pmt_t d_key_cfo_hz = pmt::mp("cfo_hz");
    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_SYNCHRONIZER_IMPL_H */
