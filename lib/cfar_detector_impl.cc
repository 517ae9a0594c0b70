/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/parameter_checks.h"
#include "cfar_detector_impl.h"
#include <gnuradio/io_signature.h>

namespace gr {
namespace semisac {

namespace {

constexpr int MOST_CELLS = 1024; // guards or references on a side

double checked_rate(double false_alarm_rate)
{
    return require_in_range("cfar_detector: false_alarm_rate",
                            false_alarm_rate,
                            1e-15,
                            0.5,
                            "give the probability of a false alarm");
}

const cfar_settings& checked(const cfar_settings& settings)
{
    checked_rate(settings.false_alarm_rate);
    const auto require = [](const char* name, int value, int lowest, const char* hint) {
        require_in_range(
            std::string("cfar_detector: ") + name, value, lowest, MOST_CELLS, hint);
    };
    require("guard_range", settings.guard_range, 0, "give the cells left out on a side");
    require(
        "guard_doppler", settings.guard_doppler, 0, "give the cells left out on a side");
    const char* reference_hint = "give the cells on a side, or -1 for what the map holds";
    require("reference_range", settings.reference_range, -1, reference_hint);
    require("reference_doppler", settings.reference_doppler, -1, reference_hint);
    require("most_targets", settings.most_targets, 1, "give where a search ends");
    return settings;
}

} // namespace

cfar_method_t cfar_method_from_name(const std::string& name)
{
    if (name == "ca")
        return cfar_method_t::CA;
    if (name == "os")
        return cfar_method_t::OS;
    throw std::invalid_argument(
        "cfar_detector: method is \"" + name +
        "\", expected \"ca\" or \"os\"; give one of these names.");
}

false_alarms_per_t false_alarms_per_from_name(const std::string& name)
{
    if (name == "map")
        return false_alarms_per_t::MAP;
    if (name == "cell")
        return false_alarms_per_t::CELL;
    throw std::invalid_argument(
        "cfar_detector: false_alarms_per is \"" + name +
        "\", expected \"map\" or \"cell\"; give one of these names.");
}

cfar_detector::sptr cfar_detector::make(const radar_parameters& parameters,
                                        const cfar_settings& settings)
{
    return gnuradio::make_block_sptr<cfar_detector_impl>(parameters, checked(settings));
}

cfar_detector_impl::cfar_detector_impl(const radar_parameters& parameters,
                                       const cfar_settings& settings)
    : gr::sync_block(
          "cfar_detector",
          gr::io_signature::make(
              1, 1, static_cast<int>(parameters.map_cells() * sizeof(gr_complex))),
          gr::io_signature::make(0, 0, 0)),
      d_parameters(parameters),
      d_search(parameters, settings),
      d_reader(d_logger),
      d_false_alarms_per(settings.false_alarms_per),
      d_false_alarm_rate(settings.false_alarm_rate),
      d_cell_rate(cell_rate(settings.false_alarm_rate)),
      d_factor(d_search.threshold().factor(d_cell_rate))
{
    message_port_register_out(d_port);
}

void cfar_detector_impl::set_false_alarm_rate(double false_alarm_rate)
{
    const double rate = cell_rate(checked_rate(false_alarm_rate));
    const double factor = d_search.threshold().factor(rate);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_false_alarm_rate = false_alarm_rate;
    d_cell_rate = rate;
    d_factor = factor;
}

double cfar_detector_impl::false_alarm_rate() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_false_alarm_rate;
}

double cfar_detector_impl::cell_false_alarm_rate() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_cell_rate;
}

double cfar_detector_impl::cell_rate(double false_alarm_rate) const
{
    return d_false_alarms_per == false_alarms_per_t::MAP
               ? d_search.threshold().cell_rate(false_alarm_rate)
               : false_alarm_rate;
}

double cfar_detector_impl::threshold_factor() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_factor;
}

bool cfar_detector_impl::start()
{
    d_maps_searched = d_targets_found = 0;
    return gr::sync_block::start();
}

uint64_t cfar_detector_impl::frame_id_of(uint64_t item)
{
    get_tags_in_range(d_tags, 0, item, item + 1, d_key_frame_id);
    if (d_tags.empty())
        return item;
    return static_cast<uint64_t>(
        d_reader.integer(d_tags.back(), 0, INT64_MAX, static_cast<int64_t>(item)));
}

leakage_removal_t cfar_detector_impl::removal_of(uint64_t item)
{
    get_tags_in_range(d_tags, 0, item, item + 1, d_key_removal);
    if (d_tags.empty() || !pmt::is_symbol(d_tags.back().value))
        return leakage_removal_t::NONE;
    const std::string name = pmt::symbol_to_string(d_tags.back().value);
    return name == "static"       ? leakage_removal_t::STATIC
           : name == "zero_delay" ? leakage_removal_t::ZERO_DELAY
                                  : leakage_removal_t::NONE;
}

pmt::pmt_t
cfar_detector_impl::message(uint64_t frame_id,
                            const std::vector<radar_detection>& detections) const
{
    const pmt::pmt_t list = pmt::make_vector(detections.size(), pmt::PMT_NIL);
    for (std::size_t i = 0; i < detections.size(); ++i) {
        const radar_detection& one = detections[i];
        pmt::pmt_t entry = pmt::make_dict();
        const auto add = [&entry](const char* name, double value) {
            entry = pmt::dict_add(entry, pmt::mp(name), pmt::from_double(value));
        };
        add("range_m", one.range_m);
        add("velocity_mps", one.velocity_mps);
        add("azimuth_rad", one.azimuth_rad);
        add("snr_db", one.snr_db);
        add("range_deviation_m", one.range_deviation_m);
        add("velocity_deviation_mps", one.velocity_deviation_mps);
        add("azimuth_deviation_rad", one.azimuth_deviation_rad);
        pmt::vector_set(list, i, entry);
    }
    pmt::pmt_t said = pmt::make_dict();
    said = pmt::dict_add(said, d_key_frame_id, pmt::from_uint64(frame_id));
    return pmt::dict_add(said, d_port, list);
}

int cfar_detector_impl::work(int noutput_items,
                             gr_vector_const_void_star& input_items,
                             gr_vector_void_star&)
{
    const auto* map = static_cast<const gr_complex*>(input_items[0]);
    const double factor = threshold_factor();
    for (int item = 0; item < noutput_items; ++item) {
        const uint64_t number = nitems_read(0) + item;
        const auto& detections = d_search.search(map, factor, removal_of(number));
        map += d_parameters.map_cells();
        ++d_maps_searched;
        d_targets_found += detections.size();
        message_port_pub(d_port, message(frame_id_of(number), detections));
    }
    return noutput_items;
}

} // namespace semisac
} // namespace gr
