# nopsy: `make` builds build/nopsy; `make demo` and `make test` install what is missing first.
PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DOCDIR ?= $(PREFIX)/share/doc/nopsy

BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wvla -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
CPPFLAGS += -D_GNU_SOURCE -Isrc -I$(BUILD)/gen
LIBS = -ldw -lelf -lzstd -llz4 -lz -lcapstone -lsqlite3 -ledit -lpthread -lstdc++ -lm

LAYERS = base mem target layout v8 stack heap profile format out sql cmd shell
LIB_SRC = $(sort $(foreach l,$(filter-out cmd shell,$(LAYERS)),$(wildcard src/$(l)/*.c)))
PROG_SRC = $(sort $(wildcard src/cmd/*.c src/shell/*.c))
GEN_SRC = $(BUILD)/gen/layout_facts.c
OBJ = $(patsubst %.c,$(BUILD)/obj/%.o,$(LIB_SRC) $(GEN_SRC:$(BUILD)/%=%))
PROG_OBJ = $(patsubst %.c,$(BUILD)/obj/%.o,$(PROG_SRC))

all: $(BUILD)/nopsy

$(BUILD)/nopsy: $(PROG_OBJ) $(BUILD)/libnopsy.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(PROG_OBJ) $(BUILD)/libnopsy.a $(LIBS)

$(BUILD)/libnopsy.a: $(OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/src/%.o: src/%.c | $(BUILD)/gen/layout_facts.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

LAYOUT_DATA = src/layout/facts.tsv $(wildcard src/layout/v8/*)
$(BUILD)/gen/layout_facts.h $(BUILD)/gen/layout_facts.c &: tools/gen-layout.awk $(LAYOUT_DATA)
	@mkdir -p $(BUILD)/gen
	awk -v out=$(BUILD)/gen -f tools/gen-layout.awk $(LAYOUT_DATA)

clean:
	rm -rf $(BUILD)

.PHONY: all clean
-include $(OBJ:.o=.d) $(PROG_OBJ:.o=.d)

# --- Tests, demo, lint. `make SAN=1 BUILD=build/asan` builds with the address and undefined-behaviour sanitizers.
ifdef SAN
override CFLAGS += -O1 -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
override LDFLAGS += -fsanitize=address,undefined
endif

# Unit tests: tests/unit/test_X.c -> $(BUILD)/tests/test_X, linked with the library and all of the program but main().
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
TEST_OBJ = $(filter-out $(BUILD)/obj/src/cmd/main.o,$(PROG_OBJ))

$(BUILD)/tests/%: tests/unit/%.c $(TEST_OBJ) $(BUILD)/libnopsy.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) -Itests/unit $(CFLAGS) $(WARN) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(TEST_OBJ) \
		$(BUILD)/libnopsy.a -lcmocka $(LIBS)

unit-tests: $(UNIT_TESTS)
-include $(UNIT_TESTS:=.d)

# Installs missing Debian packages; does nothing when all are there.
deps:
	@tools/install-deps

check-layers: $(BUILD)/libnopsy.a
	@tools/check-layers $(BUILD)

# Everything that CI runs, on the Node versions of tests/versions. tests/run lists the parts and how to run one.
test: deps
	+@BUILD=$(BUILD) MAKE="$(MAKE)" tests/run

# The end-to-end tests on the first and last version of every major, complete; writes docs/STATUS.md.
test-matrix: deps
	+@BUILD=$(BUILD) MAKE="$(MAKE)" tests/run matrix

# What nopsy does, in one minute: a spinning program alive and as a core; a leaking one.
demo: deps
	+@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tools/demo

# Time, memory and pause beside gdb; see bench/.
bench: deps
	+@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) bench/run

# Time, memory and pause of the heap commands beside V8's own snapshot and memlab; see bench/heap.js.
bench-heap: deps
	+@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) bench/run-heap

# The filters beside their peers and beside grep; see bench/run-filters.
bench-filters: deps
	+@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) bench/run-filters

.PHONY: deps unit-tests check-layers test test-matrix demo bench bench-heap bench-filters

# Program, library, manual pages and completions; the pages come from the command table.
install: $(BUILD)/nopsy
	rm -rf $(BUILD)/man && $(BUILD)/nopsy generate man $(BUILD)/man
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(BASHCOMPDIR) \
		$(DESTDIR)$(ZSHCOMPDIR) $(DESTDIR)$(FISHCOMPDIR)
	install -m 755 $(BUILD)/nopsy $(DESTDIR)$(BINDIR)/nopsy
	install -m 644 $(BUILD)/libnopsy.a $(DESTDIR)$(LIBDIR)/libnopsy.a
	install -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	$(BUILD)/nopsy generate bash > $(DESTDIR)$(BASHCOMPDIR)/nopsy
	$(BUILD)/nopsy generate zsh > $(DESTDIR)$(ZSHCOMPDIR)/_nopsy
	$(BUILD)/nopsy generate fish > $(DESTDIR)$(FISHCOMPDIR)/nopsy.fish

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/nopsy $(DESTDIR)$(LIBDIR)/libnopsy.a $(DESTDIR)$(MANDIR)/man1/nopsy.1 \
		$(DESTDIR)$(MANDIR)/man1/nopsy-*.1 $(DESTDIR)$(BASHCOMPDIR)/nopsy $(DESTDIR)$(ZSHCOMPDIR)/_nopsy \
		$(DESTDIR)$(FISHCOMPDIR)/nopsy.fish

.PHONY: install uninstall

# --- Bytecode tables: src/v8/bytecodes/*.tsv -> C.
BYTECODE_DATA = $(addprefix src/v8/bytecodes/,versions.tsv natives.tsv) $(sort $(wildcard src/v8/bytecodes/[0-9]*.tsv))
$(BUILD)/gen/bytecode_tables.c: tools/gen-bytecodes.awk $(BYTECODE_DATA)
	@mkdir -p $(BUILD)/gen
	awk -v out=$@ -f tools/gen-bytecodes.awk $(BYTECODE_DATA)

$(BUILD)/libnopsy.a: $(BUILD)/obj/gen/bytecode_tables.o
-include $(BUILD)/obj/gen/bytecode_tables.d

# --- Translation opcodes: src/v8/translations/opcodes.tsv -> C.
$(BUILD)/gen/translation_tables.c: tools/gen-translations.awk src/v8/translations/opcodes.tsv
	@mkdir -p $(BUILD)/gen
	awk -v out=$@ -f tools/gen-translations.awk src/v8/translations/opcodes.tsv

$(BUILD)/libnopsy.a: $(BUILD)/obj/gen/translation_tables.o
-include $(BUILD)/obj/gen/translation_tables.d

# --- Documentation that comes from the command table.
docs: $(BUILD)/nopsy
	$(BUILD)/nopsy generate markdown > $(BUILD)/COMMANDS.md
	mv $(BUILD)/COMMANDS.md docs/COMMANDS.md

.PHONY: docs

# --- Style and scripts of flame graphs -> C strings.
ASSETS = $(sort $(wildcard src/format/*.css src/format/*.js))
$(BUILD)/gen/assets.c: tools/gen-assets.awk $(ASSETS)
	@mkdir -p $(BUILD)/gen
	awk -f tools/gen-assets.awk $(ASSETS) > $@.part && mv $@.part $@

$(BUILD)/libnopsy.a: $(BUILD)/obj/gen/assets.o
-include $(BUILD)/obj/gen/assets.d
