"""Twins: does anything that guessers are ever told depend on a right guess?

`tested` of the ledger asks what the right secret would have been told at once.
This looks further: a run is played again with one thing changed: a secret that
was guessed and that the server never heard is now the user's own. If the
guessers are told the same things at the same times, to the end of the run,
then the core gave them no way at all to know that it was right: not later, not
by a ban that came or did not come, not by the pace of the answers.
"""

from .scenario import Run


def record(scenario, seed, posternctl, config=None, secrets=None):
    """(what bots were told, their guesses) of one run."""
    run = Run(scenario, seed, "postern", posternctl, config, secrets)
    run.ledger.transcript = []
    run.play()
    return run.ledger.transcript, run.ledger.guesses, run.site


def candidates(guesses, site):
    """Guesses at people that the server never heard: neither this one nor
    the same pair from elsewhere."""
    heard = {(g.user, g.secret) for g in guesses if g.reached}
    names = {person.name for person in site.people}
    return [g for g in guesses if g.user in names and not g.tested
            and (g.user, g.secret) not in heard]


def telling(scenario, seed, posternctl, count, config=None):
    """(guesses tried, those whose twin was told apart), of `count` guesses
    spread over the run."""
    told, guesses, site = record(scenario, seed, posternctl, config)
    unheard = candidates(guesses, site)
    step = max(1, len(unheard) // count)
    chosen = unheard[::step][:count]
    apart = []
    for guess in chosen:
        again, _, _ = record(scenario, seed, posternctl, config,
                             {guess.user: guess.secret})
        if again != told:
            apart.append((guess.user, guess.secret))
    return chosen, apart
