# gen-layout.awk - turns the layout data into C.
#
#	awk -v out=DIR -f gen-layout.awk facts.tsv v8/versions.tsv v8/*.facts
#
# reads	facts.tsv          fact, kind, symbols, doc; tab-separated
#	v8/versions.tsv    V8 version, facts file, Node versions it was verified on; tab-separated
#	v8/<name>.facts    values of one V8, see docs/HOWTO-add-a-V8-version.md
# writes	DIR/layout_facts.h (enum np_fact), DIR/layout_facts.c (tables)
#
# Everything that can be wrong with the data is an error here, with file:line,
# and then nothing is written; what C can check is asserted in the output.
# POSIX awk: works with mawk, gawk and busybox.

BEGIN {
	fact_count = 0
	version_count = 0
	failed = 0
}

function fail(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
	failed = 1
}

function fail_at(place, text) {
	printf "%s: %s\n", place, text > "/dev/stderr"
	failed = 1
}

function base_name(path) {
	sub(/.*\//, "", path)
	return path
}

# By character: awks disagree on backslashes in gsub().
function c_string(s,    i, c, result) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		result = result (c == "\\" || c == "\"" ? "\\" : "") c
	}
	return "\"" result "\""
}

# 1 when s is a number; the result is in `number`.
function parse_number(s,    i, c, negative, digits) {
	negative = sub(/^-/, "", s)
	if (s ~ /^[0-9]+$/) {
		number = s + 0
	} else if (s ~ /^0[xX][0-9a-fA-F]+$/) {
		number = 0
		digits = tolower(substr(s, 3))
		for (i = 1; i <= length(digits); i++) {
			c = index("0123456789abcdef", substr(digits, i, 1)) - 1
			number = number * 16 + c
		}
	} else {
		return 0
	}
	if (negative)
		number = -number
	# INT32_MIN stands for "missing".
	return number > -2147483648 && number <= 2147483647
}

# Orders versions of two or four parts.
function version_key(version,    part) {
	split(version, part, ".")
	return ((part[1] * 1000 + part[2]) * 100000 + part[3]) * 10000 + part[4]
}

FNR == 1 {
	file = base_name(FILENAME)
	if (file == "facts.tsv")
		mode = "facts"
	else if (file == "versions.tsv")
		mode = "versions"
	else if (file ~ /^[0-9]+\.[0-9]+(\.[0-9]+\.[0-9]+)?\.facts$/)
		mode = "table"
	else {
		mode = "unknown"
		fail("not layout data: the name should be facts.tsv, versions.tsv or the V8 version and .facts")
	}
	if (mode == "table") {
		table = substr(file, 1, length(file) - length(".facts"))
		table_file[table] = FILENAME
		line_seen = 0
	}
}

