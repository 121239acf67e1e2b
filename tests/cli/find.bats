#!/usr/bin/env bats
# functions, strings, errors, diff: usage errors, text and JSON, mdb's names; on two waiting processes.

setup_file() {
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/${BUILD:-build}/nopsy ;;
	esac
	root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	node=$("$root/tools/fetch-node" 24)
	"$node" "$root/tests/fixtures/heap-find.js" wait >"$BATS_FILE_TMPDIR/truth" &
	pid=$!
	"$node" "$root/tests/fixtures/heap-errors.js" wait >"$BATS_FILE_TMPDIR/truth-errors" &
	pid_errors=$!
	until [ -s "$BATS_FILE_TMPDIR/truth" ] && [ -s "$BATS_FILE_TMPDIR/truth-errors" ]; do
		kill -0 $pid $pid_errors
		sleep 0.01
	done
	export nopsy node root pid pid_errors
}

teardown_file() {
	kill -KILL "$pid" "$pid_errors"
}

setup() { export NO_COLOR=1; }

# Runs with standard output and standard error apart: $output, $stderr, $status.
apart() {
	stderr_file=$BATS_TEST_TMPDIR/stderr
	output=$("$@" 2>"$stderr_file") && status=0 || status=$?
	stderr=$(cat "$stderr_file")
}

# A JavaScript expression on the answer `a`, which must be true.
holds() { # EXPRESSION COMMAND...
	local expression=$1
	shift
	"$nopsy" "$@" --json | "$node" -e '
		const a = JSON.parse(require("fs").readFileSync(0, "utf8"));
		if (!eval(process.argv[1])) { console.error(JSON.stringify(a).slice(0, 2000)); process.exit(1); }' "$expression"
}

@test "usage errors: status 2, the reason, no answer" {
	for words in "functions" "strings" "errors" "diff" "diff $pid" "diff $pid $pid $pid" "functions $pid --sort size" \
		"functions $pid --limit -1" "strings $pid --limit x" "strings $pid --match" "strings $pid --match x --slices" \
		"errors $pid --limit -2" "errors $pid 0x1000" "diff $pid $pid --by size" "objects $pid --kind odd"; do
		apart "$nopsy" $words
		[ "$status" = 2 ] || { echo "$words: $status"; false; }
		[ -n "$stderr" ]
		[ -z "$output" ]
	done
}

@test "strings --match tells what is wrong with an expression" {
	apart "$nopsy" strings "$pid" --match '(unclosed'
	[ "$status" = 2 ]
	grep -q '(unclosed' <<<"$stderr"
}

@test "functions: an address that is no function is refused" {
	address=$("$nopsy" objects "$pid" --class Finder --instances)
	apart "$nopsy" functions "$pid" "$address"
	[ "$status" != 0 ]
	grep -q "no function" <<<"$stderr"
}

@test "diff: a second target that is not there is named" {
	apart "$nopsy" diff "$pid" /no/such/core
	[ "$status" = 1 ]
	grep -q "/no/such/core" <<<"$stderr"
	[ -z "$output" ]
}

@test "diff: a broken snapshot is an error that says where" {
	printf '{"snapshot":{"meta":{"node_fields":["type","name","self_size"],"node_types":[["object"]]}},"nodes":[0,0,' \
		>"$BATS_TEST_TMPDIR/broken.heapsnapshot"
	apart "$nopsy" diff "$BATS_TEST_TMPDIR/broken.heapsnapshot" "$pid"
	[ "$status" = 1 ]
	grep -q "broken.heapsnapshot.*at byte 10[0-9]" <<<"$stderr"
}

