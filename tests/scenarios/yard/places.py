"""Where connections come from.

A place gives the address of a device at a moment. Ordinary life is kept
inside a few networks, as it is: an office behind one address, homes whose
address changes with every new line, telephones behind the shared addresses of
two carriers, hotels that nobody was in before.
"""

import ipaddress

from .world import DAY

OFFICE = "203.0.113.10"
BRANCH = "198.51.100.20"
CARRIERS = ("89.204.130.0", "80.187.101.0")     # /24s of shared addresses
CARRIER_V6 = "2a01:598:8000::"                  # regions are /48s of it
PROVIDERS = ("84.157.0.0", "91.34.0.0", "217.80.0.0")   # /16s of homes
PROVIDER_V6 = "2003:c0:"                        # homes have a /56
SHARED = 24         # addresses that a carrier has its people behind


def v4(base, offset):
    return str(ipaddress.IPv4Address(int(ipaddress.IPv4Address(base)) + offset))


def v6(base, high, low):
    """An address: `high` counts the /64s from base on, `low` the hosts."""
    whole = int(ipaddress.IPv6Address(base)) + (high << 64) + low
    return str(ipaddress.IPv6Address(whole))


class Fixed:
    def __init__(self, src=OFFICE):
        self.src = src

    def at(self, now):
        return self.src


class Home:
    """A line of its own: the address stays for a month, or for some days."""

    def __init__(self, random):
        self.random = random
        self.is_v6 = random.random() < 0.35
        self.holds = random.choice((3, 7, 30, 60)) * DAY
        self.base = random.choice(PROVIDERS)
        self.until = 0.0
        self.src = None

    def at(self, now):
        if now >= self.until:
            self.until = now + self.random.uniform(0.5, 1.5) * self.holds
            if self.is_v6:
                home = self.random.randrange(1 << 16)
                self.src = v6(f"{PROVIDER_V6}{home:x}::",
                              self.random.randrange(256),
                              self.random.getrandbits(64))
            else:
                self.src = v4(self.base, self.random.randrange(1 << 16))
        return self.src


class Carrier:
    """Shared addresses: a telephone gets another one every few hours."""

    def __init__(self, random, carrier=None):
        self.random = random
        self.carrier = random.randrange(2) if carrier is None else carrier
        self.is_v6 = carrier is None and random.random() < 0.3
        self.region = random.randrange(8)
        self.until = 0.0
        self.src = None

    def at(self, now):
        if now >= self.until:
            self.until = now + self.random.uniform(2, 10) * 3600
            if self.is_v6:
                self.src = v6(CARRIER_V6, (self.region << 16)
                              + self.random.randrange(1 << 16),
                              self.random.getrandbits(64))
            else:
                self.src = v4(CARRIERS[self.carrier],
                              self.random.randrange(1, 1 + SHARED))
        return self.src


class Hotel:
    """Every two or three days an address that nobody logged in from."""

    def __init__(self, random):
        self.random = random
        self.until = 0.0
        self.src = None

    def at(self, now):
        if now >= self.until:
            self.until = now + self.random.uniform(1, 3) * DAY
            self.src = strange(self.random)
        return self.src


def strange(random):
    """Some public address, in none of the networks above."""
    while True:
        src = ipaddress.IPv4Address(random.randrange(1 << 24, 224 << 24))
        octets = str(src).split(".")
        if src.is_global and octets[0] not in ("84", "91", "217", "89", "80"):
            return str(src)


def scattered(random, count, near=0.3):
    """Addresses of a botnet: most alone in their /24, some side by side."""
    found = set()
    while len(found) < count:
        src = strange(random)
        found.add(src)
        if random.random() < near:
            net = src.rpartition(".")[0]
            for _ in range(random.randrange(1, 5)):
                found.add(f"{net}.{random.randrange(1, 255)}")
    found = sorted(found)
    random.shuffle(found)
    return found[:count]


def inside(random, network, count):
    """Different addresses of a network; of IPv6 one in each /64 while there
    are enough of them."""
    network = ipaddress.ip_network(network)
    size = network.num_addresses
    if network.version == 4:
        hosts = list(range(1, min(size - 1, 1 << 16)))
        random.shuffle(hosts)
        return [str(network[h]) for h in hosts[:count]]
    nets = size >> 64
    base = int(network.network_address)
    return [str(ipaddress.IPv6Address(
        base + ((random.randrange(nets) if nets > 1 else 0) << 64)
        + random.getrandbits(64))) for _ in range(count)]
