#!/usr/bin/env bats
# convert: formats in and out, guessed and named; packed files; filters; what is lost, broken, missing; streams.

setup_file() {
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/${BUILD:-build}/nopsy ;;
	esac
	export nopsy
	cd "$BATS_FILE_TMPDIR"
	{
		printf '# captured\n#\n'
		for i in 0 1 2 3; do
			printf 'node 12/12 [001] 5%s.000001: 1001001 cpu-clock:pppH: \n' $i
			printf '\t    7f00aa11bb22 JS:*run /app/a.js:3:13+0x1f (/tmp/perf-12.map)\n'
			printf '\t          b0c01d v8::internal::Invoke+0x14d (/usr/bin/node)\n'
			printf '\t          c0c01d main+0x1 (/usr/bin/node)\n\n'
		done
		printf 'V8 Worker 12/13 [001] 54.500000: 1001001 cpu-clock:pppH: \n'
		printf '\tffffffff81000130 do_syscall_64+0x76 ([kernel.kallsyms])\n'
		printf '\t    7f00aa11bb99 JS:~run /app/a.js:3:13+0x2f (/tmp/perf-12.map)\n\n'
	} >perf.txt
	printf 'node;main;v8::internal::Invoke;JS:*run /app/a.js:3:13 4\nV8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1\n' >perf.folded
}

setup() {
	export NO_COLOR=1
	cd "$BATS_FILE_TMPDIR"
}

# Runs with standard output and standard error apart: $output, $stderr, $status.
apart() {
	output=$("$@" 2>"$BATS_TEST_TMPDIR/stderr") && status=0 || status=$?
	stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
}

@test "perf script to folded: from a file, from standard input, named or guessed" {
	"$nopsy" convert perf.txt --to folded -q | cmp - perf.folded
	"$nopsy" convert --to folded -q <perf.txt | cmp - perf.folded
	cat perf.txt | "$nopsy" convert - --to folded -q | cmp - perf.folded
	"$nopsy" convert --from perf-script --to folded -q <perf.txt | cmp - perf.folded
	"$nopsy" convert -q perf.txt -o out.folded
	cmp out.folded perf.folded
	[ "$(stat -c %a out.folded)" = 600 ]
}

@test "folded to folded is what it was" {
	apart "$nopsy" convert perf.folded --to folded
	[ "$status" = 0 ]
	[ "$output" = "$(cat perf.folded)" ]
	[ -z "$stderr" ]
}

@test "perf script to perf script keeps times, threads, periods and lines; folded stacks keep their counts in it" {
	"$nopsy" convert perf.txt -q --to perf-script >again.txt
	"$nopsy" convert again.txt -q --to perf-script | cmp - again.txt
	"$nopsy" convert again.txt -q --to folded | cmp - perf.folded
	grep -q '^V8 Worker 12/13 54.500000000:    1001001 cpu-clock: $' again.txt
	"$nopsy" convert perf.folded -q --to perf-script | "$nopsy" convert --to folded -q | cmp - perf.folded
}

@test "packed files, in and out" {
	gzip -kf perf.txt
	zstd -qf perf.txt
	"$nopsy" convert -q perf.txt.gz -o out.folded.zst
	"$nopsy" convert -q perf.txt.zst -o out.folded.gz
	zstd -dc out.folded.zst | cmp - perf.folded
	gzip -dc out.folded.gz | cmp - perf.folded
	cat perf.txt.gz | "$nopsy" convert -q --to folded | cmp - perf.folded
	cat perf.txt.zst perf.txt.zst | "$nopsy" convert -q --to folded | sed -n 's/.* //p' | tr '\n' ' ' | grep -qx '8 2 '
}

@test "what the output cannot hold is said once, and not when there is nothing" {
	apart "$nopsy" convert perf.txt --to folded
	[ "$status" = 0 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/stderr")" = 2 ]
	grep -q 'the value is samples; --value chooses another: cpu' <<<"$stderr"
	grep -q 'folded does not hold: times, threads, .*binaries' <<<"$stderr"
	apart "$nopsy" convert perf.txt --to folded -q
	[ -z "$stderr" ]
}

@test "filters" {
	f() { "$nopsy" convert perf.txt --to folded -q "$@"; }
	[ "$(f --thread 13)" = 'V8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1' ]
	[ "$(f --thread '^V8')" = 'V8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1' ]
	[ "$(f --time 1-3)" = 'node;main;v8::internal::Invoke;JS:*run /app/a.js:3:13 2' ]
	[ "$(f --time -500ms)" = 'node;main;v8::internal::Invoke;JS:*run /app/a.js:3:13 1' ]
	[ "$(f --time 4.4s-)" = 'V8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1' ]
	[ "$(f --keep Invoke)" = 'node;main;v8::internal::Invoke;JS:*run /app/a.js:3:13 4' ]
	[ "$(f --keep 'a\.js:3' | wc -l)" = 2 ]
	[ "$(f --drop Invoke)" = 'V8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1' ]
	[ "$(f --root '^run')" = $'node;JS:*run /app/a.js:3:13 4\nV8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1' ]
	[ "$(f --hide kernel,v8)" = $'node;main;JS:*run /app/a.js:3:13 4\nV8_Worker;JS:~run /app/a.js:3:13 1' ]
	[ "$(f --collapse internals)" = $'node;(internals);JS:*run /app/a.js:3:13 4\nV8_Worker;JS:~run /app/a.js:3:13;(internals) 1' ]
	[ "$(f --hide internals --merge-tiers --merge-threads)" = 'JS:run /app/a.js:3:13 5' ]
	[ "$(f --inverted --thread 12 --keep main | head -1)" = 'node;JS:*run /app/a.js:3:13;v8::internal::Invoke;main 4' ]
	[ "$(f --value cpu --thread 13)" = 'V8_Worker;JS:~run /app/a.js:3:13;do_syscall_64_[k] 1001001' ]
}

