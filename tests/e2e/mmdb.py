"""Writes small databases in the MaxMind DB format, version 2.0.

A search tree over the bits of an address, 16 zero octets, the data, and behind
a marker what the whole is. IPv4 lies at ::/96.
"""

import ipaddress

MARKER = b"\xab\xcd\xefMaxMind.com"
STRING, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 5, 6, 7, 9, 11
KNOWN_NUMBERS = {UINT16: 2, UINT32: 4, UINT64: 8}


def head(kind, size):
    """The control octet and what belongs to it."""
    extra = bytes([kind - 7]) if kind > 7 else b""
    first = 0 if kind > 7 else kind << 5
    if size < 29:
        return bytes([first | size]) + extra
    assert size < 285
    return bytes([first | 29]) + extra + bytes([size - 29])


def number(kind, value):
    octets = value.to_bytes(KNOWN_NUMBERS[kind], "big").lstrip(b"\0")
    return head(kind, len(octets)) + octets


def encode(value):
    if isinstance(value, str):
        text = value.encode()
        return head(STRING, len(text)) + text
    if isinstance(value, dict):
        return head(MAP, len(value)) + b"".join(
            encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return head(ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, tuple):
        return number(*value)
    return number(UINT32, value)


def path(prefix):
    net = ipaddress.ip_network(prefix)
    offset = 96 if net.version == 4 else 0
    bits = int(net.network_address)
    return f"{bits:0128b}"[:offset + net.prefixlen]


def build(networks, kind="Test-Country"):
    """networks: {prefix: value}, none inside another. The file's octets."""
    tree, data, places = [[None, None]], b"", []
    for prefix, value in networks.items():
        node, bits = 0, path(prefix)
        for bit in map(int, bits[:-1]):
            if tree[node][bit] is None:
                tree.append([None, None])
                tree[node][bit] = len(tree) - 1
            node = tree[node][bit]
        places.append((node, int(bits[-1]), len(data)))
        data += encode(value)
    count = len(tree)
    for node, bit, at in places:
        assert tree[node][bit] is None, "one network inside another"
        tree[node][bit] = count + 16 + at
    records = b"".join((count if side is None else side).to_bytes(3, "big")
                       for node in tree for side in node)
    about = {"node_count": count, "record_size": (UINT16, 24),
             "ip_version": (UINT16, 6), "database_type": kind,
             "languages": ["en"],
             "binary_format_major_version": (UINT16, 2),
             "binary_format_minor_version": (UINT16, 0),
             "build_epoch": (UINT64, 1700000000),
             "description": {"en": "a test"}}
    return records + bytes(16) + data + MARKER + encode(about)


def country(code):
    return {"country": {"iso_code": code}}


def asn(value):
    return {"autonomous_system_number": value,
            "autonomous_system_organization": "a test"}
