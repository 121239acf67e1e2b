#!/usr/bin/env python3
"""Writes src/out/width_table.h: columns of characters on a terminal, from
Python's Unicode database.  Run by hand when Unicode grows; the result is kept
in the tree so that a build needs no Python.

    tools/gen-width.py > src/out/width_table.h
"""
import sys
import unicodedata


def ranges(wanted):
    start = None
    for cp in range(0x110000):
        ok = not 0xD800 <= cp <= 0xDFFF and wanted(chr(cp))
        if ok and start is None:
            start = cp
        elif not ok and start is not None:
            yield start, cp - 1
            start = None
    if start is not None:
        yield start, 0x10FFFF


def zero(c):
    # Combining marks and format characters take no column of their own;
    # Hangul medial vowels and finals join the syllable before them.
    return unicodedata.category(c) in ("Mn", "Me", "Cf") or 0x1160 <= ord(c) <= 0x11FF


def wide(c):
    if unicodedata.category(c) == "Mn":
        return False
    return unicodedata.east_asian_width(c) in "WF"


def table(name, wanted):
    print(f"static const struct width_range {name}[] = {{")
    row = "\t"
    for a, b in ranges(wanted):
        cell = f"{{0x{a:x}, 0x{b:x}}}, "
        if len(row) + len(cell) > 100:
            print(row.rstrip())
            row = "\t"
        row += cell
    print(row.rstrip())
    print("};")


print(f"/* Made by tools/gen-width.py from Unicode {unicodedata.unidata_version}; sorted, not overlapping. */")
print("#ifndef NP_OUT_WIDTH_TABLE_H\n#define NP_OUT_WIDTH_TABLE_H\n\n#include <stdint.h>\n")
print("struct width_range {\n\tuint32_t from, to;\n};\n")
table("width_zero", zero)
print()
table("width_wide", wide)
print("\n#endif")