/^[ \t]*(#|$)/ { next }

mode == "facts" {
	columns = split($0, column, "\t")
	if (columns < 3 || columns > 4) {
		fail("expected fact, kind, symbols, doc separated by tabs")
		next
	}
	name = column[1]
	id = name
	gsub(/\./, "_", id)
	if (name !~ /^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+$/)
		fail("fact \"" name "\" is not of the form Class.field")
	if (column[2] !~ /^(offset|index|mask|shift|type|bool|value)$/)
		fail("fact " name " has the unknown kind \"" column[2] "\"")
	if (column[3] !~ /^[A-Za-z0-9_,]*$/)
		fail("fact " name ": symbols are comma-separated C names")
	if (name in fact_index || id in id_seen) {
		fail("fact " name " is listed twice")
		next
	}
	id_seen[id] = 1
	fact_index[name] = fact_count
	fact_name[fact_count] = name
	fact_id[fact_count] = "NP_F_" id
	fact_kind[fact_count] = column[2]
	fact_symbols[fact_count] = column[3]
	fact_doc[fact_count] = columns > 3 ? column[4] : ""
	fact_count++
	next
}

mode == "versions" {
	columns = split($0, column, "\t")
	if (columns != 3 || column[1] !~ /^[0-9]+\.[0-9]+(\.[0-9]+\.[0-9]+)?$/ || column[2] !~ /\.facts$/) {
		fail("expected V8 version, facts file, Node versions separated by tabs")
		next
	}
	if (version_count && version_key(column[1]) <= version_key(version_name[version_count - 1]))
		fail("V8 " column[1] " is not above the version before it: keep the rows in ascending order")
	version_name[version_count] = column[1]
	version_table[version_count] = substr(column[2], 1, length(column[2]) - length(".facts"))
	version_node[version_count] = column[3]
	version_place[version_count] = FILENAME ":" FNR
	table_used[version_table[version_count]] = 1
	version_count++
	next
}

# Trailing comments of data lines.
mode == "table" { sub(/[ \t]+#.*$/, "") }

mode == "table" && $1 == "like" {
	if (line_seen || NF != 2)
		fail("\"like VERSION\" stands alone, before every other line")
	table_like[table] = $2
	table_like_place[table] = FILENAME ":" FNR
	line_seen = 1
	next
}

mode == "table" && $1 == "type" {
	line_seen = 1
	if (NF != 4 || $2 !~ /^[A-Z][A-Z0-9_]*$/ || $4 !~ /^[A-Za-z][A-Za-z0-9_]*$/ || !parse_number($3) || number < 0) {
		fail("expected: type NAME_TYPE number ClassName")
		next
	}
	if ((table, number) in type_name)
		fail("instance type " number " is already " type_name[table, number])
	if ((table, "name", $2) in type_name)
		fail("instance type " $2 " is listed twice")
	type_name[table, "name", $2] = 1
	type_name[table, number] = $2
	type_class[table, number] = $4
	type_number[table, type_count[table] + 0] = number
	type_count[table]++
	next
}

mode == "table" {
	line_seen = 1
	if (NF != 2) {
		fail("expected: fact value")
		next
	}
	text = $2
	lies = sub(/!$/, "", text)
	if ((table, $1) in own_value) {
		fail("fact " $1 " is listed twice")
		next
	}
	if (text != "-" && !parse_number(text)) {
		fail("fact " $1 ": \"" $2 "\" is neither a 32-bit number nor \"-\"")
		next
	}
	own_value[table, $1] = text == "-" ? "-" : number
	own_lies[table, $1] = lies
	own_place[table, $1] = FILENAME ":" FNR
	own_fact[table, own_count[table] + 0] = $1
	own_count[table]++
	next
}

# Value of a fact in a table or the tables it is like; sets value and lies.
function lookup(t, fact,    depth) {
	for (depth = 0; depth < 100; depth++) {
		if ((t, fact) in own_value) {
			value = own_value[t, fact]
			lies = own_lies[t, fact]
			return 1
		}
		if (!(t in table_like))
			return 0
		t = table_like[t]
	}
	return 0
}

function check_tables(    t, i, fact, depth, next_t) {
	for (t in table_file) {
		for (i = 0; i < own_count[t]; i++) {
			fact = own_fact[t, i]
			if (!(fact in fact_index))
				fail_at(own_place[t, fact], "unknown fact " fact ": facts are listed in facts.tsv")
		}
		next_t = t
		for (depth = 0; next_t in table_like; depth++) {
			if (!(table_like[next_t] in table_file)) {
				fail_at(table_like_place[next_t], "no file " table_like[next_t] ".facts")
				break
			}
			next_t = table_like[next_t]
			if (depth == 100) {
				fail_at(table_like_place[t], "\"like\" goes round in a circle")
				break
			}
		}
		if (!(t in table_used))
			fail_at(table_file[t] ":1", "no row of versions.tsv names this file")
	}
	for (i = 0; i < version_count; i++)
		if (!(version_table[i] in table_file))
			fail_at(version_place[i], "no file " version_table[i] ".facts")
}

# The table whose type lines serve t.  Numbers move with every V8, so they are
# not inherited but by the tables of single patch versions.
function types_owner(t,    depth) {
	for (depth = 0; depth < 100 && !type_count[t] && t ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/ && t in table_like; depth++)
		t = table_like[t]
	return t
}

# Insertion sort of one table's type numbers.
function sort_types(t,    i, j, n, x) {
	n = type_count[t] + 0
	for (i = 1; i < n; i++) {
		x = type_number[t, i]
		for (j = i - 1; j >= 0 && type_number[t, j] > x; j--)
			type_number[t, j + 1] = type_number[t, j]
		type_number[t, j + 1] = x
	}
	return n
}

function write_header(path,    i) {
	printf "/* Generated by gen-layout.awk from facts.tsv: do not edit. */\n" > path
	printf "#ifndef NP_LAYOUT_FACTS_H\n#define NP_LAYOUT_FACTS_H\n\nenum np_fact {\n" > path
	for (i = 0; i < fact_count; i++)
		printf "\t%s,\n", fact_id[i] > path
	printf "\tNP_FACT_COUNT\n};\n\n#endif\n" > path
	close(path)
}

function write_table(path, t,    i, n, c_name) {
	c_name = t
	gsub(/\./, "_", c_name)
	n = sort_types(t)
	if (n) {
		printf "static const struct np_table_type types_%s[] = {\n", c_name > path
		for (i = 0; i < n; i++)
			printf "\t{ %d, %s, %s },\n", type_number[t, i], c_string(type_name[t, type_number[t, i]]),
				c_string(type_class[t, type_number[t, i]]) > path
		printf "};\n" > path
		for (i = 1; i < n; i++)
			printf "_Static_assert(%d < %d, \"types of %s ascend\");\n", type_number[t, i - 1],
				type_number[t, i], t > path
		printf "\n" > path
	}
	printf "static const struct np_table_value values_%s[] = {\n", c_name > path
	for (i = 0; i < fact_count; i++) {
		if (!lookup(t, fact_name[i]))
			printf "\t[%s] = { NP_FACT_MISSING, NP_TABLE_SILENT, false },\n", fact_id[i] > path
		else if (value == "-")
			printf "\t[%s] = { NP_FACT_MISSING, NP_TABLE_ABSENT, %s },\n", fact_id[i], lies ? "true" : "false" > path
		else
			printf "\t[%s] = { %d, NP_TABLE_VALUE, %s },\n", fact_id[i], value, lies ? "true" : "false" > path
	}
	printf "};\n" > path
	printf "_Static_assert(sizeof(values_%s) / sizeof(values_%s[0]) == NP_FACT_COUNT, \"a row for each fact\");\n\n",
		c_name, c_name > path
}

function write_source(path,    i, t, c_name, owner, types_name, written, part) {
	printf "/* Generated by gen-layout.awk from facts.tsv and v8/: do not edit. */\n" > path
	printf "#include \"layout/tables.h\"\n\n" > path
	printf "const struct np_fact_info np_layout_fact_info[] = {\n" > path
	for (i = 0; i < fact_count; i++)
		printf "\t[%s] = { %s, %s, %s, %s },\n", fact_id[i], c_string(fact_name[i]), c_string(fact_symbols[i]),
			c_string(fact_kind[i]), c_string(fact_doc[i]) > path
	printf "};\n" > path
	printf "_Static_assert(sizeof(np_layout_fact_info) / sizeof(np_layout_fact_info[0]) == NP_FACT_COUNT,\n" > path
	printf "\t       \"a row for each fact\");\n" > path
	printf "_Static_assert(%s == 0, \"facts are numbered from 0\");\n", fact_id[0] > path
	for (i = 1; i < fact_count; i++)
		printf "_Static_assert(%s == %s + 1, \"facts are numbered in file order\");\n", fact_id[i],
			fact_id[i - 1] > path
	printf "\n" > path
	for (i = 0; i < version_count; i++) {
		t = version_table[i]
		if (!(t in written))
			write_table(path, t)
		written[t] = 1
	}
	printf "const struct np_layout_table np_layout_tables[] = {\n" > path
	for (i = 0; i < version_count; i++) {
		t = version_table[i]
		c_name = t
		gsub(/\./, "_", c_name)
		owner = types_name = types_owner(t)
		gsub(/\./, "_", types_name)
		split(version_name[i], part, ".")
		printf "\t{ { %d, %d, %d, %d }, %s, %s, values_%s, %s, %d },\n", part[1], part[2], part[3], part[4],
			c_string(t), c_string(version_node[i]), c_name, type_count[owner] ? "types_" types_name : "NULL",
			type_count[owner] > path
	}
	printf "};\nconst size_t np_layout_table_count = %d;\n", version_count > path
	for (i = 1; i < version_count; i++)
		printf "_Static_assert(%.0f < %.0f, \"V8 versions ascend\");\n", version_key(version_name[i - 1]),
			version_key(version_name[i]) > path
	close(path)
}

END {
	if (out == "")
		fail_at("gen-layout.awk", "usage: awk -v out=DIR -f gen-layout.awk FILES")
	if (!fact_count)
		fail_at("gen-layout.awk", "no facts.tsv among the files")
	if (!version_count)
		fail_at("gen-layout.awk", "no versions.tsv among the files")
	check_tables()
	if (failed)
		exit 1
	write_source(out "/layout_facts.c")
	write_header(out "/layout_facts.h")
}
