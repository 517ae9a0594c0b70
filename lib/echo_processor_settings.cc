/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include "echo_processor_impl.h"
#include "math/speed_of_light.h"
#include <cmath>

namespace gr {
namespace semisac {

// Settings of the echo processor: their ranges, and how they are changed while it runs.

namespace {

double checked_delay(double delay_samples, const frame_parameters& frame)
{
    return require_in_range("echo_processor: delay_samples",
                            delay_samples,
                            0.0,
                            static_cast<double>(frame.prefix_samples),
                            "give a delay within the cyclic prefix");
}

double checked_velocity(double velocity_mps)
{
    return require_in_range("echo_processor: velocity_mps",
                            velocity_mps,
                            -1e5,
                            1e5,
                            "give the closing speed of the gate in m/s");
}

double checked_noise(double noise_variance)
{
    return require_in_range("echo_processor: noise_variance",
                            noise_variance,
                            0.0,
                            1e30,
                            "give the noise power of a sample, or 0 to measure it");
}

double checked_snr_db(double sensing_snr_db)
{
    if (std::isnan(sensing_snr_db))
        return sensing_snr_db;
    return require_in_range("echo_processor: sensing_snr_db",
                            sensing_snr_db,
                            -LARGEST_SNR_DB,
                            LARGEST_SNR_DB,
                            "give the SNR of a symbol's echo in dB, or nan");
}

double checked_regularisation(double regularisation)
{
    return require_in_range("echo_processor: regularisation",
                            regularisation,
                            0.0,
                            std::numeric_limits<double>::infinity(),
                            "give 0 for division to infinity for the matched filter");
}

} // namespace

leakage_removal_t leakage_removal_from_name(const std::string& name)
{
    if (name == "none")
        return leakage_removal_t::NONE;
    if (name == "zero_delay")
        return leakage_removal_t::ZERO_DELAY;
    if (name == "static")
        return leakage_removal_t::STATIC;
    throw std::invalid_argument("echo_processor: leakage_removal is \"" + name +
                                "\", expected \"none\", \"zero_delay\" or \"static\"; "
                                "give one of these names.");
}

echo_processor::sptr echo_processor::make(const radar_parameters& parameters,
                                          double delay_samples,
                                          double noise_variance,
                                          double sensing_snr_db,
                                          double regularisation,
                                          leakage_removal_t removal)
{
    return gnuradio::make_block_sptr<echo_processor_impl>(
        parameters,
        echo_processor_impl::settings{ checked_delay(delay_samples, parameters.frame),
                                       checked_noise(noise_variance),
                                       checked_snr_db(sensing_snr_db),
                                       checked_regularisation(regularisation),
                                       removal });
}

echo_processor_impl::settings echo_processor_impl::current() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_settings;
}

void echo_processor_impl::set_delay_samples(double delay_samples)
{
    checked_delay(delay_samples, d_parameters.frame);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.delay_samples = delay_samples;
}

void echo_processor_impl::set_range_m(double range_m)
{
    set_delay_samples(range_m * 2.0 * d_parameters.frame.sample_rate_hz /
                      SPEED_OF_LIGHT_MPS);
}

double echo_processor_impl::range_m() const
{
    return delay_samples() * SPEED_OF_LIGHT_MPS /
           (2.0 * d_parameters.frame.sample_rate_hz);
}

void echo_processor_impl::set_velocity_mps(double velocity_mps)
{
    checked_velocity(velocity_mps);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.velocity_mps = velocity_mps;
}

void echo_processor_impl::set_follow_target(bool follow_target)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.follow_target = follow_target;
}

void echo_processor_impl::set_noise_variance(double noise_variance)
{
    checked_noise(noise_variance);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.noise_variance = noise_variance;
}

void echo_processor_impl::set_sensing_snr_db(double sensing_snr_db)
{
    checked_snr_db(sensing_snr_db);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.sensing_snr_db = sensing_snr_db;
}

void echo_processor_impl::set_regularisation(double regularisation)
{
    checked_regularisation(regularisation);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.regularisation = regularisation;
}

void echo_processor_impl::set_leakage_removal(leakage_removal_t removal)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.removal = removal;
}

} // namespace semisac
} // namespace gr
