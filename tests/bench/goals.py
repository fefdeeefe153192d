"""What postern wants to reach: figures beside which the tables are printed.

CPU goals are multiples of the raw relay's (plain) or of the terminating
sink's (TLS), taken within each round.
"""

CPU = {
    "tiny": 1.05,
    "tiny-auth": 1.10,
    "tiny-pipelined": 1.05,
    "big": 1.05,
    "big-bdat": 1.0,
    "tls-ecdsa": 1.20,
    "tls-rsa": 1.12,
    "tls-resumed": 1.25,
    "tls-big": 1.30,
    "attack": 1.10,
}
ADDED_A_COMMAND_US = {"latency-1": 21.0}
MEMORY_BYTES = {"plain": 2048, "tls": 20480, "tarpit": 512}
MEMORY_AIM_BYTES = {"plain": 1500, "tls": 16384, "tarpit": 512}

lines = []  # (goal's name, figure reached, figure wanted, unit)


def note(name, reached, wanted, unit):
    lines.append((name, reached, wanted, unit))


def summary():
    if not lines:
        return
    print("\n### postern and its goals\n")
    print("| what | reached | goal | |\n|---|---|---|---|")
    for name, reached, wanted, unit in lines:
        met = "met" if reached <= wanted else "**missed**"
        print(f"| {name} | {reached:.2f} {unit} | <= {wanted:g} | {met} |")
