/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_VECTOR_CLONES_H
#define INCLUDED_SEMISAC_VECTOR_CLONES_H

/*!
 * \brief Compile a loop for each vector unit and choose when the library is loaded.
 *
 * Everything is compiled without contraction into fused operations (CMakeLists.txt), so
 * that all clones, and the loops' remainders, give the same bits. AVX-512 is left out:
 * gcc 12 fuses complex products there all the same. 64-bit ARM needs no clones, for all
 * of it has the vector unit that the loops are compiled for.
 */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && \
    !defined(__clang__)
#define SEMISAC_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define SEMISAC_VECTOR_CLONES
#endif

#endif /* INCLUDED_SEMISAC_VECTOR_CLONES_H */
