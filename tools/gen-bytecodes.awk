# gen-bytecodes.awk - turns the bytecode tables into C.
#
#	awk -v out=FILE.c -f gen-bytecodes.awk bytecodes/versions.tsv bytecodes/natives.tsv bytecodes/[0-9]*.tsv
#
# reads	versions.tsv     V8 major.minor, table file, Node version it was measured on; tab-separated
#	natives.tsv      V8 major.minor, number in CallJSRuntime, name of the function; not all are known
#	X.Y.tsv          one table, made by tools/dump-bytecodes.py; tab-separated lines:
#	                 registers SLOT      frame slot (8-byte words from fp) of register r0
#	                 arguments ORDER     first-lowest | last-lowest: which argument has the lowest address
#	                 new_target SLOT     only where it has a slot of its own (up to V8 6.1)
#	                 intrinsic ID NAME
#	                 op NUMBER NAME KIND...   KIND may end in ":BYTES": width not scaled by Wide and ExtraWide
# writes	FILE.c, which holds what v8/bytecode_table.h declares. A bytecode with the same name and
#	operands in several tables is one row there.
#
# Everything that can be wrong with the data is an error here, with file:line, and then nothing is
# written. POSIX awk.

BEGIN {
	FS = "\t"
	split("reg reg_out reg_inout reg_pair reg_out_pair reg_out_triple reg_list reg_out_list reg_count imm " \
	      "uimm constant slot context_slot coverage_slot flag8 flag16 intrinsic runtime native_context " \
	      "abort embedded_feedback jump jump_constant", list, " ")
	for (i in list)
		known[list[i]] = 1
	fixed["flag8"] = fixed["intrinsic"] = 1
	fixed["flag16"] = fixed["runtime"] = 2
	rows = versions = 0
	failed = 0
}

function fail(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
	failed = 1
}

# The row of ops[] for this line's bytecode.
function row(    key, i, kinds, widths, kind, width, n, at) {
	key = $3
	for (i = 4; i <= NF; i++)
		key = key FS $i
	if (key in row_of)
		return row_of[key]
	n = NF - 3
	if (n > 5)
		fail("more than 5 operands")
	if ($3 !~ /^[A-Z][A-Za-z0-9_]*$/)
		fail("bad name: " $3)
	for (i = 4; i <= NF; i++) {
		kind = $i
		width = 0
		at = index(kind, ":")
		if (at) {
			width = substr(kind, at + 1) + 0
			kind = substr(kind, 1, at - 1)
			if (width != 1 && width != 2 && width != 4)
				fail("bad width: " $i)
		} else if (kind in fixed) {
			width = fixed[kind]
		}
		if (!(kind in known))
			fail("unknown operand kind: " $i)
		kinds = kinds (i > 4 ? ", " : "") "NP_OPERAND_" toupper(kind)
		widths = widths (i > 4 ? ", " : "") width
	}
	rows_text[rows] = sprintf("\t{\"%s\", %s, %s, %d, {%s}, {%s}},", $3, role($3), star($3), n, kinds, widths)
	row_of[key] = rows
	return rows++
}

function role(name) {
	if (name == "Wide")
		return "NP_ROLE_WIDE"
	if (name == "ExtraWide")
		return "NP_ROLE_EXTRA_WIDE"
	if (name == "DebugBreakWide")
		return "NP_ROLE_DEBUG_WIDE"
	if (name == "DebugBreakExtraWide")
		return "NP_ROLE_DEBUG_EXTRA_WIDE"
	if (name ~ /^DebugBreak/)
		return "NP_ROLE_DEBUG_BREAK"
	if (name == "JumpLoop")
		return "NP_ROLE_JUMP_LOOP"
	if (name ~ /^Jump.*Constant$/)
		return "NP_ROLE_JUMP_CONSTANT"
	if (name ~ /^Jump/)
		return "NP_ROLE_JUMP"
	if (name ~ /^SwitchOn/)
		return "NP_ROLE_SWITCH"
	return "NP_ROLE_PLAIN"
}

# Register of a short star, which has it in its name; -1 for others.
function star(name) {
	return name ~ /^Star[0-9]+$/ ? substr(name, 5) + 0 : -1
}

/^#/ || /^$/ { next }

FILENAME ~ /versions\.tsv$/ {
	if (NF != 3 || $1 !~ /^[0-9]+\.[0-9]+$/ || $2 !~ /^[0-9]+\.[0-9]+\.tsv$/)
		fail("want: MAJOR.MINOR, file, Node version")
	split($1, v, ".")
	order = v[1] * 1000 + v[2]
	if (versions && order <= last_order)
		fail("V8 versions must ascend")
	last_order = order
	version[versions] = $1
	version_file[versions++] = $2
	wanted[$2] = FILENAME ":" FNR
	next
}

