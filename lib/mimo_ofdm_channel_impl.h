/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_IMPL_H
#define INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_IMPL_H

#include "block/guarded_block.h"
#include "channel/beam_channel.h"
#include "channel/combined_noise.h"
#include "channel/frame_meeting.h"
#include "channel/mimo_paths.h"
#include "channel/waiting_combiners.h"
#include <gnuradio/semisac/mimo_ofdm_channel.h>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

//! Everything about a link that stays the same while it runs.
struct mimo_ofdm_link {
    link_direction_t direction;
    int symbols; // of a frame
    mimo_ofdm_cell cell;
    int first_symbol;
    uint64_t seed;
    int most_waiting;
    double patience_s;

    bool up() const { return direction == link_direction_t::UP; }
    int inputs() const { return up() ? cell.users : 1; }
    //! Input that carries what a user sends, or is sent.
    int input_of(int user) const { return up() ? user : 0; }
    int outputs() const { return up() ? 1 : cell.users; }
};

class mimo_ofdm_channel_impl : public guarded<mimo_ofdm_channel>
{
public:
    mimo_ofdm_channel_impl(const mimo_ofdm_link& link,
                           double snr_db,
                           const std::vector<gr_complex>& combiner);

    void set_snr_db(double snr_db) override;
    double snr_db() const override;
    void set_speed_mps(double speed_mps) override;
    double speed_mps() const override;
    void set_recorded_paths(const std::vector<mimo_path>& paths,
                            int paths_of_user) override;
    const mimo_ofdm_cell& cell() const override { return d_link.cell; }
    uint64_t frames_lost() const override { return d_frames_lost; }
    uint64_t frames_missed() const override { return d_frames_missed; }
    uint64_t frames_refused() const override { return d_frames_refused; }
    uint64_t frames_truncated() const override { return d_frames_truncated; }
    uint64_t combiners_dropped() const override { return d_combiners_dropped; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    using clock = std::chrono::steady_clock;

    //! What can change while running; a frame has one consistent copy.
    struct settings {
        double snr_db;
        double speed_mps;
        std::shared_ptr<const recorded_paths> recorded;
    };

    //! What keeps the next frame from being sent.
    enum class obstacle_t { NONE, INPUT, COMBINER, END };

    settings current_settings() const;
    void handle_settings(const pmt::pmt_t& message);
    void handle_combiner(const pmt::pmt_t& message);

    void take_items(const gr_vector_int& ninput_items,
                    const gr_vector_const_void_star& input_items);
    obstacle_t open_frame();
    obstacle_t await_combiner();
    bool patience_is_over() const;
    void begin_frame();
    void note_counts();
    void give_symbol(const gr_vector_void_star& output_items, int item);
    void set_combiner(int receiver, const gr_complex* weights);
    void set_beams();
    void give_tags(int item);

    const mimo_ofdm_link d_link;
    const std::vector<gr_complex> d_table; // [outputs][symbols][chains][antennas]
    mutable std::mutex d_mutex;
    settings d_settings;

    frame_meeting d_meeting;              // of the inputs' frames
    std::vector<beam_channel> d_channels; // of the users
    combined_noise d_noise;
    waiting_combiners d_combiners;
    std::vector<mimo_path> d_paths;
    std::vector<double> d_doppler_hz;            // the largest of each user, of the frame
    std::vector<std::complex<double>> d_factors; // [outputs][chains][chains]

    int d_symbol = -1; // of the frame that is sent, below 0: none is
    obstacle_t d_obstacle = obstacle_t::INPUT;
    clock::time_point d_waits_since;
    bool d_waits = false;
    double d_snr_db = 0.0; // of the frame
    float d_noise_amplitude = 0.0f;
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    std::atomic<uint64_t> d_frames_lost{ 0 }, d_frames_missed{ 0 }, d_frames_refused{ 0 },
        d_frames_truncated{ 0 }, d_combiners_dropped{ 0 };

    const pmt::pmt_t d_port_settings = pmt::mp("settings");
    const pmt::pmt_t d_port_combiner = pmt::mp("combiner");
    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_snr_db = pmt::mp("snr_db");
    const pmt::pmt_t d_key_noise_var = pmt::mp("noise_var");
    const pmt::pmt_t d_key_doppler_hz = pmt::mp("doppler_hz");
    const pmt::pmt_t d_name_speed_mps = pmt::mp("speed_mps");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_IMPL_H */
