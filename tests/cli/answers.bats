#!/usr/bin/env bats
# The same for every command: JSON, text, --output, colours, on one spinning process.

setup_file() {
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/${BUILD:-build}/nopsy ;;
	esac
	root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	node=$("$root/tools/fetch-node" 24)
	"$node" "$root/tests/fixtures/values.js" >"$BATS_FILE_TMPDIR/truth" &
	pid=$!
	until [ -s "$BATS_FILE_TMPDIR/truth" ] && [ "$(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f1)" = R ]; do
		kill -0 $pid
		sleep 0.01
	done
	export nopsy node root pid
}

teardown_file() {
	kill -KILL "$pid"
}

setup() { export NO_COLOR=1; }

is_json() { "$node" -e 'JSON.parse(require("fs").readFileSync(0, "utf8"))'; }

address() { # a member of the held object
	"$nopsy" stack "$pid" --args --json | "$node" -e '
		const frames = [].concat(...JSON.parse(require("fs").readFileSync(0, "utf8")).threads.map((t) => t.frames));
		console.log(frames.find((f) => f.name === "holdValues").args.find((a) => a.name === "root").value.address);'
}

@test "--json is one valid JSON document for every command" {
	root_address=$(address)
	for command in "info $pid" "stack $pid" "layout $pid" "print $pid $root_address" "closure $pid $root_address.function" \
		"source $pid $root_address.function" "whatis $pid $root_address"; do
		"$nopsy" $command --json | is_json || { echo "$command"; false; }
		"$nopsy" --json $command | is_json || { echo "--json $command"; false; }
	done
}

@test "text answers hold no control characters, whatever the heap holds" {
	root_address=$(address)
	out=$("$nopsy" print "$pid" "$root_address" "$root_address.controls")
	[[ $out == *"esc"* ]]
	! grep -qP '[\x00-\x08\x0b-\x1f\x7f]' <<<"$out"
}

@test "JSON answers keep the characters, escaped" {
	"$nopsy" print "$pid" "$(address).controls" --json | "$node" -e '
		const v = JSON.parse(require("fs").readFileSync(0, "utf8"))[0].value;
		process.exit(v.includes("\u0000") && v.includes("\u001b[31m") ? 0 : 1);'
}

@test "--color always colours, never and NO_COLOR do not" {
	unset NO_COLOR
	"$nopsy" stack "$pid" --color always | grep -q $'\033\['
	! "$nopsy" stack "$pid" --color never | grep -q $'\033\['
	! "$nopsy" stack "$pid" | grep -q $'\033\['
	export NO_COLOR=1
	! "$nopsy" stack "$pid" --color auto | grep -q $'\033\['
}

@test "--output writes a file that only its owner can read" {
	"$nopsy" stack "$pid" --json --output "$BATS_TEST_TMPDIR/out.json"
	is_json <"$BATS_TEST_TMPDIR/out.json"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/out.json")" = 600 ]
	"$nopsy" print "$pid" "$(address)" -o "$BATS_TEST_TMPDIR/out.txt"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/out.txt")" = 600 ]
}

@test "--redact shows no string contents" {
	out=$("$nopsy" print "$pid" "$(address)" --redact)
	[ -n "$out" ]
	[[ $out != *"a plain ascii string"* ]]
	out=$("$nopsy" print "$pid" "$(address)" --redact --json)
	is_json <<<"$out"
	[[ $out != *"a plain ascii string"* ]]
}

@test "an address that is nothing: partly answered or failed, said on standard error" {
	for address in 0x0 0x1 0x1001 0xffffffffffffffff 0x7fffffffffff; do
		"$nopsy" print "$pid" "$address" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" && status=0 || status=$?
		[ "$status" = 1 ] || [ "$status" = 3 ] || { echo "$address: $status"; false; }
		[ -s "$BATS_TEST_TMPDIR/err" ]
	done
}

@test "something that is no address: usage" {
	for address in zzz "" -- 12q; do
		run "$nopsy" print "$pid" "$address"
		[ "$status" = 1 ] || [ "$status" = 2 ] || { echo "'$address': $status"; false; }
	done
}

@test "a member that is not there is named" {
	run "$nopsy" print "$pid" "$(address).no_such_member"
	[ "$status" = 1 ] || [ "$status" = 3 ]
	[[ $output == *no_such_member* ]]
}

@test "--thread shows that thread, an unknown one fails" {
	"$nopsy" stack "$pid" --thread "$pid" --json | "$node" -e '
		const t = JSON.parse(require("fs").readFileSync(0, "utf8")).threads;
		process.exit(t.length === 1 && t[0].tid === Number(process.argv[1]) ? 0 : 1);' "$pid"
	run "$nopsy" stack "$pid" --thread 4194301
	[ "$status" = 1 ]
	[[ $output == *4194301* ]]
}

@test "stack as text names the function, the file and the line" {
	out=$("$nopsy" stack "$pid")
	[[ $out == *holdValues* ]]
	grep -qE 'values\.js:[0-9]+' <<<"$out"
	out=$("$nopsy" stack "$pid" --source)
	[[ $out == *'while (root)'* ]]
}

