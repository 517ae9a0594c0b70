/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SYMMETRIC_MATRIX_H
#define INCLUDED_SEMISAC_SYMMETRIC_MATRIX_H

#include <cmath>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Eigenvalues and eigenvectors of a small real symmetric matrix by cyclic Jacobi
 * rotations (Golub and Van Loan, Matrix Computations, section 8.5).
 */
class symmetric_eigen
{
public:
    //! \param matrix n n numbers, by rows
    symmetric_eigen(int n, std::vector<double> matrix)
        : d_size(n), d_matrix(std::move(matrix)), d_vectors(d_matrix.size())
    {
        for (int i = 0; i < n; ++i)
            d_vectors[i * n + i] = 1.0;
        constexpr int MOST_SWEEPS = 30; // a handful is enough
        for (int sweep = 0; sweep < MOST_SWEEPS && off_diagonal() > 1e-26; ++sweep)
            for (int p = 0; p < n; ++p)
                for (int q = p + 1; q < n; ++q)
                    rotate(p, q);
    }

    double value(int i) const { return d_matrix[i * d_size + i]; }
    //! Component `row` of eigenvector i.
    double vector(int row, int i) const { return d_vectors[row * d_size + i]; }

private:
    double off_diagonal() const
    {
        double sum = 0.0, all = 0.0;
        for (int i = 0; i < d_size; ++i) {
            for (int j = 0; j < d_size; ++j) {
                const double square = d_matrix[i * d_size + j] * d_matrix[i * d_size + j];
                all += square;
                sum += i == j ? 0.0 : square;
            }
        }
        return all > 0.0 ? sum / all : 0.0;
    }

    void rotate(int p, int q)
    {
        const double element = d_matrix[p * d_size + q];
        if (element == 0.0)
            return;
        const double slope =
            (d_matrix[q * d_size + q] - d_matrix[p * d_size + p]) / (2.0 * element);
        const double tangent =
            (slope >= 0.0 ? 1.0 : -1.0) / (std::abs(slope) + std::hypot(1.0, slope));
        const double cosine = 1.0 / std::hypot(1.0, tangent), sine = tangent * cosine;
        for (int i = 0; i < d_size; ++i) {
            turn(d_matrix[i * d_size + p], d_matrix[i * d_size + q], cosine, sine);
            turn(d_vectors[i * d_size + p], d_vectors[i * d_size + q], cosine, sine);
        }
        for (int i = 0; i < d_size; ++i)
            turn(d_matrix[p * d_size + i], d_matrix[q * d_size + i], cosine, sine);
    }

    static void turn(double& x, double& y, double cosine, double sine)
    {
        const double before = x;
        x = cosine * before - sine * y;
        y = sine * before + cosine * y;
    }

    const int d_size;
    std::vector<double> d_matrix, d_vectors;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SYMMETRIC_MATRIX_H */
