# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What papers say beside what is measured here: declared by each system, judged by one rule, on one page.

``declared`` is what ``systems/<name>/reproduction.py`` is made of, ``readings`` takes figures from files of
results, ``verdicts`` judges them, ``page`` writes them down, ``runs`` recomputes them.
"""
