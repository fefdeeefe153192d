"""The second set: written before the rules were, not used to tune them.

Rules and numbers that were chosen by the first set may fit that set and
nothing else. When they are frozen they are checked once against this one
(`./dev yardstick --after`), and what comes out is written down as it is.
Whoever changes a rule because of these figures has used them up, and writes
new ones.
"""

from yard import bots, events
from yard.catalogue import LIMIT_A_DAY, STUBBORN_SIEGE
from yard.scenario import Scenario
from yard.world import HOUR, MINUTE

from . import more

SCENARIOS = (
    Scenario("after-bursts", "a botnet of 3,000 that comes for an hour a day, "
             "20 days", days=20, tested_most=8 + 4 * 20, attackers=(
                 more.Bursts(sources=3000, days=20, each=150,
                             manners=bots.RETURNING),)),
    Scenario("after-rotating-56", "a new /64 of a /56 for each guess, a day",
             days=1, tested_most=12, attackers=(
                 bots.Rotating("2a02:4780:9:1100::/56", pace=40.0),)),
    Scenario("after-three-48s", "a new /64 for each guess, of three /48s in "
             "turn", days=1, tested_most=36, attackers=tuple(
                 bots.Rotating(f"2a02:4780:{n}::/48", pace=60.0, count=600)
                 for n in (0x21, 0x22, 0x23))),
    Scenario("after-two-sieges", "1,000 patient sources on each of two users",
             days=3, tested_most=20, attackers=tuple(
                 bots.Botnet(sources=1000, tries=2, days=3, user=user,
                             name=f"siege-{user}", manners=bots.PATIENT)
                 for user in ("chief", "user04"))),
    Scenario("after-carrier-patient", "infected phones behind our people's "
             "carriers, that come back for hours; lockout on", days=4,
             lockout=5, attackers=(
                 bots.Carried(sources=100, tries=6, days=4,
                              manners=bots.PATIENT),)),
    Scenario("after-spray-daily", "one secret a day on all users, from 200 "
             "sources, ten days", days=10, attackers=(
                 bots.Spray(sources=200, secrets=bots.COMMON, every=24 * HOUR,
                            lasts=20 * HOUR),)),
    Scenario("after-owner-many", "has one account, logs in with it from 20 "
             "sources between his guesses, five days", days=5, attackers=(
                 bots.Owner(account="user21", sources=20, pace=2 * HOUR,
                            days=5),)),
    Scenario("after-below", "six guesses a day, each from a new source, 30 "
             "days", days=30, tested_most=8 + 4 * 30, attackers=(
                 bots.Botnet(sources=180, tries=1, days=30, near=0.0,
                             manners=bots.PATIENT),)),
    Scenario("after-session", "one source, all its guesses on a connection "
             "while it lasts, hangs up when a reply takes long", days=0.5,
             tested_most=LIMIT_A_DAY, attackers=(more.OnOneConnection(),)),
    Scenario("after-inside", "a machine of the office itself guesses, one "
             "guess a minute", days=1, tested_most=LIMIT_A_DAY,
             attackers=(more.Inside(),)),
    Scenario("after-new-phones", "20 people get a new phone, from a new "
             "carrier, in the middle of a botnet", days=6,
             tested_most=8 + 4 * 6, events=(more.new_phones(20),),
             attackers=(bots.Botnet(sources=1000, tries=3, days=6,
                                    manners=bots.RETURNING),)),
    Scenario("after-holidays", "everybody comes back after five weeks, under "
             "a botnet", days=5, tested_most=8 + 4 * 5,
             events=(events.monday(),), holidays=35, attackers=(
                 bots.Botnet(sources=800, tries=3, days=5,
                             manners=bots.RETURNING),)),
    Scenario("after-ill-botnet", "the directory fails in the middle of a "
             "botnet", days=2, events=(events.directory_fails(),),
             attackers=(bots.Botnet(sources=600, tries=3, days=2,
                                    manners=bots.RETURNING),)),
    Scenario("after-hammer", "lockout on, the chief in hotels, 500 stubborn "
             "sources lock him out", days=3, lockout=5,
             events=(events.travels(),), attackers=(
                 bots.Botnet(**{**STUBBORN_SIEGE, "sources": 500}),)),
    Scenario("after-everything", "a Monday with old phones and typing errors, "
             "a botnet, a dictionary, a siege, a spray; lockout on", days=2,
             lockout=5, events=(events.monday(), events.travels("user02", 2)),
             attackers=(
                 bots.Botnet(sources=700, tries=3, days=2,
                             manners=bots.RETURNING),
                 bots.Dictionary(pace=3.0, count=4000, lasts=12 * HOUR),
                 bots.Botnet(sources=400, tries=2, days=2, user="user02",
                             name="siege", manners=bots.PATIENT),
                 bots.Spray(sources=60, lasts=90 * MINUTE))),
)
