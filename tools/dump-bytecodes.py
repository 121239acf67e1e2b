"""
Makes src/v8/bytecodes/MAJOR.MINOR.tsv from a node binary, as part of adding a V8 version:

    NODE=/path/to/node OUT=src/v8/bytecodes/14.6.tsv gdb -batch -nx -x tools/dump-bytecodes.py

Runs inside gdb.  The binary is the authority: the number of bytecodes, their
sizes and operand types are read from V8's own arrays, names by calling V8's own
ToString() in a process stopped at main(), register encoding from what
--print-bytecode prints (V8 5.8 cannot: set REGISTERS='-6 last-lowest -3').  Needs
a binary with .symtab (the stock ones have it).
An operand that V8 types only as "index" gets its meaning from MEANING below;
a bytecode that this table does not know stops the run: look at what it does,
then add it.  Prints the lines to add to versions.tsv and natives.tsv; a table
that is equal to its neighbour's need not be kept, versions.tsv can name that.
"""
import os
import re
import subprocess
import sys

import gdb

INTERP = "v8::internal::interpreter::"

# V8's operand type -> ours.  Idx is resolved by MEANING.
KIND = {
    "Flag8": "flag8", "Flag16": "flag16", "IntrinsicId": "intrinsic", "RuntimeId": "runtime",
    "NativeContextIndex": "native_context", "AbortReason": "abort", "EmbeddedFeedback": "embedded_feedback",
    "ConstantPoolIndex": "constant", "FeedbackSlot": "slot", "ContextSlot": "context_slot",
    "CoverageSlot": "coverage_slot", "UImm": "uimm", "RegCount": "reg_count", "Imm": "imm", "Reg": "reg",
    "RegList": "reg_list", "RegPair": "reg_pair", "RegOut": "reg_out", "RegOutList": "reg_out_list",
    "RegOutPair": "reg_out_pair", "RegOutTriple": "reg_out_triple", "RegInOut": "reg_inout",
}
# Width of the kinds that Wide and ExtraWide do not scale.
FIXED = {"flag8": 1, "flag16": 2, "intrinsic": 1, "runtime": 2}
# Kinds that were scaled in some versions and fixed in others: decided by the sizes.
EITHER = {"native_context": 1, "abort": 1, "embedded_feedback": 2}

# What the plain indices of a bytecode mean, in order: c constant pool, s feedback slot, x context slot,
# v coverage slot, n native context slot, a abort reason, j constant that is a jump's distance.
MEANING = [
    (r"Jump.*Constant", "j"),
    (r"LdaConstant|(Lda|Sta)LookupSlot.*|ThrowReferenceErrorIfHole", "c"),
    (r"Create(Block|With|Function|Eval|Catch)Context.*", "cc"),
    (r"SwitchOn.*", "c"),
    (r"(Lda|Sta)Global.*|LdaLookupGlobalSlot.*|Create(Closure|ArrayLiteral|ObjectLiteral|RegExpLiteral)", "cs"),
    (r"GetTemplateObject|SetPrototypeProperties", "cs"),
    (r"(Lda|Get|Set|Sta|Define)Named.*", "cs"),
    (r"LdaLookup(Script)?ContextSlot.*", "cx"),
    (r"(Lda|Sta)(Immutable)?(Current)?(Script)?ContextSlot.*", "x"),
    (r"IncBlockCounter", "v"),
    (r"CallJSRuntime", "n"),
    (r"Abort", "a"),
    (r"GetIterator", "ss"),
    (r"Add(_.*)?|Sub|Mul|Div|Mod|Exp|Bitwise(And|Or|Xor|Not)|Shift(Left|Right|RightLogical)|Inc|Dec|Negate", "s"),
    (r"(Add|Sub|Mul|Div|Mod|Exp|Bitwise(And|Or|Xor)|Shift(Left|Right|RightLogical))Smi", "s"),
    (r"Call(Any|Undefined)Receiver[012]?|CallProperty[012]?|Call(NoFeedback|WithSpread)?|TailCall|CallVarArgs", "s"),
    (r"Construct.*|CloneObject|CreateEmptyArrayLiteral|ForIn.*|ForOfNext|GetSuperConstructor", "s"),
    (r"(Lda|Get|Set|Sta|Define|GetEnumerated)Keyed.*|Sta(InArrayLiteral|DataPropertyInLiteral)", "s"),
    (r"Test.*|To(Number|Numeric|Boolean|Object|Name|PrimitiveToString)|TypeOf|JumpLoop", "s"),
]
LETTER = {"c": "constant", "j": "jump_constant", "s": "slot", "x": "context_slot",
          "v": "coverage_slot", "n": "native_context", "a": "abort"}


