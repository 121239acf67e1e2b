#!/usr/bin/env bats
# flame: options and errors, what the files say; and in a browser where there is one (tests/browser/flame.js).

setup_file() {
	root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$root/${BUILD:-build}/nopsy ;;
	esac
	node=$("$root/tools/fetch-node" 24)
	cd "$BATS_FILE_TMPDIR"
	cat >run.folded <<-'END'
		node;main;JS:*serve /srv/app/server.js:3:13;JS:~parse /srv/app/node_modules/body/index.js:7:1 60
		node;main;JS:~serve /srv/app/server.js:3:13;JS:+render /srv/app/view.js:1:1 30
		node;main;JS:^tick node:internal/timers:500:9;uv__io_poll;do_epoll_wait_[k] 110
	END
	sed 's/ 60$/ 20/; s/ 30$/ 70/' run.folded >earlier.folded
	printf 'node;main 10 40\nnode;idle 30 60\n' >two.folded
	export nopsy root node
}

setup() {
	export NO_COLOR=1
	cd "$BATS_FILE_TMPDIR"
}

apart() {
	output=$("$@" 2>"$BATS_TEST_TMPDIR/stderr") && status=0 || status=$?
	stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
}

# The titles of the frames of an SVG, a line each.
titles() { grep -o '<title>[^<(]* ([^)]*)' "$1" | sed 's/<title>//'; }

@test "an SVG on standard output, titles as flamegraph.pl writes them" {
	"$nopsy" flame run.folded >out.svg
	titles out.svg >titles
	grep -qxF 'all (200 samples, 100%)' titles
	grep -qxF 'serve /srv/app/server.js:3:13 (90 samples, 45%)' titles
	grep -qxF 'parse /srv/app/node_modules/body/index.js:7:1 (60 samples, 30%)' titles
	grep -qxF 'do_epoll_wait (110 samples, 55%)' titles
	[ "$(wc -l <titles)" = 9 ]
	grep -A1 '>serve ' out.svg | grep -q 'application, interpreted + TurboFan'
}

@test "the same bytes again, and from standard input" {
	"$nopsy" flame run.folded --subtitle x >one.svg
	"$nopsy" flame --subtitle x <run.folded >two.svg
	tac run.folded | gzip | "$nopsy" flame --subtitle x >three.svg
	cmp one.svg two.svg
	cmp one.svg three.svg
}

@test "tiers, packages, files, callers" {
	"$nopsy" flame run.folded --tiers >out.svg
	titles out.svg | grep -qxF '*serve /srv/app/server.js:3:13 (60 samples, 30%)'
	titles out.svg | grep -qxF '~serve /srv/app/server.js:3:13 (30 samples, 15%)'
	"$nopsy" flame run.folded --by package >out.svg
	titles out.svg | grep -qxF 'body (60 samples, 30%)'
	titles out.svg | grep -qxF 'application (90 samples, 45%)'
	titles out.svg | grep -qxF 'kernel (110 samples, 55%)'
	"$nopsy" flame run.folded --by file >out.svg
	titles out.svg | grep -qxF '/srv/app/view.js (30 samples, 15%)'
	"$nopsy" flame run.folded --reverse --icicle >out.svg
	grep -q 'Icicle Graph of Callers' out.svg
	grep -q 'render /srv/app/view.js:1:1 (30 samples, 15%)' out.svg
}

@test "--filter keeps whole stacks; words around the graph" {
	"$nopsy" flame run.folded --filter 'view\.js|nosuch' --title 'A & B' --subtitle '<i>' --count-name ticks >out.svg
	titles out.svg | grep -qxF 'all (30 ticks, 100%)'
	titles out.svg | grep -qxF 'node (30 ticks, 100%)'
	grep -q 'id="title"[^>]*>A &amp; B<' out.svg
	grep -q 'id="subtitle"[^>]*>&lt;i&gt;<' out.svg
	grep -q 'only 30 ticks' out.svg
}

