/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "cfar_threshold.h"
#include "parameter_checks.h"
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

namespace gr {
namespace semisac {

namespace {

constexpr int QUADRATURE_NODES = 200; // as in semisac_ml.signal.cfar

// Step between references: bins over occupied cells, rounded.
int stride(int bins, double occupied)
{
    return std::max(1, static_cast<int>(std::floor(bins / occupied + 0.5)));
}

void require_room(const char* axis, int guard, int reference, int step, int bins)
{
    const int reach = 2 * (guard + reference) * step + 1;
    if (reference > 0 && reach > bins)
        throw std::invalid_argument(
            "cfar_detector: guard and reference cells reach over " +
            std::to_string(reach) + " bins in " + axis + ", expected at most " +
            std::to_string(bins) + "; take fewer of them, or a larger FFT.");
}

// |autocorrelation|^2 of noise along an axis of a map, for cells of the given powers at
// consecutive places.
double correlation_power(const std::vector<double>& power, int lag, int bins)
{
    std::complex<double> sum = 0.0;
    double total = 0.0;
    for (std::size_t place = 0; place < power.size(); ++place) {
        sum += std::polar(power[place], 2.0 * M_PI * lag * place / bins);
        total += power[place];
    }
    return std::norm(sum / total);
}

// Gauss-Legendre nodes and weights on (0, 1), by Newton on the Legendre polynomial.
void gauss_legendre(std::vector<double>& nodes, std::vector<double>& weights)
{
    const auto n = static_cast<int>(nodes.size());
    for (int i = 0; i < n; ++i) {
        double x = std::cos(M_PI * (i + 0.75) / (n + 0.5));
        double slope = 1.0;
        for (int step = 0; step < 50; ++step) {
            double before = 1.0, value = x;
            for (int k = 2; k <= n; ++k) {
                const double next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
                before = value;
                value = next;
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            const double change = value / slope;
            x -= change;
            if (std::abs(change) < 1e-15)
                break;
        }
        nodes[i] = 0.5 * (1.0 - x);
        weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
    }
}

} // namespace

cfar_threshold::cfar_threshold(const map_geometry& geometry,
                               const cfar_settings& settings)
    : d_doppler_bins(geometry.doppler_bins),
      d_range_bins(geometry.range_bins),
      d_looks(geometry.antennas),
      d_method(settings.method)
{
    set_offsets(geometry, settings);
    const auto count = static_cast<int>(d_offsets.size());
    d_references.resize(count);
    if (d_method == cfar_method_t::CA) {
        d_independent = independent_references(geometry);
        d_level_of_unit_noise = d_looks;
        return;
    }
    d_rank = settings.rank == 0 ? std::max(1, 3 * count / 4) : settings.rank;
    require_in_range("cfar_detector: rank",
                     d_rank,
                     1,
                     count,
                     "give the place of a reference cell in order of power");
    if (d_looks > 1) {
        d_nodes.resize(QUADRATURE_NODES);
        d_weights.resize(QUADRATURE_NODES);
        gauss_legendre(d_nodes, d_weights);
        const double constant = std::lgamma(count + 1.0) - std::lgamma(d_rank) -
                                std::lgamma(count - d_rank + 1.0);
        for (int i = 0; i < QUADRATURE_NODES; ++i) {
            // density of the rank-th smallest of uniform numbers
            d_weights[i] *= std::exp(constant + (d_rank - 1) * std::log(d_nodes[i]) +
                                     (count - d_rank) * std::log1p(-d_nodes[i]));
            d_nodes[i] =
                boost::math::gamma_p_inv(static_cast<double>(d_looks), d_nodes[i]);
        }
    }
    d_level_of_unit_noise = os_mean();
}

void cfar_threshold::set_offsets(const map_geometry& geometry,
                                 const cfar_settings& settings)
{
    const int range_step = stride(d_range_bins, geometry.extent[0]);
    const int doppler_step = stride(d_doppler_bins, geometry.extent[1]);
    require_room("range",
                 settings.guard_range,
                 settings.reference_range,
                 range_step,
                 d_range_bins);
    require_room("Doppler",
                 settings.guard_doppler,
                 settings.reference_doppler,
                 doppler_step,
                 d_doppler_bins);
    for (int i = 1; i <= settings.reference_range; ++i)
        for (int sign : { -1, 1 })
            d_offsets.push_back({ 0, sign * (settings.guard_range + i) * range_step });
    for (int i = 1; i <= settings.reference_doppler; ++i)
        for (int sign : { -1, 1 })
            d_offsets.push_back(
                { sign * (settings.guard_doppler + i) * doppler_step, 0 });
    if (d_offsets.empty())
        throw std::invalid_argument("cfar_detector: reference cells are 0 on both axes, "
                                    "expected at least 1; give some.");
}

double cfar_threshold::independent_references(const map_geometry& geometry) const
{
    std::vector<double> along_range(d_range_bins), along_doppler(geometry.slow_times);
    for (int bin = 0; bin < d_range_bins; ++bin)
        along_range[(bin + d_range_bins / 2) % d_range_bins] =
            geometry.range_weights[bin] * geometry.range_weights[bin] *
            geometry.spectrum[bin];
    for (int time = 0; time < geometry.slow_times; ++time)
        along_doppler[time] =
            geometry.doppler_weights[time] * geometry.doppler_weights[time];
    std::vector<double> range_power(d_range_bins, -1.0),
        doppler_power(d_doppler_bins, -1.0);
    const auto power =
        [](std::vector<double>& known, const std::vector<double>& cells, int lag) {
            const auto bins = static_cast<int>(known.size());
            double& value = known[(lag % bins + bins) % bins];
            if (value < 0.0)
                value = correlation_power(cells, lag, bins);
            return value;
        };
    double sum = 0.0;
    for (const offset& one : d_offsets)
        for (const offset& other : d_offsets)
            sum += power(range_power, along_range, one.column - other.column) *
                   power(doppler_power, along_doppler, one.row - other.row);
    const auto count = static_cast<double>(d_offsets.size());
    return count * count / sum;
}

double cfar_threshold::os_false_alarm_rate(double factor) const
{
    const auto count = static_cast<double>(d_offsets.size());
    double rate = 1.0;
    if (d_looks == 1) {
        for (int i = 0; i < d_rank; ++i)
            rate *= (count - i) / (count - i + factor);
        return rate;
    }
    rate = 0.0;
    for (int i = 0; i < QUADRATURE_NODES; ++i)
        rate += d_weights[i] *
                boost::math::gamma_q(static_cast<double>(d_looks), factor * d_nodes[i]);
    return rate;
}

double cfar_threshold::os_mean() const
{
    double mean = 0.0;
    if (d_looks == 1) {
        for (int i = 0; i < d_rank; ++i)
            mean += 1.0 / (static_cast<double>(d_offsets.size()) - i);
        return mean;
    }
    for (int i = 0; i < QUADRATURE_NODES; ++i)
        mean += d_weights[i] * d_nodes[i];
    return mean;
}

double cfar_threshold::factor(double false_alarm_rate) const
{
    if (d_method == cfar_method_t::CA) {
        const boost::math::fisher_f ratio(2.0 * d_looks, 2.0 * d_looks * d_independent);
        return boost::math::quantile(boost::math::complement(ratio, false_alarm_rate));
    }
    double low = -20.0, high = 20.0; // of the logarithm
    for (int step = 0; step < 60; ++step) {
        const double middle = 0.5 * (low + high);
        (os_false_alarm_rate(std::exp(middle)) > false_alarm_rate ? low : high) = middle;
    }
    return std::exp(0.5 * (low + high));
}

float cfar_threshold::level(const float* power, int row, int column)
{
    float* reference = d_references.data();
    for (const offset& place : d_offsets) {
        const int other_row = (row + place.row + d_doppler_bins) % d_doppler_bins;
        const int other_column = (column + place.column + d_range_bins) % d_range_bins;
        *reference++ = power[other_row * d_range_bins + other_column];
    }
    if (d_method == cfar_method_t::CA)
        return std::accumulate(d_references.begin(), d_references.end(), 0.0f) /
               d_references.size();
    const auto chosen = d_references.begin() + d_rank - 1;
    std::nth_element(d_references.begin(), chosen, d_references.end());
    return *chosen;
}

} // namespace semisac
} // namespace gr
