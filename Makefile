# Muster: the few commands a person needs. The build itself is Meson's (meson.build).
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 30
BUILD ?= build

.PHONY: help build demo check check-long check-vm bench fuzz install clean
help:
	@sed -n 's/^## //p' Makefile

## make build                   compile everything into build/
build:
	@scripts/deps build
	@[ -d $(BUILD) ] || meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=false >/dev/null
	@ninja -C $(BUILD)

## make demo [ONCE=1]           the whole story on software TPMs; ONCE=1 ends after it
demo:
	@scripts/deps build demo
	@ONCE=$(ONCE) scripts/demo

## make check                   build with gcc and clang, all tests under sanitizers, static checks
check:
	@scripts/deps build demo test
	@scripts/check

## make check-long              the long suites: every fuzz target 30 s, every crash point
check-long:
	@scripts/deps build demo test
	@scripts/check --long

## make check-vm                a real kernel, firmware and TPM under QEMU, and what an attacker would change (minutes)
check-vm:
	@scripts/deps build demo test vm
	@scripts/check-vm

## make bench                   measure, beside a peer or the physical limit
bench:
	@scripts/deps build demo bench
	@bench/run

## make fuzz TARGET=x SECONDS=n run one fuzz target
fuzz:
	@scripts/deps build test
	@scripts/fuzz $(TARGET) $(SECONDS)

## make install PREFIX= DESTDIR= install programs, man pages, systemd units
install:
	@scripts/deps build
	@rm -rf $(BUILD)-install
	@meson setup $(BUILD)-install --prefix=$(PREFIX) --buildtype=release -Db_ndebug=false -Dtests=false >/dev/null
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)-install --quiet
	@echo "installed under $(DESTDIR)$(PREFIX)"

clean:
	@rm -rf build build-*
