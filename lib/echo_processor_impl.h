/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_PROCESSOR_IMPL_H
#define INCLUDED_SEMISAC_ECHO_PROCESSOR_IMPL_H

#include "block/guarded_block.h"
#include "block/tag_values.h"
#include "math/running_mean.h"
#include "radar/echo_maps.h"
#include "radar/echo_vectors.h"
#include <gnuradio/semisac/echo_processor.h>
#include <atomic>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class echo_processor_impl : public guarded<echo_processor>
{
public:
    //! What can change while running; a frame is processed with one consistent copy.
    struct settings {
        double delay_samples;
        double noise_variance;
        double sensing_snr_db;
        double regularisation;
        leakage_removal_t removal;
        double velocity_mps = 0.0;
        bool follow_target = false;
    };

    echo_processor_impl(const radar_parameters& parameters, const settings& first);

    const radar_parameters& parameters() const override { return d_parameters; }
    void set_delay_samples(double delay_samples) override;
    double delay_samples() const override { return current().delay_samples; }
    void set_range_m(double range_m) override;
    double range_m() const override;
    void set_velocity_mps(double velocity_mps) override;
    double velocity_mps() const override { return current().velocity_mps; }
    void set_follow_target(bool follow_target) override;
    bool follow_target() const override { return current().follow_target; }
    void set_noise_variance(double noise_variance) override;
    double noise_variance() const override { return d_noise_in_use; }
    void set_sensing_snr_db(double sensing_snr_db) override;
    double sensing_snr_db() const override { return d_snr_db_in_use; }
    void set_regularisation(double regularisation) override;
    double regularisation() const override { return current().regularisation; }
    void set_leakage_removal(leakage_removal_t removal) override;
    leakage_removal_t leakage_removal() const override { return current().removal; }

    uint64_t frames_processed() const override { return d_frames_processed; }
    uint64_t frames_refused() const override { return d_frames_refused; }
    uint64_t frames_lost() const override { return d_frames_lost; }
    uint64_t intervals_broken() const override { return d_intervals_broken; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    //! A frame of which samples are being gathered.
    struct frame_state {
        uint64_t start = 0; // absolute sample
        uint64_t id = 0;
        int images = 0;
        int filled = -1; // samples there; negative: between frames
    };

    settings current() const;
    bool anything_pending() const { return d_echoes_sent < d_echoes || d_map_waits; }
    int find_frame(int from, int available);
    void break_interval();
    bool open_frame(uint64_t offset);
    int gather(int from, int available, const gr_vector_const_void_star& input_items);
    bool is_sound() const;
    void process_frame(bool maps_wanted);
    void measure_noise(const settings& now);
    void set_gate(const settings& now);
    void place_gate(double delay, double velocity_mps);
    void make_echoes(const settings& now);
    void add_to_map(const settings& now);
    int echo_room(int least) const;
    void give_echoes(int space, gr_vector_void_star& output_items);
    void give_map(gr_vector_void_star& output_items);

    const radar_parameters d_parameters;
    const int d_occupied_samples;
    tag_reader d_reader;
    symbol_spectra d_spectra;
    echo_vectors d_vectors;
    echo_maps d_maps;

    mutable std::mutex d_mutex;
    settings d_settings;
    std::atomic<double> d_noise_in_use{ 1.0 }, d_snr_db_in_use{ 0.0 };
    std::atomic<uint64_t> d_frames_processed{ 0 }, d_frames_refused{ 0 },
        d_frames_lost{ 0 }, d_intervals_broken{ 0 };

    frame_state d_frame;
    complex_buffer d_sent;                  // samples of the frame
    std::vector<complex_buffer> d_received; // of each antenna
    complex_buffer d_sent_spectra, d_received_spectra;
    double d_gate_delay = -1.0, d_gate_velocity = 0.0; // as set
    uint64_t d_gate_start = 0;                         // first frame since
    running_mean d_measured_noise, d_estimated_snr;

    std::vector<gr_complex> d_symbols; // echo vectors
    int d_echoes = 0, d_echoes_sent = 0;
    std::vector<tag_t> d_echo_tags;
    complex_buffer d_map;
    bool d_map_waits = false;
    leakage_removal_t d_removed = leakage_removal_t::NONE; // from the map
    // What the tag of a target_emulator tells.
    pmt::pmt_t d_targets = pmt::PMT_NIL, d_interval_targets = pmt::PMT_NIL;
    uint64_t d_interval_id = 0, d_interval_start = 0, d_next_start = 0;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_images = pmt::mp("images");
    const pmt::pmt_t d_key_packet_len = pmt::mp("packet_len");
    const pmt::pmt_t d_key_lost = pmt::mp("lost");
    const pmt::pmt_t d_key_sensing_snr_db = pmt::mp("sensing_snr_db");
    const pmt::pmt_t d_key_sample_index = pmt::mp("sample_index");
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
    const pmt::pmt_t d_key_removal = pmt::mp("leakage_removal");
    const pmt::pmt_t d_key_targets = pmt::mp("targets");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_PROCESSOR_IMPL_H */
