/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_API_H
#define INCLUDED_SEMISAC_API_H

#include <gnuradio/attributes.h>

#ifdef gnuradio_semisac_EXPORTS
#define SEMISAC_API __GR_ATTR_EXPORT
#else
#define SEMISAC_API __GR_ATTR_IMPORT
#endif

#endif /* INCLUDED_SEMISAC_API_H */
