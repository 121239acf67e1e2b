#!/usr/bin/env bats
# Help, usage errors and exit statuses: what needs no target.

setup() {
	nopsy="$BATS_TEST_DIRNAME/../../${BUILD:-build}/nopsy"
	case ${BUILD:-build} in /*) nopsy=$BUILD/nopsy ;; esac
	export NO_COLOR=1
}

# Runs with standard output and standard error apart: $output, $stderr, $status.
apart() {
	stderr_file=$BATS_TEST_TMPDIR/stderr
	output=$("$@" 2>"$stderr_file") && status=0 || status=$?
	stderr=$(cat "$stderr_file")
}

commands() { "$nopsy" help | sed -n 's/^  *\([a-z][a-z]*\)  .*/\1/p'; }

@test "no arguments: usage on standard error, status 2" {
	apart "$nopsy"
	[ "$status" = 2 ]
	[ -n "$stderr" ]
	[ -z "$output" ]
}

@test "--version prints one line with a number" {
	apart "$nopsy" --version
	[ "$status" = 0 ]
	[[ $output =~ ^nopsy\ [0-9]+\.[0-9]+ ]]
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "help, --help and -h print the same and name the commands" {
	apart "$nopsy" help
	[ "$status" = 0 ]
	help=$output
	for way in --help -h; do
		apart "$nopsy" $way
		[ "$status" = 0 ]
		[ "$output" = "$help" ]
	done
	for command in info stack print closure source whatis layout help; do
		grep -qE "^ +$command( |$)" <<<"$help"
	done
}

@test "each command has help: by help COMMAND, --help and -h" {
	[ "$(commands | wc -l)" -ge 8 ]
	for command in $(commands); do
		apart "$nopsy" help "$command"
		[ "$status" = 0 ]
		grep -q "nopsy $command" <<<"$output"
		help=$output
		for way in --help -h; do
			apart "$nopsy" "$command" $way
			[ "$status" = 0 ]
			[ "$output" = "$help" ]
		done
	done
}

@test "help of an unknown command: status 2" {
	apart "$nopsy" help no-such-command
	[ "$status" = 2 ]
	grep -q "no-such-command" <<<"$stderr"
}

@test "help of a mistyped command says what a mistyped command is told" {
	for word in stak nope; do
		apart "$nopsy" "$word"
		direct=${stderr//nopsy: /}
		apart "$nopsy" help "$word"
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ "$(head -1 <<<"${stderr//nopsy: help: /}")" = "$(head -1 <<<"$direct")" ]
		[ "$(tail -1 <<<"$stderr")" = "\`nopsy help\` lists the commands" ]
	done
	"$nopsy" help stak 2>&1 | grep -q "did you mean 'stack'"
	! "$nopsy" help nope 2>&1 | grep -q "did you mean"
}

@test "unknown command: status 2, named, with the nearest one" {
	apart "$nopsy" stak 1
	[ "$status" = 2 ]
	[ -z "$output" ]
	grep -q "stak" <<<"$stderr"
	grep -q "stack" <<<"$stderr"
}

@test "unknown option: status 2, named" {
	apart "$nopsy" stack --no-such-option 1
	[ "$status" = 2 ]
	[ -z "$output" ]
	grep -q -- "--no-such-option" <<<"$stderr"
	apart "$nopsy" --no-such-option
	[ "$status" = 2 ]
}

@test "an option without its argument: status 2" {
	apart "$nopsy" stack 1 --thread
	[ "$status" = 2 ]
	grep -q -- "--thread" <<<"$stderr"
}

@test "an option with a wrong argument: status 2" {
	apart "$nopsy" stack 1 --thread abc
	[ "$status" = 2 ]
	apart "$nopsy" stack 1 --color sometimes
	[ "$status" = 2 ]
	grep -q "sometimes" <<<"$stderr"
}

@test "no target: status 2" {
	for command in info stack print closure source whatis layout; do
		apart "$nopsy" $command
		[ "$status" = 2 ]
		[ -n "$stderr" ]
		[ -z "$output" ]
	done
}

@test "too few and too many arguments: status 2" {
	apart "$nopsy" print 1
	[ "$status" = 2 ]
	apart "$nopsy" info 1 2 3
	[ "$status" = 2 ]
}

@test "a target that is not there: status 1, one line that names it" {
	apart "$nopsy" stack /no/such/core
	[ "$status" = 1 ]
	[ -z "$output" ]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	grep -q "/no/such/core" <<<"$stderr"
	grep -q "^nopsy: " <<<"$stderr"
}

@test "--sysroot that is no folder: status 1, named, whatever the target" {
	touch "$BATS_TEST_TMPDIR/file"
	for folder in /no/such/folder "$BATS_TEST_TMPDIR/file" ""; do
		apart "$nopsy" info $$ --sysroot "$folder"
		[ "$status" = 1 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
		grep -q -- "'$folder' of --sysroot" <<<"$stderr"
	done
	apart "$nopsy" info $$ --sysroot "$BATS_TEST_TMPDIR"
	! grep -q -- "--sysroot cannot" <<<"$stderr"
}

@test "--output to a place that cannot be written: status 1" {
	apart "$nopsy" help --output /no/such/dir/file
	[ "$status" = 1 ] || [ "$status" = 2 ]
	[ -n "$stderr" ]
}

@test "a full disk is told" {
	[ -e /dev/full ] || skip "no /dev/full"
	"$nopsy" help >/dev/full 2>"$BATS_TEST_TMPDIR/err" && status=0 || status=$?
	[ "$status" = 1 ]
	[ -s "$BATS_TEST_TMPDIR/err" ]
}

@test "a reader that goes away is no error of ours" {
	set -o pipefail
	"$nopsy" help stack 2>"$BATS_TEST_TMPDIR/err" | head -1 >/dev/null || true
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
}
