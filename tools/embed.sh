#!/bin/sh
# embed.sh FILE...: writes assembler that links the files into the program (see src/base/embed.h).
# The table is sorted by name in byte order; each file's bytes are followed by a NUL.
set -eu
LC_ALL=C
export LC_ALL
sorted=$(printf '%s\n' "$@" | sort)
echo '.section .rodata'
n=0
for f in $sorted; do
  printf '.balign 16\n.Lbytes%d: .incbin "%s"\n.Lend%d: .byte 0\n.Lname%d: .asciz "%s"\n' "$n" "$f" "$n" "$n" "$f"
  n=$((n + 1))
done
echo '.section .data.rel.ro,"aw"'
echo '.balign 8'
echo '.global attune_embedded'
echo 'attune_embedded:'
i=0
while [ "$i" -lt "$n" ]; do
  printf '.quad .Lname%d, .Lbytes%d, .Lend%d - .Lbytes%d\n' "$i" "$i" "$i" "$i"
  i=$((i + 1))
done
printf '.global attune_embedded_count\n.balign 8\nattune_embedded_count: .quad %d\n' "$n"
echo '.section .note.GNU-stack,"",@progbits'
