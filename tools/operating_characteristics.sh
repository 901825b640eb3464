#!/bin/sh
# Makes the tables and curves of docs/operating-characteristics: tools/operating_characteristics.sh [TRIALS]
# The published ones rest on the number of trials that their README names; the same seed gives the same tables anywhere.
set -e
cd "$(dirname "$0")/.."
make -s build/bench/alliance_operating build/bench/alliance_limit
mkdir -p docs/operating-characteristics
build/bench/alliance_limit "${1:-100000}" >docs/operating-characteristics/limit.md
exec build/bench/alliance_operating docs/operating-characteristics "${1:-100000}"
