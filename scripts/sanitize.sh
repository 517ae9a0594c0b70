#!/usr/bin/env bash
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Build the library of C++ blocks in build-sanitize with the address and undefined-behaviour sanitizers and run
# under them whatever enters it: lib/qa_*.cc, the tests of its blocks, and random streams through all of them.
# What they find ends the test that met it, with a trace. `make sanitize` calls it.
#
#   sanitize.sh          all of it
#   sanitize.sh streams  the random streams alone

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly folder=$PWD/build-sanitize
readonly python=$PWD/.venv/bin/python

what=${1:-all}
case "$what" in
    all | streams) ;;
    *) echo "sanitize.sh: $what, expected streams or nothing" >&2; exit 2 ;;
esac

mkdir -p "$folder"
if ! { cmake -S . -B "$folder" -G Ninja -DSANITIZE=ON -DPYTHON_EXECUTABLE="$python" &&
    cmake --build "$folder" --parallel "$(nproc)" --target lib/all; } >"$folder/build.log" 2>&1; then
    tail -n 40 "$folder/build.log" >&2
    echo "sanitize: the module did not build; the end of $folder/build.log is above" >&2
    exit 1
fi

# Python itself is not built with them: the sanitizer must be there before it. Python, GNU Radio and Qt keep
# much to the end, so that leaks are not looked for.
LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libstdc++.so)
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1
export QT_QPA_PLATFORM=offscreen
# The bindings, and all of Python, are those of build/: they take the library that is found first.
export LD_LIBRARY_PATH=$folder/lib
export PYTHONPATH=$PWD/build/test_modules:$PWD/tests${PYTHONPATH:+:$PYTHONPATH}

if [ "$what" = all ]; then
    ctest --test-dir "$folder" --output-on-failure --timeout 1500 -R '^lib_qa_'
    blocks=$(find lib -name '*_impl.cc' -printf '%f\n' | sed 's/_impl.cc//' | paste -sd '|')
    ctest --test-dir build --output-on-failure --parallel "$(nproc)" --timeout 1500 -R "^qa_($blocks)\$"
fi
SEMISAC_ROUNDS=${SEMISAC_ROUNDS:-5} "$python" -m pytest -q -p no:cacheprovider tests/test_random_streams.py
