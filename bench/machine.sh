#!/bin/sh
# What figures depend on: the processor, how wide its vectors are, and the BLAS that R uses (if R is there).
model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
wide=$(grep -o -m1 -w avx512f /proc/cpuinfo || grep -o -m1 -w avx2 /proc/cpuinfo || echo "neither avx2 nor avx512f")
echo "Processor: ${model:-unknown}, vectors: $wide, $(nproc) processors"
if command -v Rscript >/dev/null; then Rscript -e 'cat("R", as.character(getRversion()), "with", basename(sessionInfo()$BLAS), "\n")'; fi
