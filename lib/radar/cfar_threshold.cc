/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include "math/symmetric_matrix.h"
#include "radar/cfar_threshold.h"
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/tools/roots.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>

namespace gr {
namespace semisac {

namespace {

// As in semisac_ml.signal.cfar.
constexpr int QUADRATURE_NODES = 200;
constexpr int MOST_CORRELATED = 64; // references whose correlation counts exactly
constexpr int REFERENCE_CELLS = 8;  // on a side, where not given
constexpr int RATE_STEPS = 4;

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

// Mean square distance from the mean place, weighted.
double weighted_variance(const std::vector<double>& weights)
{
    double sum = 0.0, first = 0.0, second = 0.0;
    for (std::size_t place = 0; place < weights.size(); ++place) {
        sum += weights[place];
        first += weights[place] * place;
    }
    const double mean = first / sum;
    for (std::size_t place = 0; place < weights.size(); ++place)
        second += weights[place] * (place - mean) * (place - mean);
    return second / sum;
}

// Variance of the noise in each frequency cell, window included, the lowest first.
std::vector<double> noise_along_range(const map_geometry& geometry)
{
    const int bins = geometry.range_bins;
    std::vector<double> noise(bins);
    for (int bin = 0; bin < bins; ++bin)
        noise[(bin + bins / 2) % bins] = geometry.range_weights[bin] *
                                         geometry.range_weights[bin] *
                                         geometry.spectrum[bin];
    return noise;
}

std::vector<double> noise_along_doppler(const map_geometry& geometry)
{
    std::vector<double> noise;
    for (float weight : geometry.doppler_weights)
        noise.push_back(static_cast<double>(weight) * weight);
    return noise;
}

// Autocorrelation of noise along an axis of a map, for cells of the given powers whose
// places are symmetric to `centre`: real, but for a phase that does not count.
double correlation(const std::vector<double>& power, double centre, int lag, int bins)
{
    double sum = 0.0, total = 0.0;
    for (std::size_t place = 0; place < power.size(); ++place) {
        sum += power[place] * std::cos(2.0 * M_PI * lag * (place - centre) / bins);
        total += power[place];
    }
    return sum / total;
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

// Place on an axis that goes round, of one that is beyond an end by less than its length.
int once_around(int place, int bins)
{
    return place < 0 ? place + bins : place >= bins ? place - bins : place;
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
    set_axes(geometry);
    const auto count = static_cast<int>(d_offsets.size());
    d_references.resize(count);
    if (d_method == cfar_method_t::CA) {
        set_correlation(geometry);
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
    int along_range = settings.reference_range,
        along_doppler = settings.reference_doppler;
    if (along_doppler < 0) {
        const int room =
            (d_doppler_bins - 1) / (2 * doppler_step) - settings.guard_doppler;
        along_doppler = room < REFERENCE_CELLS / 2 ? 0 : std::min(room, REFERENCE_CELLS);
    }
    if (along_range < 0) {
        const int room = (d_range_bins - 1) / (2 * range_step) - settings.guard_range;
        const int wanted = along_doppler > 0 ? REFERENCE_CELLS : 2 * REFERENCE_CELLS;
        along_range = std::clamp(room, 0, wanted);
    }
    require_room("range", settings.guard_range, along_range, range_step, d_range_bins);
    require_room(
        "Doppler", settings.guard_doppler, along_doppler, doppler_step, d_doppler_bins);
    for (int i = 1; i <= along_range; ++i)
        for (int sign : { -1, 1 })
            d_offsets.push_back({ 0, sign * (settings.guard_range + i) * range_step });
    for (int i = 1; i <= along_doppler; ++i)
        for (int sign : { -1, 1 })
            d_offsets.push_back(
                { sign * (settings.guard_doppler + i) * doppler_step, 0 });
    if (d_offsets.empty())
        throw std::invalid_argument("cfar_detector: reference cells are 0 on both axes, "
                                    "expected at least 1; give some.");
    for (const offset& place : d_offsets) {
        d_places.push_back(place.row * d_range_bins + place.column);
        d_reach.row = std::max(d_reach.row, std::abs(place.row));
        d_reach.column = std::max(d_reach.column, std::abs(place.column));
    }
}

void cfar_threshold::set_axes(const map_geometry& geometry)
{
    d_axes[0] = { d_range_bins, weighted_variance(noise_along_range(geometry)) };
    d_axes[1] = { d_doppler_bins, weighted_variance(noise_along_doppler(geometry)) };
}

void cfar_threshold::set_correlation(const map_geometry& geometry)
{
    const std::vector<double> along_range = noise_along_range(geometry);
    const std::vector<double> along_doppler = noise_along_doppler(geometry);

    std::vector<offset> cells = { { 0, 0 } };
    cells.insert(cells.end(), d_offsets.begin(), d_offsets.end());
    const auto count = static_cast<int>(cells.size());
    std::map<int, double> by_column, by_row; // lags that were met
    const auto known = [](std::map<int, double>& lags,
                          const std::vector<double>& power,
                          double centre,
                          int lag,
                          int bins) {
        const auto found = lags.find(std::abs(lag));
        if (found != lags.end())
            return found->second;
        return lags[std::abs(lag)] = correlation(power, centre, lag, bins);
    };
    std::vector<double> matrix(static_cast<std::size_t>(count) * count);
    double squares = 0.0; // of the references
    for (int i = 0; i < count; ++i) {
        for (int j = 0; j < count; ++j) {
            const double value = known(by_column,
                                       along_range,
                                       0.5 * d_range_bins,
                                       cells[i].column - cells[j].column,
                                       d_range_bins) *
                                 known(by_row,
                                       along_doppler,
                                       0.5 * (geometry.slow_times - 1),
                                       cells[i].row - cells[j].row,
                                       d_doppler_bins);
            matrix[i * count + j] = value;
            squares += i > 0 && j > 0 ? value * value : 0.0;
        }
    }
    d_independent = (count - 1.0) * (count - 1.0) / squares;
    if (count - 1 > MOST_CORRELATED)
        return;
    const symmetric_eigen eigen(count, matrix);
    d_root.assign(matrix.size(), 0.0);
    for (int k = 0; k < count; ++k) {
        const double root = std::sqrt(std::max(eigen.value(k), 0.0));
        for (int i = 0; i < count; ++i)
            for (int j = 0; j < count; ++j)
                d_root[i * count + j] += root * eigen.vector(i, k) * eigen.vector(j, k);
    }
}

// Cell and references as a quadratic form of Gaussian numbers; see
// semisac_ml.signal.cfar.correlated_false_alarm_rate.
double cfar_threshold::ca_false_alarm_rate(double factor) const
{
    const auto count = static_cast<int>(d_offsets.size() + 1);
    std::vector<double> form(d_root.size());
    for (int i = 0; i < count; ++i) {
        for (int j = 0; j < count; ++j) {
            double sum = d_root[i * count] * d_root[j];
            for (int k = 1; k < count; ++k)
                sum -=
                    factor / (count - 1) * d_root[i * count + k] * d_root[k * count + j];
            form[i * count + j] = sum;
        }
    }
    const symmetric_eigen eigen(count, form);
    int positive = 0;
    for (int k = 1; k < count; ++k)
        if (eigen.value(k) > eigen.value(positive))
            positive = k;
    std::vector<double> power_sums(d_looks, 0.0), coefficients(d_looks, 0.0);
    double logarithm = 0.0;
    for (int k = 0; k < count; ++k) {
        if (k == positive)
            continue;
        const double ratio = std::max(-eigen.value(k), 0.0) / eigen.value(positive);
        logarithm -= d_looks * std::log1p(ratio);
        double power = 1.0;
        for (int look = 1; look < d_looks; ++look)
            power_sums[look] += power *= ratio / (1.0 + ratio);
    }
    coefficients[0] = 1.0;
    double total = 1.0;
    for (int j = 1; j < d_looks; ++j) {
        for (int k = 1; k <= j; ++k)
            coefficients[j] += power_sums[k] * coefficients[j - k] * d_looks / j;
        total += coefficients[j];
    }
    return std::exp(logarithm) * total;
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

// Cells that exceed their threshold one without the other; see cfar_detector.
double cfar_threshold::separate_cells(double factor) const
{
    const double level = factor * d_level_of_unit_noise;
    double cells = 1.0;
    for (const axis& one : d_axes)
        cells *= std::max(
            1.0, one.bins * std::erf(M_PI * std::sqrt(one.spread * level) / one.bins));
    return cells;
}

double cfar_threshold::cell_rate(double map_rate) const
{
    double cells = static_cast<double>(d_doppler_bins) * d_range_bins;
    double rate = -std::expm1(std::log1p(-map_rate) / cells);
    for (int step = 0; step < RATE_STEPS; ++step) { // hardly depends on the rate
        cells = separate_cells(factor(rate));
        rate = -std::expm1(std::log1p(-map_rate) / cells);
    }
    return rate;
}

double cfar_threshold::factor(double false_alarm_rate) const
{
    if (d_method == cfar_method_t::CA && d_root.empty()) {
        const boost::math::fisher_f ratio(2.0 * d_looks, 2.0 * d_looks * d_independent);
        return boost::math::quantile(boost::math::complement(ratio, false_alarm_rate));
    }
    const auto excess = [this, false_alarm_rate](double logarithm) {
        const double factor = std::exp(logarithm);
        const double rate = d_method == cfar_method_t::CA ? ca_false_alarm_rate(factor)
                                                          : os_false_alarm_rate(factor);
        return std::log(std::max(rate, 1e-300) / false_alarm_rate);
    };
    std::uintmax_t most_steps = 100;
    const auto [low, high] = boost::math::tools::toms748_solve(
        excess, -20.0, 20.0, boost::math::tools::eps_tolerance<double>(40), most_steps);
    return std::exp(0.5 * (low + high));
}

bool cfar_threshold::is_inside(int row, int column) const
{
    return row >= d_reach.row && row + d_reach.row < d_doppler_bins &&
           column >= d_reach.column && column + d_reach.column < d_range_bins;
}

// Power of a reference; the map goes on at its other end.
float cfar_threshold::reference(const float* power,
                                int row,
                                int column,
                                std::size_t number) const
{
    const int other_row = once_around(row + d_offsets[number].row, d_doppler_bins);
    const int other_column = once_around(column + d_offsets[number].column, d_range_bins);
    return power[other_row * d_range_bins + other_column];
}

bool cfar_threshold::is_exceeded(const float* power, int row, int column, double factor)
{
    const float* here = power + row * d_range_bins + column;
    if (d_method != cfar_method_t::CA)
        return *here > factor * level(power, row, column);
    // No reference is negative: most cells of noise are decided by the first ones.
    constexpr std::size_t TOGETHER = 4;
    const bool inside = is_inside(row, column);
    const std::size_t count = d_offsets.size();
    float sum = 0.0f;
    for (std::size_t first = 0; first < count; first += TOGETHER) {
        for (std::size_t i = first; i < std::min(first + TOGETHER, count); ++i)
            sum += inside ? here[d_places[i]] : reference(power, row, column, i);
        if (!(*here > factor * (sum / count)))
            return false;
    }
    return true;
}

float cfar_threshold::level(const float* power, int row, int column)
{
    for (std::size_t i = 0; i < d_references.size(); ++i)
        d_references[i] = reference(power, row, column, i);
    if (d_method == cfar_method_t::CA)
        return std::accumulate(d_references.begin(), d_references.end(), 0.0f) /
               d_references.size();
    const auto chosen = d_references.begin() + d_rank - 1;
    std::nth_element(d_references.begin(), chosen, d_references.end());
    return *chosen;
}

} // namespace semisac
} // namespace gr
