/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CFAR_DETECTOR_IMPL_H
#define INCLUDED_SEMISAC_CFAR_DETECTOR_IMPL_H

#include "block/guarded_block.h"
#include "block/tag_values.h"
#include "radar/target_search.h"
#include <atomic>
#include <mutex>

namespace gr {
namespace semisac {

class cfar_detector_impl : public guarded_sync<cfar_detector>
{
public:
    cfar_detector_impl(const radar_parameters& parameters, const cfar_settings& settings);

    const radar_parameters& parameters() const override { return d_parameters; }
    void set_false_alarm_rate(double false_alarm_rate) override;
    double false_alarm_rate() const override;
    double cell_false_alarm_rate() const override;
    double threshold_factor() const override;
    uint64_t maps_searched() const override { return d_maps_searched; }
    uint64_t targets_found() const override { return d_targets_found; }

    bool start() override;
    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    pmt::pmt_t message(uint64_t frame_id,
                       const std::vector<radar_detection>& detections) const;
    uint64_t frame_id_of(uint64_t item);
    leakage_removal_t removal_of(uint64_t item);
    double cell_rate(double false_alarm_rate) const;

    const radar_parameters d_parameters;
    target_search d_search;
    tag_reader d_reader;
    const false_alarms_per_t d_false_alarms_per;
    mutable std::mutex d_mutex;
    double d_false_alarm_rate, d_cell_rate, d_factor;
    std::atomic<uint64_t> d_maps_searched{ 0 }, d_targets_found{ 0 };
    std::vector<tag_t> d_tags; // keeps its capacity from call to call

    const pmt::pmt_t d_port = pmt::mp("detections");
    const pmt::pmt_t d_key_frame_id = pmt::mp("frame_id");
    const pmt::pmt_t d_key_removal = pmt::mp("leakage_removal");
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CFAR_DETECTOR_IMPL_H */