@test "folded frames appear with --native and --internal" {
	plain=$("$nopsy" stack "$pid" --thread "$pid" | wc -l)
	native=$("$nopsy" stack "$pid" --thread "$pid" --native | wc -l)
	all=$("$nopsy" stack "$pid" --thread "$pid" --native --internal | wc -l)
	[ "$native" -gt "$plain" ]
	[ "$all" -gt "$native" ]
	"$nopsy" stack "$pid" --native | grep -q 'node::'
	"$nopsy" stack "$pid" --internal | grep -q 'Module._compile'
	! "$nopsy" stack "$pid" --js | grep -q 'node::'
}

@test "--group puts identical threads together" {
	"$nopsy" stack "$pid" --group --json | "$node" -e '
		const t = JSON.parse(require("fs").readFileSync(0, "utf8")).threads;
		const fs = require("fs");
		const all = fs.readdirSync("/proc/" + process.argv[1] + "/task").length;
		process.exit(t.length < all && t.some((x) => (x.count || 1) > 1) ? 0 : 1);' "$pid"
}

@test "the shell runs commands from -c, mdb names and pipes" {
	out=$("$nopsy" shell "$pid" -c 'stack; ::status')
	[[ $out == *holdValues* ]]
	out=$("$nopsy" shell "$pid" -c "$(address)::jsprint")
	[[ $out == *smi_max* ]]
	out=$("$nopsy" shell "$pid" -c '::jsstack')
	[[ $out == *holdValues* ]]
}

@test "help in the shell is the shell's: no TARGET, pipes, redirection, mdb's names" {
	out=$("$nopsy" shell "$pid" -c help)
	for part in 'A | B' 'A > FILE' 'A ! PROGRAM' 'ADDR::dcmd' '::jsprint' '  walk ' '  stack ' "$pid"; do
		[[ $out == *"$part"* ]] || { echo "no $part"; false; }
	done
	[[ $out != *TARGET* ]] || [ "$(grep -c TARGET <<<"$out")" = 1 ] # "without nopsy and TARGET"
	[[ $out != *'--sysroot'* ]]
	[ "$out" = "$("$nopsy" shell "$pid" -c --help)" ]
	# every command that it lists exists, every mdb name too
	for command in $(sed -n 's/^  \([a-z][a-z]*\)\( .*\)\{0,1\}$/\1/p' <<<"$out" | grep -v '^help$\|^quit$'); do
		"$nopsy" shell "$pid" -c "help $command" | grep -q "^usage: $command " || { echo "$command"; false; }
	done
	for dcmd in $(grep -oE '^  ::[a-z0-9]+' <<<"$out"); do
		"$nopsy" shell "$pid" -c "help $dcmd" | grep -q "^$dcmd: " || { echo "$dcmd"; false; }
	done
}

@test "help of a command in the shell, and what is said to a mistyped one, leave out TARGET" {
	out=$("$nopsy" shell "$pid" -c 'help print')
	[[ $out == *'usage: print [OPTIONS] ADDR...'* ]]
	[[ $out == *'  print 0x'* ]]
	[[ $out != *nopsy* && $out != *4242* && $out != *--exe* ]]
	[ "$out" = "$("$nopsy" shell "$pid" -c 'print --help')" ]
	run "$nopsy" shell "$pid" -c 'help stak'
	[ "$status" = 2 ]
	[[ $output == *"did you mean 'stack'"* && $output == *'`help` lists the commands'* ]]
	run "$nopsy" shell "$pid" -c 'stack --nope'
	[ "$status" = 2 ]
	[[ $output == *'usage: stack [OPTIONS]'* && $output != *TARGET* ]]
	run "$nopsy" shell "$pid" -c 'help ::jsprit'
	[[ $output == *'::jsprint?'* ]]
}

@test "a terminal that takes nothing does not hold the process" {
	mkfifo "$BATS_TEST_TMPDIR/err"
	exec 9<>"$BATS_TEST_TMPDIR/err"
	# what is said before the stop comes first: leave room for it, not for the rest
	"$nopsy" stack "$pid" -vv >/dev/null 2>"$BATS_TEST_TMPDIR/said"
	grep -q calibration "$BATS_TEST_TMPDIR/said"
	before=$(grep -v calibration "$BATS_TEST_TMPDIR/said" | wc -c)
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/err" bs=$((65536 - 4096)) count=1 2>/dev/null
	[ "$before" -lt 3072 ] # else the pipe is full before the stop, and this test shows nothing
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/err" bs=$((4096 - before)) count=1 2>/dev/null
	"$nopsy" stack "$pid" -vv >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	reader=$!
	# blocked in write(2) on descriptor 2
	for _ in $(seq 1000); do
		[[ $(cat /proc/$reader/syscall) == "1 0x2 "* ]] && break
		sleep 0.01
	done
	[[ $(cat /proc/$reader/syscall) == "1 0x2 "* ]]
	[ "$(awk '/^TracerPid/ {print $2}' /proc/$pid/status)" = 0 ]
	cat <&9 >/dev/null &
	drain=$!
	wait $reader
	kill $drain
	exec 9>&-
}
