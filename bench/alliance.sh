#!/bin/bash
# The individuals chart, CUSUM and EWMA together beside the same three in base R, vectorised over the patients: the same
# ratings, in turn, on this machine, processor seconds of one thread. R's packages `qcc` and `changepoint` are not in
# Debian. Both must find the same alarms, but for scores that rounding moves over a limit.
#   bench/alliance.sh [ROUNDS [PATIENTS [SESSIONS]]]
set -eu -o pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} patients=${2:-500000} sessions=${3:-20}
make -s CC="${CC:-gcc}" build/bench/alliance_file
if ! command -v Rscript >/dev/null; then
  echo "installing R" >&2
  ${SUDO:-} apt-get -qq -y install --no-install-recommends r-base-core >/dev/null
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build/bench/alliance_file make "$patients" "$sessions" >"$scratch/ratings.csv"
for _ in $(seq "$rounds"); do
  read -r ours a b c figures < <(build/bench/alliance_file charts "$scratch/ratings.csv" "$sessions")
  # shellcheck disable=SC2086 # three figures
  read -r theirs x y z < <(Rscript bench/alliance.R "$scratch/ratings.csv" "$sessions" $figures)
  echo "$a $b $c $x $y $z" | awk -v most=$((patients / 1000)) '
    {for (k = 1; k <= 3; k++) if (($k - $(k + 3)) ^ 2 > most ^ 2) {print "not the same alarms: " $0 > "/dev/stderr"; exit 1}}'
  echo "$theirs $ours"
done | awk -v ratings=$((patients * sessions)) '{print $1 / $2, ratings / $1, ratings / $2}' | sort -g | awk '
  {q[NR] = $1; r[NR] = $2; o[NR] = $3}
  END {k = int((NR + 1) / 2)
       print "| work | base R, ratings/s | attune, ratings/s | ratio: minimum | median | maximum |\n|---|---|---|---|---|---|"
       printf "| three charts | %.2g | %.2g | %.0f | %.0f | %.0f |\n", r[k], o[k], q[1], q[k], q[NR]}'
