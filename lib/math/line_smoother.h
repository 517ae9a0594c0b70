/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_LINE_SMOOTHER_H
#define INCLUDED_SEMISAC_LINE_SMOOTHER_H

#include <cmath>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Value that drifts at a nearly constant rate: Kalman filter of value and rate.
 *
 * value' = value + dt rate + random walk of variance dt walk; the rate is constant.
 */
struct line_state {
    double value = 0.0, rate = 0.0;
    double value_variance = 0.0, covariance = 0.0, rate_variance = 0.0;

    void predict(double dt, double walk)
    {
        value += dt * rate;
        value_variance +=
            dt * (2.0 * covariance + dt * rate_variance) + std::abs(dt) * walk;
        covariance += dt * rate_variance;
    }

    //! Take a measurement; returns twice its negative log-likelihood, but for a constant.
    double update(double measured, double variance)
    {
        const double innovation = measured - value;
        const double spread = value_variance + variance;
        const double gain = value_variance / spread, rate_gain = covariance / spread;
        value += gain * innovation;
        rate += rate_gain * innovation;
        rate_variance -= rate_gain * covariance;
        covariance -= gain * covariance;
        value_variance -= gain * value_variance;
        return innovation * innovation / spread + std::log(spread);
    }
};

/*!
 * \brief What a drifting value was at each of many times, from measurements at all of
 * them.
 *
 * Rauch, Tung and Striebel's smoother (AIAA J. 3(8), 1965) over line_state. How much the
 * value walks is not known: of several strengths, the first being none at all, that is
 * taken under which the measurements are the most likely. Without a walk this is the
 * weighted straight line.
 */
class line_smoother
{
public:
    //! walks: variances a unit of time, to choose from; most: measurements at most
    line_smoother(std::vector<double> walks, int most)
        : d_walks(std::move(walks)), d_filtered(most), d_predicted(most)
    {
    }

    /*!
     * \param start at time 0
     * \param times increasing, from 0 on
     * \param measured values, replaced by smoothed ones
     * \param variances of the measurements
     */
    void smooth(const line_state& start,
                const std::vector<double>& times,
                std::vector<double>& measured,
                const std::vector<double>& variances)
    {
        double best_walk = d_walks.front();
        if (d_walks.size() > 1) {
            double best = INFINITY;
            for (double walk : d_walks) {
                const double cost = filter(start, times, measured, variances, walk);
                // A stronger walk must pay for itself: 3 is its share in a criterion of
                // one parameter more, so that noise alone seldom chooses it.
                if (cost < best - (walk > d_walks.front() ? 3.0 : 0.0)) {
                    best = cost;
                    best_walk = walk;
                }
            }
        }
        filter(start, times, measured, variances, best_walk);
        d_walk = best_walk;

        const auto count = static_cast<int>(measured.size());
        double value = d_filtered[count - 1].value, rate = d_filtered[count - 1].rate;
        measured[count - 1] = value;
        for (int n = count - 2; n >= 0; --n) {
            const line_state& now = d_filtered[n];
            const line_state& next = d_predicted[n + 1];
            const double dt = times[n + 1] - times[n];
            // gain = P F^T inverse(P'), F = [1 dt; 0 1]
            const double determinant = next.value_variance * next.rate_variance -
                                       next.covariance * next.covariance;
            const double pf_value = now.value_variance + dt * now.covariance;
            const double pf_rate = now.covariance + dt * now.rate_variance;
            double gain[2][2] = { { 1.0, -dt }, { 0.0, 1.0 } }; // no walk: back along F
            if (determinant > 1e-12 * next.value_variance * next.rate_variance) {
                gain[0][0] =
                    (pf_value * next.rate_variance - now.covariance * next.covariance) /
                    determinant;
                gain[0][1] =
                    (now.covariance * next.value_variance - pf_value * next.covariance) /
                    determinant;
                gain[1][0] =
                    (pf_rate * next.rate_variance - now.rate_variance * next.covariance) /
                    determinant;
                gain[1][1] = (now.rate_variance * next.value_variance -
                              pf_rate * next.covariance) /
                             determinant;
            }
            const double value_error = value - next.value, rate_error = rate - next.rate;
            value = now.value + gain[0][0] * value_error + gain[0][1] * rate_error;
            rate = now.rate + gain[1][0] * value_error + gain[1][1] * rate_error;
            measured[n] = value;
        }
        d_rate = rate;
    }

    //! Strength of the walk that was chosen last.
    double walk() const { return d_walk; }
    //! Rate at the first time.
    double rate() const { return d_rate; }

private:
    double filter(const line_state& start,
                  const std::vector<double>& times,
                  const std::vector<double>& measured,
                  const std::vector<double>& variances,
                  double walk)
    {
        line_state state = start;
        double time = 0.0, cost = 0.0;
        for (std::size_t n = 0; n < measured.size(); ++n) {
            state.predict(times[n] - time, walk);
            time = times[n];
            d_predicted[n] = state;
            cost += state.update(measured[n], variances[n]);
            d_filtered[n] = state;
        }
        return cost;
    }

    const std::vector<double> d_walks;
    std::vector<line_state> d_filtered, d_predicted;
    double d_walk = 0.0, d_rate = 0.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_LINE_SMOOTHER_H */