@test "the filters of convert" {
	"$nopsy" flame run.folded --hide internals >out.svg
	titles out.svg | grep -qxF 'serve /srv/app/server.js:3:13 (90 samples, 45%)'
	[ "$(titles out.svg | grep -c 'tick\|epoll\|main')" = 0 ]
	"$nopsy" flame run.folded --drop epoll --root serve >out.svg
	titles out.svg | grep -qxF 'all (90 samples, 100%)'
	[ "$(titles out.svg | wc -l)" = 4 ]
	# what is in one profile alone is new, or gone
	"$nopsy" flame run.folded --diff two.folded --keep serve >out.svg
	grep -q 'parse [^(]*(60 samples, 66.67%; +66.67%)' out.svg
}

@test "--diff: differences of what functions have of their own" {
	"$nopsy" flame run.folded --diff earlier.folded >out.svg
	grep -q 'parse [^(]*(60 samples, 30%; +20%)' out.svg
	grep -q 'render [^(]*(30 samples, 15%; -20%)' out.svg
	grep -q 'main (200 samples, 100%; 0%)' out.svg
	"$nopsy" flame run.folded --diff earlier.folded --negate >out.svg
	grep -q 'parse [^(]*(60 samples, 30%; -20%)' out.svg
	# two numbers a line; 25% and 75% became 40% and 60%
	"$nopsy" flame two.folded >out.svg
	grep -q 'idle (60 samples, 60%; -15%)' out.svg
	"$nopsy" flame two.folded --absolute >out.svg
	grep -q 'idle (60 samples, 60%; +30%)' out.svg
}

@test "--min-width and --max-levels leave out" {
	"$nopsy" flame run.folded --min-width 50% >out.svg
	[ "$(titles out.svg | wc -l)" = 6 ]
	"$nopsy" flame run.folded --min-width 590 >out.svg
	[ "$(titles out.svg | wc -l)" = 6 ]
	"$nopsy" flame run.folded --max-levels 3 >out.svg
	[ "$(titles out.svg | wc -l)" = 3 ]
	grep -q '3 deeper levels are not drawn' out.svg
}

@test "-o tells the form; the file is its owner's; --json says what is in it" {
	apart "$nopsy" flame run.folded -o page.html --json
	[ "$status" = 0 ]
	"$node" -e 'const a = JSON.parse(process.argv[1]); if (a.format !== "html" || a.frames !== 9 || a.total !== 200 ||
		a.file_bytes !== require("fs").statSync("page.html").size) process.exit(1)' "$output"
	[ "$(stat -c %a page.html)" = 600 ]
	head -c 15 page.html | grep -q '<!DOCTYPE html>'
	apart "$nopsy" flame run.folded -o out.svg
	[[ "$output" == "out.svg: 9 frames, "* ]]
	"$nopsy" flame run.folded --to html | grep -q '<!DOCTYPE html>'
}

@test "errors say what is wrong" {
	apart "$nopsy" flame nosuch.folded
	[ "$status" = 1 ] && [[ "$stderr" == *nosuch.folded* ]]
	apart "$nopsy" flame run.folded --filter '('
	[ "$status" = 2 ]
	apart "$nopsy" flame run.folded --filter nosuch
	[ "$status" = 1 ] && [ -n "$stderr" ] && [ -z "$output" ]
	apart "$nopsy" flame run.folded --thread 4242
	[ "$status" = 1 ] && [ -n "$stderr" ] && [ -z "$output" ]
	apart "$nopsy" flame run.folded --value nosuch
	[ "$status" = 2 ] && [ -n "$stderr" ]
	apart "$nopsy" flame run.folded --min-width wide
	[ "$status" = 2 ]
	apart "$nopsy" flame run.folded --palette nosuch
	[ "$status" = 2 ]
	apart "$nopsy" flame run.folded --width 3
	[ "$status" = 2 ]
	apart "$nopsy" flame run.folded -o /nosuch/out.svg
	[ "$status" = 1 ] && [[ "$stderr" == */nosuch/out.svg* ]]
	apart sh -c '"$nopsy" flame run.folded >/dev/full'
	[ "$status" = 1 ]
}

@test "in a browser" {
	NOPSY=$nopsy "$node" "$root/tests/browser/flame.js" >tap || { cat tap && false; }
	cat tap
	reason=$(sed -n 's/.*# SKIP //p' tap | head -1)
	[ -z "$reason" ] || skip "$reason"
	[ "$(grep -c '^not ok' tap)" = 0 ]
	grep -q '^ok' tap
}