def run(command):
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout


class Binary:
    """The stopped process and its symbols."""

    def __init__(self, path):
        self.address, self.bytes = {}, {}
        for line in run("nm -S '%s' | c++filt" % path).splitlines():
            m = re.match(r"([0-9a-f]{16}) ([0-9a-f]{16}) \w (v8::internal::.*)$", line)
            if m and ("interpreter" in m[3] or "kIntrinsicFunctions" in m[3]):
                self.address.setdefault(m[3], int(m[1], 16))
                self.bytes.setdefault(m[3], int(m[2], 16))
        for command in ("set confirm off", "set pagination off", "handle all nostop noprint pass",
                        "file '%s'" % path, "starti"):
            gdb.execute(command, to_string=True)
        entry = int(run("readelf -h '%s' | awk '/Entry point/{print $4}'" % path), 16)
        loaded = re.search(r"Entry point: (0x[0-9a-f]+)", gdb.execute("info files", to_string=True))
        self.bias = int(loaded[1], 16) - entry
        gdb.execute("break main", to_string=True)
        gdb.execute("continue", to_string=True)
        self.inferior = gdb.selected_inferior()
        self.scratch = int(gdb.parse_and_eval("$sp")) - 65536 & ~63

    def find(self, prefix):
        names = [n for n in self.address if n.startswith(prefix)]
        if not names:
            sys.exit("no symbol " + prefix)
        return self.address[min(names, key=len)] + self.bias

    def read(self, address, count):
        return bytes(self.inferior.read_memory(address, count))

    def string(self, address):
        text = b""
        while not text.endswith(b"\0"):
            text += self.read(address + len(text), 1)
        return text[:-1].decode()

    def array(self, name, width, count):
        raw = self.read(self.find(name), width * count)
        return [int.from_bytes(raw[i * width:i * width + width], "little") for i in range(count)]

    def call(self, address, *args):
        types = ",".join(["unsigned long"] * len(args))
        text = "((unsigned long(*)(%s))%d)(%s)" % (types, address, ",".join(map(str, args)))
        return int(gdb.parse_and_eval(text)) & (2 ** 64 - 1)


def operand_type_names(binary, numbers):
    """Lets V8's operator<< print each type to std::cout, which is a file."""
    path = os.environ["OUT"] + ".types"
    out = binary.find(INTERP + "operator<<(std::basic_ostream<char, std::char_traits<char> >&, " + INTERP +
                      "OperandType const&)")
    cout = int(gdb.parse_and_eval("(unsigned long)&_ZSt4cout"))
    if binary.read(cout, 8) == bytes(8):
        binary.call(int(gdb.parse_and_eval("(unsigned long)&_ZNSt8ios_base4InitC1Ev")), binary.scratch)
    gdb.parse_and_eval("(int)close(1)")
    if int(gdb.parse_and_eval('(int)open("%s", 01101, 0600)' % path)) != 1:
        sys.exit("cannot redirect the process's output to " + path)
    for number in numbers:
        binary.inferior.write_memory(binary.scratch, bytes([number]))
        binary.call(out, cout, binary.scratch)
        binary.inferior.write_memory(binary.scratch, b"\n")
        gdb.parse_and_eval("(int)fflush((void*)0)")
        gdb.parse_and_eval("(long)write(1, (void*)%d, 1)" % binary.scratch)
    with open(path) as f:
        names = f.read().split("\n")
    os.unlink(path)
    return dict(zip(numbers, names))


def intrinsics(binary):
    count = binary.bytes["v8::internal::kIntrinsicFunctions"] // 32
    table = binary.find("v8::internal::kIntrinsicFunctions")
    supported = binary.find(INTERP + "IntrinsicsHelper::IsSupported(")
    from_id = binary.find(INTERP + "IntrinsicsHelper::FromRuntimeId(")
    result = {}
    for i in range(count):
        if binary.call(supported, i) & 0xff:
            entry = binary.read(table + 32 * i, 32)
            result[binary.call(from_id, i) & 0xff] = binary.string(int.from_bytes(entry[8:16], "little"))
    return result


PROBE = """
function npProbe(a, b, c) { let x = a; return [x, b, c, x, new.target]; }
npProbe(1, 2, 3);
function spread(a, b) { return [new Date(...a, ...b), npProbe(...a, 1)]; }
function attempt(source) { try { return (0, eval)(source); } catch (e) { } }
spread([1], [2]);
attempt("(async function(a) { try { await a; } catch (e) { await e; } finally { await 1; } })(1)");
attempt("(async function(a) { for await (const x of a) await x; })([1])");
attempt("(async function*(a) { try { yield await 1; yield* a; } catch (e) { await e; } finally { await 2; } })" +
	"([1]).next()");
"""


