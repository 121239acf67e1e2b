#!/usr/bin/env bats
# README and docs/ cannot rot: their commands parse, their links and examples exist, generated pages are up to date.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	case ${BUILD:-build} in
	/*) nopsy=$BUILD/nopsy ;;
	*) nopsy=$PWD/${BUILD:-build}/nopsy ;;
	esac
	export nopsy NO_COLOR=1
}

setup() { cd "$BATS_TEST_DIRNAME/../.."; }

# Every nopsy command line of a page, one a line: indented lines (after a prompt or alone) and `nopsy ...` in the text.
command_lines() { # page
	sed -nE 's/^    (\$ )?(nopsy [^=].*)$/\2/p' "$1"
	grep -oE '`nopsy [^`]+`' "$1" | tr -d '`'
}

# The words of a line, one a line, as a shell would take them; what follows an unquoted | > & ; # is not nopsy's.
words() { # line
	local rest=$1 word= quote= c open=
	while [ -n "$rest" ]; do
		c=${rest:0:1} rest=${rest:1}
		if [ -n "$quote" ]; then
			if [ "$c" = "$quote" ]; then quote=; else word+=$c; fi
		else
			case $c in
			"'" | '"') quote=$c open=1 ;;
			' ')
				[ -z "$word$open" ] || printf '%s\n' "$word"
				word= open=
				;;
			'|' | '>' | '&' | ';' | '#') break ;;
			*) word+=$c ;;
			esac
		fi
	done
	[ -z "$quote" ] || return 1
	[ -z "$word$open" ] || printf '%s\n' "$word"
}

# Does nopsy understand the line?  --help makes it parse all of it and open nothing.
understands() { # line
	local argv parts part
	words "$1" >/dev/null || return 1
	mapfile -t argv < <(words "$1")
	[ "${argv[0]}" = nopsy ] || return 1
	if [ "${argv[1]}" = help ]; then
		"$nopsy" "${argv[@]:1}" >/dev/null
		return
	fi
	"$nopsy" "${argv[@]:1}" --help >/dev/null || return 1
	[ "${argv[1]}" = shell ] || return 0
	for part in "${!argv[@]}"; do
		[ "${argv[part]}" = -c ] || continue
		# Inside of the shell TARGET is implied; mdb's names have other rules and are left to the shell's tests.
		mapfile -t parts < <(tr ';|' '\n\n' <<<"${argv[part + 1]}" | sed 's/^ *//')
		for part in "${parts[@]}"; do
			case $part in
			'' | *::*) ;;
			*)
				mapfile -t argv < <(words "nopsy $part")
				"$nopsy" "${argv[@]:1}" --help >/dev/null || return 1
				;;
			esac
		done
		return 0
	done
}

@test "the checks of this file can fail" {
	understands "nopsy stack 17793 --args"
	for line in "nopsy stak 17793" "nopsy stack 17793 --no-such-option" "nopsy stack 17793 --lines many" \
		"nopsy help stak" "nopsy shell core -c 'info; stack --no-such-option'" "nopsy print core '0x1"; do
		! understands "$line" 2>/dev/null || { echo "$line"; false; }
	done
}

@test "every nopsy command line of README parses" {
	[ "$(command_lines README.md | wc -l)" -ge 20 ]
	while IFS= read -r line; do
		understands "$line" || { echo "README: $line"; false; }
	done < <(command_lines README.md)
}

@test "README shows every command that it should sell, and help's own exit statuses" {
	for command in info stack print closure source layout shell help; do
		command_lines README.md | grep -q "^nopsy $command" || { echo "README: no example of $command"; false; }
	done
	for status in 0 1 2 3; do
		grep -q "^| $status | " README.md
	done
	"$nopsy" help | grep -q '0 done, 1 failed, 2 usage, 3 answered in part'
}

@test "files, links and make targets that the pages name exist" {
	missing=
	for page in README.md CONTRIBUTING.md docs/*.md; do
		dir=$(dirname "$page")
		while IFS= read -r link; do
			case $link in *://* | '#'*) continue ;; esac
			[ -e "$dir/${link%%#*}" ] || missing+="$page: no $link"$'\n'
		done < <(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//')
		while IFS= read -r path; do
			[ -e "$path" ] || missing+="$page: no $path"$'\n'
		done < <(grep -oE '\b(examples|tools)/[a-z0-9./-]*[a-z0-9]|\b(src|tests)/[a-z0-9_/]+\.[a-z]+\b' "$page" |
			grep -v 'cmd_class\.c' | sort -u)
		while IFS= read -r target; do
			grep -qE "^([a-z -]* )?$target( [a-z -]*)?:" Makefile || missing+="$page: no make $target"$'\n'
		done < <(grep -oE '(^    (sudo )?|`)make [a-z][a-z-]+' "$page" | sed 's/.*make //' | sort -u)
	done
	[ -z "$missing" ] || { printf '%s' "$missing"; false; }
}

@test "headings that README links to exist" {
	while IFS= read -r anchor; do
		grep '^#' README.md | tr 'A-Z ' 'a-z-' | grep -qx -- "#*-$anchor" || { echo "no heading $anchor"; false; }
	done < <(grep -oE '\]\(#[^)]+\)' README.md | sed 's/^](#//; s/)$//')
}

@test "docs/COMMANDS.md is what the command table says (make docs)" {
	diff -u docs/COMMANDS.md <("$nopsy" generate markdown)
}