@test "usage errors: status 2, the reason, no output" {
	while read -r words; do
		apart "$nopsy" convert $words
		[ "$status" = 2 ] || { echo "$words: $status"; false; }
		[ -n "$stderr" ]
		[ -z "$output" ]
	done <<-'END'
		perf.txt
		perf.txt --to nothing
		perf.txt --to bpftrace
		perf.txt --from nothing --to folded
		perf.txt -o out.unknown
		perf.txt perf.txt --to folded
		perf.txt --to folded --keep (
		perf.txt --to folded --time x
		perf.txt --to folded --time 3
		perf.txt --to folded --hide everything
		perf.txt --to folded --value none
	END
	[ ! -e out.unknown ]
}

@test "failures: status 1, the reason, no file left behind" {
	: >empty
	printf 'hello\nworld\n' >text
	printf '\037\213\010\000' >torn.gz
	while read -r words; do
		apart "$nopsy" convert $words -o left.folded
		[ "$status" = 1 ] || { echo "$words: $status"; false; }
		[ -n "$stderr" ]
		[ ! -e left.folded ]
	done <<-'END'
		missing
		empty
		text
		torn.gz
		.
		perf.txt --keep nowhere
		perf.txt --thread 99
		perf.folded --time 1-2
	END
	apart "$nopsy" convert text --to folded
	grep -q 'folded, perf-script' <<<"$stderr"
}

@test "a broken input: what could be read is written, the place is named, status 3" {
	{ cat perf.txt; printf 'no sample at all\n\n'; cat perf.txt; } >broken.txt
	apart "$nopsy" convert broken.txt -o out.folded
	[ "$status" = 3 ]
	grep -q 'line 27 is not of perf script' <<<"$stderr"
	[ "$(sed 's/.* //' out.folded | tr '\n' ' ')" = '8 2 ' ]

	for i in $(seq 3000); do cat perf.txt; done | gzip >whole.gz
	head -c $(($(stat -c %s whole.gz) / 2)) whole.gz >torn.txt.gz
	apart "$nopsy" convert torn.txt.gz --to folded
	[ "$status" = 3 ]
	grep -q 'gzip data ends in the middle' <<<"$stderr"
	grep -qE 'after line [0-9]+' <<<"$stderr"
	[ -n "$output" ]

	printf 'a;b 3\nhalf a li' >half.folded
	apart "$nopsy" convert half.folded --to folded
	[ "$status" = 3 ]
	[ "$output" = 'a;b 3' ]
	grep -q 'line 2 ' <<<"$stderr"
}

@test "names cannot break the lines of the output or the terminal" {
	printf 'node\033[31m 12 1.1: 1 cycles: \n\t  1234 a;b\033]0;x\007c\001+0x1 (n)\n\n' >evil.txt
	apart "$nopsy" convert evil.txt --to folded
	[ "$status" = 0 ]
	[ "$(wc -l <<<"$output")" = 1 ]
	! grep -q $'[\001-\010\033]' <<<"$output"
	printf 'node;a 1\n\033[31mevil\n' >evil.folded
	apart "$nopsy" convert evil.folded --from folded --to folded
	[ "$status" = 3 ]
	! grep -q $'\033' <<<"$stderr"
}

@test "--formats lists what can be read and written" {
	"$nopsy" convert --formats | grep -q '^folded .*yes .*yes'
	"$nopsy" convert --formats --json | grep -q '"name": *"perf-script"'
}

@test "a stream of any length: memory follows the stacks" {
	sample() { for i in $(seq 400); do printf 'node 1 5.1: 1 c: \n\t  12345 f%s+0x1 (n)\n\t  12345 main+0x1 (n)\n\n' $((i % 50)); done; }
	sample >part
	for i in $(seq 3000); do cat part; done | /usr/bin/env bash -c 'ulimit -v 400000; exec "$0" convert -q --to folded' "$nopsy" >out.folded
	[ "$(wc -l <out.folded)" = 50 ]
	[ "$(head -1 out.folded)" = 'node;main;f1 24000' ]
}

@test "a reader that goes away is no error" {
	for i in $(seq 20000); do printf 'a;b%s 1\n' $i; done >many.folded
	"$nopsy" convert many.folded --to folded -q | head -1 | grep -qx 'a;b1 1'
	[ "${PIPESTATUS[0]}" = 0 ]
}
