#!/usr/bin/env bats
# make install and uninstall, with the usual variables.

@test "install puts everything below DESTDIR and PREFIX, uninstall takes it away" {
	cd "$BATS_TEST_DIRNAME/../.."
	root=$BATS_TEST_TMPDIR/root
	make -s BUILD="${BUILD:-build}" DESTDIR="$root" PREFIX=/opt/tools install
	[ -x "$root/opt/tools/bin/nopsy" ]
	[ -s "$root/opt/tools/share/man/man1/nopsy.1" ]
	[ -s "$root/opt/tools/share/man/man1/nopsy-stack.1" ]
	[ -s "$root/opt/tools/share/bash-completion/completions/nopsy" ]
	[ -s "$root/opt/tools/share/zsh/site-functions/_nopsy" ]
	[ -s "$root/opt/tools/share/fish/vendor_completions.d/nopsy.fish" ]
	"$root/opt/tools/bin/nopsy" --version
	make -s BUILD="${BUILD:-build}" DESTDIR="$root" PREFIX=/opt/tools uninstall
	[ -z "$(find "$root" -type f)" ]
}
