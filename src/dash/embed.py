"""The files of the page as arrays of C: embed.py OUT PATH=FILE...

PATH is what a browser asks for. Files stand in the binary octet for octet, so
a machine without internet, and without these files, has the whole page.
"""

import hashlib
import pathlib
import sys

MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


def array(name, octets):
    rows = [", ".join(map(str, octets[i:i + 24]))
            for i in range(0, len(octets), 24)]
    return f"static const uint8_t {name}[] = {{\n" + ",\n".join(rows) + "\n};\n"


def main(out, *pairs):
    text = ['#include "page_files.h"\n\n']
    rows = []
    for number, pair in enumerate(pairs):
        path, _, file = pair.partition("=")
        octets = pathlib.Path(file).read_bytes()
        # A map of sources would be asked for, and is not there.
        octets = octets.split(b"\n//# sourceMappingURL=")[0]
        octets = octets.split(b"\n/*# sourceMappingURL=")[0]
        tag = hashlib.sha256(octets).hexdigest()[:20]
        media = MEDIA[pathlib.Path(file).suffix]
        text.append(array(f"file_{number}", octets))
        rows.append(f'\t{{"{path}", "{media}", "\\"{tag}\\"", '
                    f"file_{number}, sizeof(file_{number})}},\n")
    text += ["\nconst struct page_file page_files[] = {\n", *rows, "};\n",
             f"const unsigned page_file_count = {len(pairs)};\n"]
    pathlib.Path(out).write_text("".join(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
