"""The tables, in Markdown that is readable in a terminal as well."""

from . import goals


def number(value):
    return f"{value:,}"


def span(seconds):
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def render(head, rows):
    """Columns as wide as they need; the first one to the left."""
    widths = [max(len(row[i]) for row in [head, *rows])
              for i in range(len(head))]

    def line(cells):
        padded = [cells[0].ljust(widths[0])]
        padded += [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * widths[0]] + ["-" * (w - 1) + ":" for w in widths[1:]]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def guesses(scenarios, results):
    head = ["put to the test", "guesses", "nobody", "log watcher", "reached",
            "postern", "goal", "met"]
    rows = []
    for scenario in scenarios:
        figures = results[scenario.name]
        if not scenario.attackers:
            continue
        most = scenario.tested_most
        rows.append([
            scenario.name,
            number(figures["nobody"]["guesses"]),
            number(figures["nobody"]["tested"]),
            number(figures["watcher"]["tested"]),
            number(figures["postern"]["reached"]),
            number(figures["postern"]["tested"]),
            "-" if most is None else number(most),
            "-" if most is None else
            "no" if "tested" in goals.missed(scenario, figures["postern"])
            else "yes",
        ])
    return render(head, rows)


def three(figures, key):
    return "/".join(number(figures[f][key])
                    for f in ("nobody", "watcher", "postern"))


def people(scenarios, results):
    head = ["nobody/log watcher/postern", "right logins", "lost", "late",
            "median", "worst", "turned away", "locked", "met"]
    rows = []
    for scenario in scenarios:
        figures = results[scenario.name]
        mine = figures["postern"]
        missing = [m for m in goals.missed(scenario, mine) if m != "tested"]
        rows.append([
            scenario.name, number(mine["right"]), three(figures, "lost"),
            three(figures, "late"),
            span(mine["late_median"]) if mine["late"] else "-",
            span(mine["late_worst"]) if mine["late"] else "-",
            three(figures, "turned_away"), three(figures, "locked"),
            "no: " + ", ".join(missing) if missing else "yes",
        ])
    return render(head, rows)


def texts(scenarios):
    return "\n".join(f"- **{s.name}**: {s.text}." for s in scenarios)


def both(scenarios, results):
    """The two tables; that of the guesses only where there are some."""
    parts = []
    if any(s.attackers for s in scenarios):
        parts.append(guesses(scenarios, results))
    parts.append(people(scenarios, results))
    return "\n\n".join(parts)


def changes(scenarios, base, other):
    """Rows of a scenario where a rule's absence makes a difference."""
    rows = []
    for scenario in scenarios:
        a = base[scenario.name]["postern"]
        b = other[scenario.name]["postern"]
        keys = ("tested", "lost", "late", "turned_away", "locked")
        if all(a[key] == b[key] for key in keys):
            continue
        rows.append([scenario.name,
                     *(number(a[key]) if a[key] == b[key] else
                       f"{number(a[key])} -> {number(b[key])}"
                       for key in keys)])
    head = ["with -> without", "tested", "lost", "late", "turned away",
            "locked"]
    return render(head, rows) if rows else "no difference"


def balance(scenarios, base, others):
    """One row a rule: what it gains, what it costs. Sums over all."""
    keys = ("tested", "lost", "late", "locked")

    def total(whole, key):
        return sum(whole[s.name]["postern"][key] for s in scenarios)

    def missed(whole):
        return {s.name for s in scenarios
                if goals.missed(s, whole[s.name]["postern"])}

    rows = [["(all rules)", *(number(total(base, key)) for key in keys),
             number(len(scenarios) - len(missed(base))), "-", "-"]]
    for rule, other in others.items():
        gained = sorted(missed(other) - missed(base))
        costs = sorted(missed(base) - missed(other))
        rows.append([
            f"without {rule}", *(number(total(other, key)) for key in keys),
            number(len(scenarios) - len(missed(other))),
            ", ".join(gained) or "-", ", ".join(costs) or "-"])
    return render(["", *keys, "goals met", "it is needed for",
                   "it is in the way of"], rows)


def reasons(figures):
    """Who was told what by which rule, most often first."""
    rows = [[*key.split("|"), number(count)] for key, count in
            sorted(figures["verdicts"].items(), key=lambda x: -x[1])]
    rows = [[whose, verdict, why or "-", count]
            for whose, verdict, why, count in rows]
    return render(["whose", "told", "by rule", "times"], rows)


def hurt(figures, most=8):
    """Whom it met: the names with the most lost and late messages."""
    lost, late = figures["lost_by"], figures["late_by"]
    names = sorted({*lost, *late}, key=lambda n: (-lost.get(n, 0),
                                                  -late.get(n, 0), n))
    rows = [[name, number(lost.get(name, 0)), number(late.get(name, 0))]
            for name in names[:most]]
    if not rows:
        return "nobody was lost or late"
    if len(names) > most:
        rows.append([f"and {len(names) - most} more", "", ""])
    return render(["who", "lost", "late"], rows)
