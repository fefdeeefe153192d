"""The scenarios of the yardstick."""

from . import bots, events
from .scenario import Scenario
from .people import COMMON_NAMES
from .world import HOUR, MINUTE

LIMIT, LIMIT_A_DAY = 5, 10      # failures of the ladder: at once, in a day

SIEGE = dict(sources=2000, tries=1, days=3, user="chief", name="siege",
             manners=bots.RETURNING)
STUBBORN_SIEGE = dict(sources=300, tries=4, days=3, user="chief",
                      manners=bots.STUBBORN)
BOTNET_MOST = 8 + 4 * 30

SCENARIOS = (
    # ---- one source ----
    Scenario("dictionary-fast", "one source, ten guesses a second, an hour",
             days=0.3, tested_most=LIMIT_A_DAY,
             attackers=(bots.Dictionary(count=36000, lasts=HOUR),)),
    Scenario("dictionary-slow", "one source, a guess in two minutes, a day",
             days=1, tested_most=LIMIT_A_DAY,
             attackers=(bots.Dictionary(pace=120.0, count=720),)),
    Scenario("dictionary-parallel", "one source, 50 connections at once",
             days=0.3, tested_most=LIMIT,
             attackers=(bots.Dictionary(parallel=50, count=2000,
                                        lasts=5 * MINUTE),)),
    Scenario("slow-guesser", "one guess every 6 to 21 hours, 60 days",
             days=60, tested_most=10, attackers=(bots.SlowGuesser(),)),
    # ---- one network ----
    Scenario("rotating-24", "a new address of a /24 for each guess, 16 hours",
             days=1, tested_most=12, attackers=(bots.Rotating(),)),
    Scenario("rotating-64", "a new address of a /64 for each guess, 20 "
             "minutes", days=0.3, tested_most=6,
             attackers=(bots.Rotating("2a0b:1306:5:11::/64", pace=5.0,
                                      count=250),)),
    Scenario("rotating-64-day", "the same, slower, 16 hours",
             days=1, tested_most=LIMIT_A_DAY,
             attackers=(bots.Rotating("2a0b:1306:5:12::/64"),)),
    Scenario("rotating-48", "a new /64 of a /48 for each guess, 16 hours",
             days=1, tested_most=12,
             attackers=(bots.Rotating("2a0b:1306:7::/48"),)),
    Scenario("rotation-parallel", "all addresses of a /24 at once, and again "
             "each hour", days=0.5, tested_most=12,
             attackers=(bots.Rotating("141.98.12.0/24", at_once=250,
                                      pace=HOUR),)),
    # ---- many sources ----
    Scenario("botnet-polite", "5,000 sources, 3 guesses each, 30 days; 454 is "
             "taken for a no", days=30, tested_most=BOTNET_MOST,
             attackers=(bots.Botnet(),)),
    Scenario("botnet-returning", "the same; each comes back twice",
             days=30, tested_most=BOTNET_MOST,
             attackers=(bots.Botnet(manners=bots.RETURNING),)),
    Scenario("botnet-patient", "the same; each comes back for hours",
             days=30, tested_most=BOTNET_MOST,
             attackers=(bots.Botnet(manners=bots.PATIENT),)),
    Scenario("botnet-disguised", "the same as returning; in EHLO they say what "
             "people's programs say", days=30, tested_most=BOTNET_MOST,
             attackers=(bots.Botnet(manners=bots.RETURNING,
                                    helos=COMMON_NAMES),)),
    Scenario("botnet-named", "the same; each has a name of its own",
             days=30, tested_most=BOTNET_MOST,
             attackers=(bots.Botnet(manners=bots.RETURNING, helos=()),)),
    Scenario("siege", "2,000 sources on one user, three days",
             days=3, tested_most=10, attackers=(bots.Botnet(**SIEGE),)),
    Scenario("spray", "one secret on all users, four rounds, 100 sources",
             days=1.5, attackers=(bots.Spray(),)),
    Scenario("stuffing", "a stolen list of 2,000 pairs, 300 sources, 3 days",
             days=3, attackers=(bots.Stuffing(),)),
    # ---- days without an attack ----
    Scenario("quiet", "two weeks of ordinary life, with two forgotten "
             "tablets", days=12, quiet=True,
             events=(events.forgotten_tablet(),)),
    Scenario("monday", "all come at once; typing errors, old phones",
             days=1, quiet=True, events=(events.monday(),)),
    Scenario("forgetful", "after the holidays 25 of 100 have to think",
             days=1, quiet=True, events=(events.forgetful(),)),
    Scenario("change-day", "all passwords are changed on one morning",
             days=2, quiet=True, events=(events.change_day(),)),
    Scenario("too-early", "12 new passwords typed before the server knows them",
             days=2, events=(events.too_early(),)),
    Scenario("stale-phone", "two phones with old passwords in the office; "
             "lockout on", days=2, lockout=5,
             events=(events.stale_phones(),)),
    Scenario("directory-fails", "the server refuses everybody for an hour in "
             "the morning", days=1, events=(events.directory_fails(),)),
    # ---- both ----
    Scenario("change-day-dictionary", "a change day, and a dictionary",
             days=1, events=(events.change_day(),), tested_most=LIMIT_A_DAY,
             attackers=(bots.Dictionary(pace=20.0, count=1800),)),
    Scenario("siege-traveller", "the besieged user is in hotels",
             days=3, tested_most=10, events=(events.travels(),),
             attackers=(bots.Botnet(**SIEGE),)),
    Scenario("carrier", "infected phones behind the carriers of our people",
             days=5, attackers=(
                 bots.Carried(sources=150, tries=8, days=5,
                              manners=bots.RETURNING),)),
    Scenario("carrier-disguised", "the same; in EHLO they say what people's "
             "programs say", days=5, attackers=(
                 bots.Carried(sources=150, tries=8, days=5,
                              helos=COMMON_NAMES, manners=bots.RETURNING),)),
    Scenario("owner", "has one account, logs in between his guesses, a day",
             days=1, tested_most=LIMIT_A_DAY, attackers=(bots.Owner(),)),
    Scenario("lock-the-chief", "300 sources lock a user out; lockout on",
             days=3, lockout=5,
             attackers=(bots.Botnet(**STUBBORN_SIEGE),)),
    Scenario("cold-start", "a new installation under a botnet and a dictionary",
             days=7, warm=0, attackers=(
                 bots.Botnet(sources=1000, tries=3, days=7,
                             manners=bots.RETURNING),
                 bots.Dictionary(pace=5.0, count=5000))),
)
