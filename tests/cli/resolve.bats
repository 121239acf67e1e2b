#!/usr/bin/env bats
# resolve and symbols: streams, bytes that pass as they are, maps that grow or are not to be trusted, usage.

setup_file() {
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/${BUILD:-build}/nopsy ;;
	esac
	root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	node=$("$root/tools/fetch-node" 24)
	export nopsy root node
}

setup() {
	export NO_COLOR=1
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '3d278f93e100 288 JS:*getTip /srv/my app/tips.js:10:5' '1000 10 short' \
		'3d278f806000 1000 JS:~old /a.js:1:1' '3d278f806080 100 JS:^new node:internal/b:2:2' >map
}

# Runs with standard output and standard error apart: $output, $stderr, $status.
apart() {
	stderr_file=$BATS_TEST_TMPDIR/stderr
	output=$("$@" 2>"$stderr_file") && status=0 || status=$?
	stderr=$(cat "$stderr_file")
}

@test "usage: no source, a wrong number, a map that is not there, no map" {
	apart "$nopsy" resolve </dev/null
	[ "$status" = 2 ]
	[[ $stderr == *--map* ]]
	apart "$nopsy" resolve --map nowhere </dev/null
	[ "$status" = 1 ]
	[[ $stderr == *nowhere*--perf-basic-prof*--pid* ]]
	[ -z "$output" ]
	apart "$nopsy" resolve --pid x </dev/null
	[ "$status" = 2 ]
	apart "$nopsy" resolve --map map --frame odd </dev/null
	[ "$status" = 2 ]
	apart "$nopsy" resolve --map map nofile
	[ "$status" = 1 ]
	[[ $stderr == *nofile* ]]
	echo "what is this" >garbage
	apart "$nopsy" resolve --map garbage </dev/null
	[ "$status" = 1 ]
	[[ $stderr == *garbage*"line 1"* ]]
	apart "$nopsy" resolve --jitdump map </dev/null
	[ "$status" = 1 ]
	[[ $stderr == *"no jitdump"* ]]
}

@test "names where the text has a place for them, else behind the address" {
	cat >in <<-'END'
		#6  0x00003d278f93e110 in ?? ()
		    frame #6: 0x00003d278f8060bb
		#7  0x0000000000b00e10 in node::Abort() ()
		              0x3d278f93e388
		 9: 0x3d278f93e387  [node]
		0x100f and 0x1010
	END
	cat >want <<-'END'
		#6  0x00003d278f93e110 in JS:*getTip /srv/my app/tips.js:10:5 ()
		    frame #6: 0x00003d278f8060bb JS:^new node:internal/b:2:2
		#7  0x0000000000b00e10 in node::Abort() ()
		              0x3d278f93e388
		 9: 0x3d278f93e387 JS:*getTip /srv/my app/tips.js:10:5 [node]
		0x100f short and 0x1010
	END
	"$nopsy" resolve --map map <in >out
	diff out want
	# once more changes nothing
	"$nopsy" resolve --map map out | diff - want
	"$nopsy" resolve --map map --frame replace --paths short in >out
	cat >want <<-'END'
		#6  JS:*getTip tips.js:10:5 ()
		    frame #6: JS:^new node:internal/b:2:2
		#7  0x0000000000b00e10 in node::Abort() ()
		              0x3d278f93e388
		 9: JS:*getTip tips.js:10:5  [node]
		short and 0x1010
	END
	diff out want
	[ "$("$nopsy" resolve --map map --offset <<<'0x1003')" = "0x1003 short+0x3" ]
	[ "$("$nopsy" resolve --map map --demangle <<<'0x1003 in _ZN4node5AbortEv ()')" = "0x1003 in node::Abort() ()" ]
}

@test "a wrong name that perf took from the map is put right, its own names stay" {
	printf '\t    3d278f8060bb JS:~old /a.js:1:1+0xbb (/tmp/perf-1.map)\n\t          b00e10 node::Abort+0x1 (/usr/bin/node)\n' >in
	printf '\t    3d278f8060bb JS:^new node:internal/b:2:2+0x3b (/tmp/perf-1.map)\n\t          b00e10 node::Abort+0x1 (/usr/bin/node)\n' >want
	"$nopsy" resolve --map map in | diff - want
}

@test "the later of several maps wins" {
	echo '1000 10 second' >map2
	[ "$("$nopsy" resolve --map map --map map2 <<<0x1000)" = "0x1000 second" ]
	[ "$("$nopsy" resolve --map map2 --map map <<<0x1000)" = "0x1000 short" ]
	[ "$("$nopsy" resolve --map <(cat map2) <<<0x1000)" = "0x1000 second" ]
}

@test "process.report is filled in, escaped" {
	printf '1000 10 a "quoted" \\name\n' >map
	printf '{"nativeStack": [\n  {\n    "pc": "0x0000000000001000",\n    "symbol": ""\n  },\n  {"pc": "0x2000", "symbol": ""}]}' >in
	"$nopsy" resolve --map map in | "$node" -e '
		const a = JSON.parse(require("fs").readFileSync(0, "utf8")).nativeStack;
		process.exit(a[0].symbol === "a \"quoted\" \\name" && a[1].symbol === "" ? 0 : 1)'
}

