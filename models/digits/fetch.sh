#!/bin/sh
# Prints the handwritten digits of the UCI repository (optdigits, the 1,797 of the test file; CC BY 4.0) as CSV with a header.
# DIGITS_CSV names a file that has been fetched before, header and all.
set -eu

if [ -n "${DIGITS_CSV:-}" ]; then
    exec cat "$DIGITS_CSV"
fi
awk 'BEGIN { for (y = 0; y < 8; y++) for (x = 0; x < 8; x++) printf "pixel_%d_%d,", y, x; print "target" }'
curl -fsSL https://archive.ics.uci.edu/ml/machine-learning-databases/optdigits/optdigits.tes
