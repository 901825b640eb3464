#!/bin/bash
# attune's fit beside lme4, lmerTest and pbkrtest: the same data, in turn, on this machine. Prints processor seconds and
# ratios (minimum, median, maximum over the pairs). Installs R's packages when they are missing.
#   bench/fit.sh [PAIRS_SMALL [PAIRS_LARGE]]     (5 3; PAIRS_LARGE 0 leaves the 400,000 rows out)
set -eu
cd "$(dirname "$0")/.."
small=${1:-5} large=${2:-3}
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 # processor seconds are compared: no threads that wait
make -s CC="${CC:-gcc}" all build/bench/fit
if ! Rscript -e 'library(lme4); library(lmerTest); library(pbkrtest); library(data.table)' >/dev/null 2>&1; then
  echo "installing R and its packages" >&2
  ${SUDO:-} apt-get -qq -y install --no-install-recommends r-base-core r-cran-lme4 r-cran-lmertest r-cran-pbkrtest r-cran-data.table >/dev/null
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ours() { build/bench/fit "$@" | tr ',[]' '\n\n\n' | grep -E '^ *[0-9.]+$' | median; }
cpu() { # processor seconds of a whole command
  local TIMEFORMAT='%U %S'
  { time "$@" >/dev/null 2>&1; } 2>&1 | awk '{print $1 + $2}'
}
report() { # NAME PAIRS R-COMMAND OUR-COMMAND
  local name=$1 pairs=$2 theirs=$3 own=$4 i r o
  : >"$scratch/ratios"
  for i in $(seq "$pairs"); do
    r=$(eval "$theirs") o=$(eval "$own")
    awk -v r="$r" -v o="$o" 'BEGIN {print r / o, r, o}' >>"$scratch/ratios"
  done
  sort -g "$scratch/ratios" | awk -v name="$name" '{q[NR] = $1; r[NR] = $2; o[NR] = $3}
    END {m = int((NR + 1) / 2); printf "| %s | %.4g s | %.4g s | %.0f | %.0f | %.0f |\n", name, r[m], o[m], q[1], q[m], q[NR]}'
}
build/bench/fit nested 40 3 16 0 "$scratch/small.csv"
build/bench/fit nested 1000 20 20 0 "$scratch/large.csv"
build/bench/fit crossed 148 19 23 0 "$scratch/crossed.csv"
build/bench/fit crossed 100 100 23 0 "$scratch/hundred.csv"
build/bench/fit crossed 2972 1128 25 0 "$scratch/ratings.csv"
bench/machine.sh
echo "| work | R | attune | ratio: minimum | median | maximum |"
echo "|---|---|---|---|---|---|"
report "fit call, 1,920 rows" "$small" "Rscript bench/fit.R fit $scratch/small.csv" "ours nested 40 3 16 20"
report "fit and Satterthwaite, 1,920 rows" "$small" "Rscript bench/fit.R satterthwaite $scratch/small.csv" "ours nested 40 3 16 20 satterthwaite"
report "fit and Kenward-Roger, 1,920 rows" "$small" "Rscript bench/fit.R kenward-roger $scratch/small.csv" "ours nested 40 3 16 20 kenward-roger"
report "crossed, 148 x 19, 3,404 rows" "$small" "Rscript bench/fit.R crossed $scratch/crossed.csv" "ours crossed 148 19 23 20"
report "crossed, 100 x 100, 2,300 rows" "$small" "Rscript bench/fit.R crossed $scratch/hundred.csv" "ours crossed 100 100 23 20"
[ "$large" -gt 0 ] || exit 0
report "crossed, 2,972 x 1,128, 74,300 rows" "$large" "Rscript bench/fit.R crossed $scratch/ratings.csv" "ours crossed 2972 1128 25 3"
report "fit call, 400,000 rows" "$large" "Rscript bench/fit.R fit $scratch/large.csv" "ours nested 1000 20 20 3"
report "whole command with reading, 400,000 rows" "$large" "cpu Rscript bench/fit.R whole $scratch/large.csv" \
  "cpu build/attune fit 'y ~ arm*time + (1 + time | patient) + (1 | therapist)' $scratch/large.csv --json"
echo
echo "Alone:"
build/bench/fit nested 1000 20 20 3 kenward-roger | sed 's/^/400,000 rows with Kenward-Roger: /'
build/bench/fit nested 25000 20 20 1 | sed 's/^/10 million rows: /'
