# Attune. `make` builds build/attune; `make SAN=1` builds build/san/attune with the address and undefined-behaviour
# sanitisers, `make fuzzers` the libFuzzer programs in build/fuzz with clang; `make units` builds the unit tests;
# `make check` runs the static checks; `make help` lists all.
# Nothing is listed by hand: a .c file in a room of src/ is part of the library, one in tests/unit/ is a test program.

ifeq ($(origin CC),default)
  CC := gcc
endif
PACKAGES := libmicrohttpd sqlite3 libsodium jansson libxml-2.0 libpq libcurl
SANITISE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifdef FUZZ
  B := build/fuzz
  CC := $(or $(CLANG),clang)
  MODE := $(SANITISE) -fsanitize=fuzzer-no-link
else ifdef SAN
  B := build/san
  MODE := $(SANITISE)
else
  B := build
  MODE := -O2
endif

CFLAGS ?= -g
WARN := -Wall -Wextra -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla -Wpointer-arith -Wwrite-strings -Werror
STD := -std=c17 -D_GNU_SOURCE -pthread
INC := -Isrc -Iinclude $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
HARD := -fstack-protector-strong -fPIE $(if $(SAN)$(FUZZ),,-D_FORTIFY_SOURCE=2)
ALL_CFLAGS = $(STD) $(WARN) $(MODE) $(HARD) $(INC) $(CFLAGS)
LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm -pthread
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# What must give the same bits on every machine: no fused multiply-add, no reassociation.
EXACT := -ffp-contract=off -fno-fast-math
$(B)/obj/src/stats/%.o $(B)/obj/src/alliance/%.o $(B)/obj/src/operating/%.o $(B)/obj/src/allocation/%.o: ROOM_CFLAGS := $(EXACT) $(if $(SAN)$(FUZZ),,-O3)

# Unswitched, the loops of the eight charts become five times the code, no faster, in thirteen seconds instead of two.
$(B)/obj/src/alliance/rules.o: ROOM_CFLAGS += $(if $(SAN)$(FUZZ),,-fno-unswitch-loops)

# So must a simulated trial and the design that it is drawn from.
$(B)/obj/src/cli/simulate%.o $(B)/obj/src/cli/power_design.o: ROOM_CFLAGS := $(EXACT)

# Vectors wider than the machine's registers are inlined there, never passed: their calling convention does not matter.
# Without errno a square root is one instruction for a whole vector.
$(B)/obj/src/alliance/%.o $(B)/obj/src/operating/%.o $(B)/obj/src/cli/fixed.o: WIDE := -fno-math-errno $(if $(findstring clang,$(CC)),,-Wno-psabi)

SOURCES := $(sort $(wildcard src/*/*.c))
MAIN := src/cli/main.c
# Tables gathered from where their rows stand (tools/assemble.sh).
SQL := $(sort $(wildcard src/store/sql/*.sql))
ASSEMBLED := build/assembled/kinds.c build/assembled/routes.c build/assembled/tables.c build/assembled/log_words.c
LIB_OBJECTS := $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(MAIN),$(SOURCES))) $(patsubst build/%.c,$(B)/obj/%.o,$(ASSEMBLED))
EMBED := $(sort $(shell find assets studies src/store/sql -type f ! -name '.*' 2>/dev/null) $(wildcard src/people/*.txt))
# build/names changes when a file comes, goes or gets another name: what is made of all of them is then made again.
NAMED := $(shell mkdir -p build; printf '%s\n' $(SOURCES) $(EMBED) >build/names.$$$$; cmp -s build/names.$$$$ build/names && rm build/names.$$$$ || mv build/names.$$$$ build/names)
UNITS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
FAULTS := $(patsubst tests/fault/%.c,$(B)/fault/%,$(sort $(wildcard tests/fault/*.c)))
BENCHES := $(patsubst bench/%.c,$(B)/bench/%,$(sort $(wildcard bench/*.c)))
GOLDEN := $(patsubst tests/golden/%.c,$(B)/golden/%,$(sort $(wildcard tests/golden/*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: all units faults benches fuzzers always check flags clean help
.DELETE_ON_ERROR:
.SECONDARY:

# Quiet unless V=1.
Q := $(if $(V),,@)

all: $(B)/attune $(B)/libattune.a

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile
	@echo 'Targets: all units faults benches fuzzers check clean; SAN=1 for the sanitised build.'

$(B)/attune: $(B)/obj/$(MAIN:.c=.o) $(B)/libattune.a
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libattune.a: $(LIB_OBJECTS) $(B)/obj/embed.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/obj/embed.S: $(EMBED) build/names tools/embed.sh Makefile
	@mkdir -p $(@D)
	$(Q)tools/embed.sh $(EMBED) > $@

$(B)/obj/embed.o: $(B)/obj/embed.S
	$(Q)$(CC) -c -o $@ $<

$(B)/obj/src/%.o: src/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	$(Q)$(CC) $(ALL_CFLAGS) $(ROOM_CFLAGS) $(WIDE) -include base/banned.h -MMD -MP -c -o $@ $<

build/assembled/stamp: $(SOURCES) $(SQL) build/names tools/assemble.sh
	$(Q)tools/assemble.sh build/assembled
	@touch $@
$(ASSEMBLED): build/assembled/stamp ;

$(B)/obj/assembled/%.o: build/assembled/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -include base/banned.h -MMD -MP -c -o $@ $<

$(B)/unit/%: tests/unit/%.c $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests/unit -MMD -MP -o $@ $< $(B)/libattune.a $(LIBS) -lcmocka

# Programs with a planted fault, which a harness must catch: a few functions of the library wrapped at link time. Their
# names (__wrap_...) are the linker's, so that no header declares them.
PLANT = $(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/fault/attune-reply-early: tests/fault/plants/reply_early.c $(B)/obj/$(MAIN:.c=.o) $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(PLANT) -Wl,--wrap=db_commit,--wrap=db_begin

$(B)/fault/attune-mail-early: tests/fault/plants/mail_early.c $(B)/obj/$(MAIN:.c=.o) $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(PLANT) -Wl,--wrap=mail_line_send

$(B)/fault/%: tests/fault/%.c $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $< $(B)/libattune.a $(LIBS)

# Makes what tests/golden keeps of this version.
$(B)/golden/%: tests/golden/%.c $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $< $(B)/libattune.a $(LIBS)

$(B)/bench/%: bench/%.c $(B)/libattune.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $< $(B)/libattune.a $(LIBS)

# libFuzzer programs, all over the one library of build/fuzz.
ifdef FUZZ
$(B)/fuzz_%: tests/fuzz/fuzz_%.c $(B)/libattune.a
	@echo '  LD $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -include base/banned.h -MMD -MP -o $@ $< $(B)/libattune.a $(LIBS)

fuzzers: $(FUZZERS)
else
fuzzers:
	$(Q)$(MAKE) FUZZ=1 $@
build/fuzz/fuzz_%: always
	$(Q)$(MAKE) FUZZ=1 $@
endif

units: $(UNITS) $(GOLDEN)
faults: $(FAULTS)
benches: $(BENCHES)

check:
	@tools/check

# The compiler's flags, for the checks.
flags:
	@echo $(STD) $(WARN) $(INC)

clean:
	rm -rf build

-include $(wildcard $(B)/obj/src/*/*.d $(B)/obj/*/*.d $(B)/*/*.d $(B)/fuzz_*.d)