@test "bytes that are no address pass as they are: NUL, broken UTF-8, lines of megabytes, no last line break" {
	"$node" -e '
		const noise = Buffer.alloc(3 << 20);
		let x = 1;
		for (let i = 0; i < noise.length; i++) noise[i] = (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24;
		require("fs").writeFileSync("noise", Buffer.concat([noise, Buffer.alloc(5 << 20, "a b\0\xff"), noise, Buffer.from("\r\n\n \r0x")]))'
	"$nopsy" resolve --map map noise | cmp - noise
	"$nopsy" resolve --map map <noise | cmp - noise
	cat noise | "$nopsy" resolve --map map --demangle | cmp - noise
	"$nopsy" resolve --map map </dev/null | cmp - /dev/null
}

@test "in a line of megabytes addresses are found" {
	"$node" -e '
		let line = "", want = "";
		while (line.length < 4e6) {
			const filler = "x".repeat(line.length % 37) + " ";
			line += filler + "0x3d278f93e110 in ?? ()";
			want += filler + "0x3d278f93e110 in JS:*getTip /srv/my app/tips.js:10:5 ()";
		}
		require("fs").writeFileSync("in", line);
		require("fs").writeFileSync("want", want)'
	"$nopsy" resolve --map map in | cmp - want
}

@test "text comes out as it comes in, and a map that grows is read on" {
	mkfifo in out
	"$nopsy" resolve --map map <in >out &
	exec 5>in 6<out
	echo 'first 0x1000' >&5
	read -r -t 10 line <&6
	[ "$line" = 'first 0x1000 short' ]
	echo '5000 10 appended' >>map
	echo 'second 0x5000' >&5
	read -r -t 10 line <&6
	# what is not known is looked for again, but not at once each time
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$line" = 'second 0x5000' ] || break
		sleep 0.2
		echo 'second 0x5000' >&5
		read -r -t 10 line <&6
	done
	[ "$line" = 'second 0x5000 appended' ]
	exec 5>&-
	wait
}

@test "a reader that goes away is no error" {
	yes 'x 0x1000' | head -c 5000000 >in
	"$nopsy" resolve --map map in | head -1 | grep -q short
	[ "${PIPESTATUS[0]}" = 0 ]
}

@test "a map in a folder where everybody may write" {
	mkdir shared
	chmod 1777 shared
	cp map shared/perf-1.map
	[ "$("$nopsy" resolve --map shared/perf-1.map <<<0x1000)" = "0x1000 short" ]
	ln -s "$PWD/map" shared/link
	apart "$nopsy" resolve --map shared/link <<<0x1000
	[ "$status" = 1 ]
	[[ $stderr == *"symbolic link"* ]]
	mkfifo shared/pipe
	apart "$nopsy" resolve --map shared/pipe <<<0x1000
	[ "$status" = 1 ]
	[[ $stderr == *"no regular file"* ]]
	[ "$(id -u)" = 0 ] || skip "only root can give a file away"
	chown 12345 shared/perf-1.map
	apart "$nopsy" resolve --map shared/perf-1.map <<<0x1000
	[ "$status" = 1 ]
	[[ $stderr == *"user 12345"* ]]
}

@test "control characters of a name do not reach the terminal" {
	printf '1000 10 a\033[31mb\302\205c\n' >map
	"$nopsy" resolve --map map <<<0x1000 >out
	! grep -q $'\033\|\302\205' out
	grep -q 'a\\x1b\[31mb' out
}

@test "--json: an object a line for each address" {
	printf 'x\n#1 0x1003 in ?? ()\n' | "$nopsy" resolve --map map --json >out
	[ "$(cat out)" = '{"line":2,"address":"0x1003","name":"short","start":"0x1000","size_bytes":16,"offset":3}' ]
}

@test "symbols: names, addresses, builtins of a binary" {
	"$nopsy" symbols "$node" uv_fs_open Builtins_ArrayPrototypePush ArrayPrototypePush 'node::Start' --json >out
	"$node" -e '
		const s = JSON.parse(require("fs").readFileSync("out", "utf8")).symbols;
		const of = (name) => s.filter((x) => x.name.startsWith(name));
		if (of("uv_fs_open").length !== 1 || of("ArrayPrototypePush")[0].kind !== "builtin" || !of("node::Start(").length) process.exit(1);
		console.log(of("ArrayPrototypePush")[0].address)' >address
	"$nopsy" symbols "$node" "$(cat address)" | grep -q 'builtin ArrayPrototypePush'
	apart "$nopsy" symbols "$node" no_such_symbol
	[ "$status" = 1 ]
	apart "$nopsy" symbols "$node" no_such_symbol uv_fs_open
	[ "$status" = 3 ]
	apart "$nopsy" symbols map
	[ "$status" = 1 ]
	[ "$("$nopsy" symbols "$node" --sort size --limit 3 --json | "$node" -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).symbols.length')" = 3 ]
}

@test "symbols: lines and inlined functions, as addr2line tells them" {
	command -v gcc >/dev/null && command -v addr2line >/dev/null && command -v objdump >/dev/null || skip "no gcc, addr2line or objdump"
	cat >inl.c <<-'END'
		int g;
		static inline __attribute__((always_inline)) int deepest(int x) {
			g += x * 3;
			return g ^ x;
		}
		static inline __attribute__((always_inline)) int between(int x) { return deepest(x + 1) + 2; }
		__attribute__((noinline)) int outermost(int x) { return between(x) * 7; }
		int main(int argc, char **argv) { return outermost(argc); }
	END
	gcc -g -O2 -o inl inl.c
	for address in $(objdump -d inl | awk '/<outermost>:/ { on = 1; next } /^$/ { on = 0 } on { sub(":", "", $1); print $1 }'); do
		addr2line -fi -e inl "$address" | sed 's/ (discriminator.*//' | paste - - >want
		"$nopsy" symbols inl "0x$address" --inlines --json | "$node" -e '
			const a = JSON.parse(require("fs").readFileSync(0, "utf8")).addresses[0];
			for (const f of [a, ...a.inlined_into || []]) console.log(`${f.name}\t${f.file}:${f.line}`)' >got
		diff got want
	done
}