FILENAME ~ /natives\.tsv$/ {
	if (NF != 3 || $2 !~ /^[0-9]+$/ || $3 !~ /^[a-z_]+$/)
		fail("want: MAJOR.MINOR, number, name")
	if (($1, $2) in native_seen)
		fail("second name of " $1 " " $2)
	native_seen[$1, $2] = 1
	native_place[$1] = FILENAME ":" FNR
	native[$1] = native[$1] sprintf("\n\t{%d, \"%s\"},", $2, $3)
	native_count[$1]++
	next
}

FNR == 1 || FILENAME != file {
	file = FILENAME
	table = FILENAME
	sub(/.*\//, "", table)
	if (!(table in wanted))
		fail("not in versions.tsv")
	tables[table] = 1
	ops[table] = 0
	intrinsic_count[table] = 0
}

$1 == "registers" && NF == 2 && $2 ~ /^-[0-9]+$/ { registers[table] = $2; next }
$1 == "new_target" && NF == 2 && $2 ~ /^-[0-9]+$/ { new_target[table] = $2; next }
$1 == "arguments" && NF == 2 && $2 ~ /^(first|last)-lowest$/ { arguments[table] = $2; next }

$1 == "intrinsic" && NF == 3 && $2 ~ /^[0-9]+$/ {
	if ($2 + 0 != intrinsic_count[table])
		fail("intrinsics must count up from 0")
	if ($3 !~ /^_?[A-Za-z0-9]+$/)
		fail("bad name: " $3)
	intrinsic[table, intrinsic_count[table]++] = $3
	next
}

$1 == "op" && NF >= 3 {
	if ($2 != ops[table])
		fail("opcodes must count up from 0")
	if ((table, $3) in seen)
		fail("second bytecode named " $3)
	seen[table, $3] = 1
	op[table, ops[table]++] = row()
	next
}

{ fail("what is this line?") }

function c_name(file) {
	sub(/\.tsv$/, "", file)
	gsub(/[^0-9]/, "_", file)
	return file
}

END {
	FILENAME = "bytecode tables"
	for (t in wanted) {
		if (!(t in tables))
			fail(t " does not exist (" wanted[t] ")")
		else if (ops[t] < 100 || ops[t] > 256 || !(t in registers) || !(t in arguments))
			fail(t " is not complete")
	}
	for (k = 0; k < versions; k++)
		is_version[version[k]] = 1
	for (name in native_place)
		if (!(name in is_version))
			fail("no such version: " name " (" native_place[name] ")")
	if (!versions)
		fail("no versions")
	if (failed)
		exit 1
	print "/* Generated by tools/gen-bytecodes.awk from src/v8/bytecodes; do not edit. */" > out
	print "#include \"v8/bytecode_table.h\"\n\nstatic const struct np_bytecode_op ops[] = {" > out
	for (i = 0; i < rows; i++)
		print rows_text[i] > out
	print "};" > out
	for (k = 0; k < versions; k++) {
		t = version_file[k]
		if (t in written)
			continue
		written[t] = 1
		printf "\nstatic const uint16_t ops_%s[] = {", c_name(t) > out
		for (i = 0; i < ops[t]; i++)
			printf "%s%d,", i % 20 ? " " : "\n\t", op[t, i] > out
		print "\n};" > out
		printf "static const char *const intrinsics_%s[] = {", c_name(t) > out
		for (i = 0; i < intrinsic_count[t]; i++)
			printf "\n\t\"%s\",", intrinsic[t, i] > out
		print "\n};" > out
	}
	for (k = 0; k < versions; k++)
		if (native_count[version[k]])
			printf "\nstatic const struct np_bytecode_native natives_%s[] = {%s\n};\n", c_name(version[k]),
				native[version[k]] > out
	print "\nconst struct np_bytecode_table np_bytecode_tables[] = {" > out
	for (k = 0; k < versions; k++) {
		t = version_file[k]
		split(version[k], v, ".")
		natives = native_count[version[k]] ? "natives_" c_name(version[k]) : "NULL"
		printf "\t{\"%s\", %d, %d, ops, ops_%s, %d, intrinsics_%s, %d, %s, %d, %d, %d, %s},\n", version[k],
			v[1], v[2], c_name(t), ops[t], c_name(t), intrinsic_count[t], natives,
			native_count[version[k]], registers[t], new_target[t],
			arguments[t] == "first-lowest" ? "true" : "false" > out
	}
	print "};\nconst size_t np_bytecode_table_count = NP_ARRAY_LEN(np_bytecode_tables);" > out
}
