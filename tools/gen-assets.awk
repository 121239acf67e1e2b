# Files that are part of the program, as C strings: flame_style.css becomes np_asset_flame_style_css.
# A line of a file is a line of its string; empty lines, comments that begin a line and indentation are left out.
#
#   awk -f tools/gen-assets.awk FILE... > assets.c

BEGIN { print "/* Made by tools/gen-assets.awk. */\n#include \"format/flame_assets.h\"" }

FNR == 1 {
	if (NR > 1)
		print "\t;"
	name = FILENAME
	sub(/.*\//, "", name)
	gsub(/[^A-Za-z0-9_]/, "_", name)
	printf "\nconst char np_asset_%s[] =\n", name
}

/^[ \t]*\/\*/ { is_comment = 1 }

is_comment {
	if (index($0, "*/"))
		is_comment = 0
	next
}

{
	sub(/^[ \t]+/, "")
	if ($0 == "")
		next
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	print "\t\"" $0 "\\n\""
}

END { print "\t;" }
