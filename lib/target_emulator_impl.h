/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TARGET_EMULATOR_IMPL_H
#define INCLUDED_SEMISAC_TARGET_EMULATOR_IMPL_H

#include "block/guarded_block.h"
#include "block/tag_values.h"
#include "channel/echo_paths.h"
#include "channel/sample_noise.h"
#include "math/sample_line.h"
#include <gnuradio/semisac/target_emulator.h>
#include <array>
#include <memory>
#include <mutex>
#include <vector>

namespace gr {
namespace semisac {

class target_emulator_impl : public guarded<target_emulator>
{
public:
    explicit target_emulator_impl(const radar_frame& frame);

    void set_targets(const std::vector<point_target>& targets) override;
    void change_target(int index,
                       const std::function<void(point_target&)>& change) override;
    std::vector<point_target> targets() const override;
    void change_scene(const std::function<void(radar_scene&)>& change) override;
    radar_scene scene() const override;
    int antennas() const override { return d_frame.antennas; }

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int work_on(int noutput_items,
                gr_vector_int& ninput_items,
                gr_vector_const_void_star& input_items,
                gr_vector_void_star& output_items) override;

private:
    //! A frame of the transmitter, from its first sample on.
    struct sent_frame {
        uint64_t first;
        uint64_t number;
        bool present;
    };

    void handle_targets(const pmt::pmt_t& message);
    void take_newest_plan(uint64_t sample);
    void note_motions(uint64_t sample);
    bool runs(std::size_t index) const;
    void carry_on(echo_plan& plan) const;
    void follow_tags(int items);
    void begin_frame(uint64_t first, uint64_t number);
    pmt::pmt_t targets_at(uint64_t sample) const;
    void take(const gr_complex* samples, int64_t available, int64_t end);
    void add_path(std::size_t index,
                  gr_vector_void_star& outputs,
                  std::size_t done,
                  uint64_t first,
                  std::size_t count);
    gr_complex gain_of_frame(std::size_t index, const sent_frame& frame) const;

    const radar_frame d_frame;
    tag_reader d_reader;
    std::mutex d_change_mutex;                // between setters
    mutable std::mutex d_mutex;               // between setters and work()
    std::shared_ptr<echo_plan> d_plan;        // newest; work() sets its targets down
    std::shared_ptr<echo_plan> d_running;     // that work() goes by
    std::vector<echo_path::motion> d_motions; // of the running targets, as last published
    std::vector<point_target> d_given;        // by set_targets() the last time

    sample_line d_sent;
    moving_interpolator d_interpolator;
    std::vector<sample_noise> d_noise; // of each antenna
    std::vector<sent_frame> d_frames;  // whose echoes may still arrive
    int d_frames_of_interval = 0;      // that began
    uint64_t d_interval = 0;           // number of its first frame
    std::vector<tag_t> d_tags;         // keeps its capacity from call to call
    std::array<gr_complex, PIECE> d_echo{};

    const pmt::pmt_t d_port_targets = pmt::mp("targets");
    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_hypothesis = pmt::mp("target_hypothesis");
    const pmt::pmt_t d_key_targets = pmt::mp("targets");
    const pmt::pmt_t d_name_range = pmt::mp("range_m");
    const pmt::pmt_t d_name_velocity = pmt::mp("velocity_mps");
    const pmt::pmt_t d_name_azimuth = pmt::mp("azimuth_rad");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TARGET_EMULATOR_IMPL_H */