@test "functions: counts, filters and instances agree" {
	holds 'a.functions.some((f) => f.name === "findHandler" && f.count === 250 && f.line === 9 && f.retained_bytes > f.self_bytes)' \
		functions "$pid"
	holds 'a.functions.length && a.functions.every((f) => f.file.endsWith("heap-find.js"))' functions "$pid" --script 'heap-f*.js'
	holds 'a.functions.length === 1 && a.total.count === 250' functions "$pid" --script '*heap-find.js' --min-count 100
	[ "$("$nopsy" functions "$pid" --name findOther --instances | grep -c 0x)" = 3 ]
	one=$("$nopsy" functions "$pid" --name findOther --instances | head -1)
	holds 'a.functions.length === 1 && a.functions[0].name === "findOther" && a.functions[0].count === 3' functions "$pid" "$one"
}

@test "strings: two tables; the kinds by option" {
	run "$nopsy" strings "$pid"
	[ "$status" = 0 ]
	[[ $output == *biggest*duplicates* ]]
	holds 'a.strings[0].length === 3000000 && !("duplicates" in a)' strings "$pid" --biggest --limit 1
	holds 'a.duplicates[0].count >= 5000 && a.duplicates[0].wasted_bytes >= 5000 * 40' strings "$pid" --duplicates
	holds 'a.slices.filter((s) => s.parent_bytes >= 50000 && s.used_bytes === 50).length === 20' strings "$pid" --slices
	holds 'a.strings.length >= 1 && a.strings.every((s) => s.value.value.startsWith("find-me"))' strings "$pid" --match '^find-me-by-[c]ontent:'
}

@test "strings: contents are cut and hidden where asked for" {
	holds 'a.strings[0].value.value.length === 5 && a.strings[0].value.truncated' strings "$pid" --biggest --max-string 5
	apart "$nopsy" strings "$pid" --match 'find-me-by-[c]ontent' --redact
	[ "$status" = 0 ]
	[[ $output != *find-me-by* ]]
	[[ $output == *"chars"* ]]
}

@test "errors: stack, causes, code; a cause's common frames are told by number" {
	run "$nopsy" errors "$pid_errors" --message 'request*'
	[ "$status" = 0 ]
	[[ $output == *"3 x TypeError: request failed"* ]]
	[[ $output == *"caused by TypeError: query failed"* ]]
	[[ $output == *"caused by RangeError: no such row"* ]]
	[[ $output == *"more, as above"* ]]
	holds 'a.total.count === 50 && a.errors[0].frames[0].name === "refuse" && a.errors[0].frames[0].line === 9' \
		errors "$pid_errors" --message '*ECONNREFUSED*'
	[ "$("$nopsy" errors "$pid_errors" --class DatabaseError --instances | grep -c 0x)" = 4 ]
}

@test "diff: a process with itself has nothing new, two processes are said to be two" {
	holds 'a.compared === "address" && a.total.count_delta === 0' diff "$pid" "$pid"
	holds 'a.compared === "shape" && a.groups.some((g) => g.class === "Error" && g.count_delta >= 50)' diff "$pid" "$pid_errors"
}

@test "mdb's names: findjsobjects, jsfindrefs, jsfunctions, and pipes" {
	run "$nopsy" shell "$pid" -c '::findjsobjects -c Finder | ::jsprint'
	[[ $output == *"Finder"* ]]
	run "$nopsy" shell "$pid" -c '::findjsobjects -p others | ::findjsobjects -r'
	[[ $output == *".findRoot"* ]]
	run "$nopsy" shell "$pid" -c '::findjsobjects -c Finder | ::jsfindrefs'
	[[ $output == *".method"* ]]
	run "$nopsy" shell "$pid" -c '::jsfunctions -l -n findOther | ::findjsobjects ! sort -u | wc -l'
	[ "$output" -gt 200 ]
	run "$nopsy" shell "$pid" -c '::jsfunctions -s heap-find -n findOther'
	[[ $output == *"findOther"* ]]
	[[ $output != *"findHandler"* ]]
	run "$nopsy" shell "$pid" -c '::findjsobjects -k nothing'
	[ "$status" = 2 ]
}
