#!/bin/bash
# attune detect on a large file beside reading and parsing the same file, in turn, on this machine: processor seconds for
# one thread, elapsed seconds for all, each with the ratio (minimum, median, maximum over the rounds) of reading and
# parsing alone to the command. The file has three columns and stays in the page cache; findings go to /dev/null.
#   bench/alliance_file.sh [ROUNDS [PATIENTS [SESSIONS]]]
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3} patients=${2:-500000} sessions=${3:-20}
make -s CC="${CC:-gcc}" all build/bench/alliance_file
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build/bench/alliance_file make "$patients" "$sessions" >"$scratch/ratings.csv"
rows=$((patients * sessions))
measure() { # FILE COMMAND...: adds "processor elapsed kilobytes" to FILE
  python3 -c 'import os, subprocess, sys, time
start = time.monotonic()
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
if status: sys.exit("failed: " + " ".join(sys.argv[2:]))
with open(sys.argv[1], "a") as out:
    print(used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss, file=out)' "$@"
}
report() { # NAME COLUMN-OF-SECONDS BASE FILE
  paste "$scratch/$3" "$scratch/$4" | awk -v name="$1" -v by="$2" -v rows="$rows" '
    {o = by ? $2 : $1; c = by ? $5 : $4; print o / c, c, $6, name, rows}' | sort -g | awk '
    {q[NR] = $1; c[NR] = $2; if ($3 > m) m = $3}
    END {k = int((NR + 1) / 2); n = $4; for (i = 5; i < NF; i++) n = n " " $i
         m = n ~ /^(reading|gathered)/ ? "" : int(m / 1024) " MB" # less than that of what starts them
         printf "| %s | %.2f s | %.2g | %.2f | %.2f | %.2f | %s |\n", n, c[k], $NF / c[k], q[1], q[k], q[NR], m}'
}
for _ in $(seq "$rounds"); do
  measure "$scratch/parse" build/bench/alliance_file parse "$scratch/ratings.csv"
  measure "$scratch/patients" build/bench/alliance_file patients "$scratch/ratings.csv"
  for rule in individuals-chart cusum ewma model; do
    measure "$scratch/$rule.1" build/attune detect --threads 1 --rule "$rule" "$scratch/ratings.csv"
    measure "$scratch/$rule.all" build/attune detect --rule "$rule" "$scratch/ratings.csv"
  done
  measure "$scratch/model.whole" build/attune detect --threads 1 --hindsight "$scratch/ratings.csv"
  measure "$scratch/model.whole.all" build/attune detect --hindsight "$scratch/ratings.csv"
done
echo "$rows rows, $patients patients, $(stat -c %s "$scratch/ratings.csv") bytes, $(nproc) processors"
echo
echo "| processor seconds, one thread | median | rows/s | ratio: minimum | median | maximum | memory |"
echo "|:--|--:|--:|--:|--:|--:|--:|"
report "reading and parsing" 0 parse parse
report "gathered into patients" 0 parse patients
for rule in individuals-chart cusum ewma model; do report "$rule, online" 0 parse "$rule.1"; done
report "model, hindsight" 0 parse model.whole
echo
echo "| elapsed seconds, all processors | median | rows/s | ratio: minimum | median | maximum | memory |"
echo "|:--|--:|--:|--:|--:|--:|--:|"
report "reading and parsing" 1 parse parse
for rule in individuals-chart cusum ewma model; do report "$rule, online" 1 parse "$rule.all"; done
report "model, hindsight" 1 parse model.whole.all