def probe(path):
    """What only printed bytecode tells: where registers are; functions of the native context by slot."""
    if "REGISTERS" in os.environ:
        slot, order, target = os.environ["REGISTERS"].split()
        return ["registers\t" + slot, "arguments\t" + order, "new_target\t" + target], {}
    script = os.environ["OUT"] + ".js"
    with open(script, "w") as f:
        f.write(PROBE)
    text = run("'%s' --print-bytecode '%s'" % (path, script))
    os.unlink(script)
    mine = text[text.index("npProbe"):]
    m = re.search(r": \w\w (\w\w) (\w\w)\s+Mov a0, r(\d+)", mine)
    argument, register = int(m[1], 16), int(m[2], 16) - 256
    lines = ["registers\t%d" % (register + int(m[3])),
             "arguments\t" + {3: "first-lowest", 4: "last-lowest"}[argument]]
    m = re.search(r": \w\w (\w\w) .*(Ldar|Mov) <new.target>", mine)
    if m:
        lines.append("new_target\t%d" % (int(m[1], 16) - 256))
    names = dict((int(i, 16), name) for i, name in
                 re.findall(r": (?!00|01)\w\w (\w\w) .*CallJSRuntime \[([a-z]\w*)\]", text))
    return lines, names


def operand_kinds(name, types, sizes):
    plain = [letters for pattern, letters in MEANING if re.fullmatch(pattern, name)]
    kinds, index = [], 0
    for t in types:
        if t == "Idx":
            if not plain or index >= len(plain[0]):
                sys.exit("what is index %d of %s?" % (index, name))
            kinds.append(LETTER[plain[0][index]])
            index += 1
        elif t == "UImm" and name.startswith("Jump") and not kinds:
            kinds.append("jump")
        else:
            jump = t == "ConstantPoolIndex" and name.startswith("Jump")
            kinds.append("jump_constant" if jump else KIND[t])

    def fits(ks):
        widths = [int(k.split(":")[1]) if ":" in k else FIXED.get(k, 0) for k in ks]
        return all(sizes[s] == 1 + sum(w or 1 << s for w in widths) for s in range(3))

    if not fits(kinds):
        kinds = ["%s:%d" % (k, EITHER[k]) if k in EITHER else k for k in kinds]
    if not fits(kinds):
        sys.exit("sizes of %s %s are not %s" % (name, kinds, sizes))
    return kinds


def main():
    path = os.environ["NODE"]
    v8 = run("'%s' -p process.versions.v8" % path).strip()
    node = run("'%s' -p process.versions.node" % path).strip()
    binary = Binary(path)
    prefix = INTERP + "Bytecodes::"
    count = binary.bytes[prefix + "kOperandCount"] // 4
    width = binary.bytes[prefix + "kBytecodeSizes"] // (3 * count)
    sizes = binary.array(prefix + "kBytecodeSizes", width, 3 * count)
    operands = binary.array(prefix + "kOperandCount", 4, count)
    pointers = binary.array(prefix + "kOperandTypes", 8, count)
    # Up to V8 6.1 the sizes of a bytecode are neighbours: Wide, ExtraWide, LdaZero, then LdaSmi with 2, 3, 5.
    if sizes[9:12] == [2, 3, 5]:
        sizes = [sizes[3 * i + s] for s in range(3) for i in range(count)]
    types = [list(binary.read(p, n)) if n else [] for p, n in zip(pointers, operands)]
    names = operand_type_names(binary, sorted({t for ts in types for t in ts}))
    to_string = binary.find(prefix + "ToString(" + INTERP + "Bytecode)")
    lines, natives = probe(path)
    lines.insert(0, "# Bytecodes of V8 %s, measured on node %s by tools/dump-bytecodes.py" % (v8, node))
    lines += ["intrinsic\t%d\t%s" % item for item in sorted(intrinsics(binary).items())]
    for i in range(count):
        name = binary.string(binary.call(to_string, i))
        kinds = operand_kinds(name, [names[t] for t in types[i]], [sizes[s * count + i] for s in range(3)])
        lines.append("\t".join(["op", str(i), name] + kinds))
    with open(os.environ["OUT"], "w") as f:
        f.write("\n".join(lines) + "\n")
    gdb.execute("kill", to_string=True)
    version = ".".join(v8.split(".")[:2])
    print("for versions.tsv:\n%s\t%s\t%s" % (version, os.path.basename(os.environ["OUT"]), node))
    print("for natives.tsv:" + "".join("\n%s\t%d\t%s" % (version, *item) for item in sorted(natives.items())))


main()
