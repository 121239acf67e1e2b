#!/usr/bin/env bats
# Manual pages and completions come from the command table and must agree with help.

setup() {
	nopsy="$BATS_TEST_DIRNAME/../../${BUILD:-build}/nopsy"
	case ${BUILD:-build} in /*) nopsy=$BUILD/nopsy ;; esac
	export NO_COLOR=1
}

commands() { "$nopsy" help | sed -n 's/^  *\([a-z][a-z]*\)  .*/\1/p'; }
options() { "$nopsy" help "$1" | grep -oE -- '--[a-z][a-z-]+' | sort -u; }

@test "the manual pages: an overview that names every command, and one for each with its options" {
	"$nopsy" generate man "$BATS_TEST_TMPDIR"
	for command in $(commands); do
		grep -qw -- "$command" "$BATS_TEST_TMPDIR/nopsy.1"
		plain=$(sed 's/\\-/-/g; s/\\f[BIRP]//g' "$BATS_TEST_TMPDIR/nopsy-$command.1")
		for option in $(options "$command"); do
			grep -q -- "$option" <<<"$plain" || { echo "$command: no $option"; false; }
		done
	done
}

@test "the manual pages are correct for man" {
	command -v man >/dev/null || command -v groff >/dev/null || return 0
	"$nopsy" generate man "$BATS_TEST_TMPDIR"
	for page in "$BATS_TEST_TMPDIR"/*.1; do
		if command -v groff >/dev/null; then
			warnings=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
		else
			warnings=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
		fi
		[ -z "$warnings" ] || { echo "$page: $warnings"; false; }
	done
}

@test "bash completion: parses, and knows every command and its options" {
	"$nopsy" generate bash >"$BATS_TEST_TMPDIR/nopsy.bash"
	bash -n "$BATS_TEST_TMPDIR/nopsy.bash"
	for command in $(commands); do
		grep -qw -- "$command" "$BATS_TEST_TMPDIR/nopsy.bash"
	done
	# As bash would ask for it: words after "nopsy st".
	run bash -c '
		source "$1"
		spec=$(complete -p nopsy)
		fn=${spec#* -F }; fn=${fn%% *}
		COMP_WORDS=(nopsy st); COMP_CWORD=1; COMP_LINE="nopsy st"; COMP_POINT=8
		"$fn" nopsy st nopsy
		printf "%s\n" "${COMPREPLY[@]}"' - "$BATS_TEST_TMPDIR/nopsy.bash"
	[ "$status" = 0 ]
	grep -q '^stack *$' <<<"$output"
	run bash -c '
		source "$1"
		spec=$(complete -p nopsy)
		fn=${spec#* -F }; fn=${fn%% *}
		COMP_WORDS=(nopsy stack --so); COMP_CWORD=2; COMP_LINE="nopsy stack --so"; COMP_POINT=16
		"$fn" nopsy --so stack
		printf "%s\n" "${COMPREPLY[@]}"' - "$BATS_TEST_TMPDIR/nopsy.bash"
	grep -q '^--source *$' <<<"$output"
}

@test "zsh and fish completions name every command" {
	for shell in zsh fish; do
		out=$("$nopsy" generate $shell)
		for command in $(commands); do
			grep -qw -- "$command" <<<"$out" || { echo "$shell: no $command"; false; }
		done
	done
	if command -v zsh >/dev/null; then "$nopsy" generate zsh >"$BATS_TEST_TMPDIR/_nopsy" && zsh -n "$BATS_TEST_TMPDIR/_nopsy"; fi
	if command -v fish >/dev/null; then "$nopsy" generate fish >"$BATS_TEST_TMPDIR/nopsy.fish" && fish -n "$BATS_TEST_TMPDIR/nopsy.fish"; fi
}
