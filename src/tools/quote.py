#!/usr/bin/env python3
"""A text as a C string: quote.py OUTPUT NAME INPUT."""

import json
import pathlib
import sys

output, name, text = sys.argv[1:]
lines = pathlib.Path(text).read_text(encoding="ascii").splitlines()
pathlib.Path(output).write_text("\n".join(
    [f"extern const char {name}[];", f"const char {name}[] ="]
    + ["\t" + json.dumps(line + "\n") for line in lines]) + ";\n",
    encoding="ascii")
