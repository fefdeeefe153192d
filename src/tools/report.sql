-- What a report says: a view report_SECTION each, of the store and what `asked` wants
-- (since, until: seconds since 1970; top: rows; half: failures near the limit).
--
-- All of it is in the connection alone, nothing is written to the file. The
-- journal is read once. What is asked of each of many sources is answered by an
-- index: a store may hold 100,000 bans. network(address) is its /24 or /48,
-- holds(prefix, prefix) is what it says; both are in report_gather.c.

-- stopped: postern answered it and the server heard nothing; failed: the server
-- refused it; ok. A log that postern follows counts as the server.
CREATE TEMP TABLE tries AS
SELECT at, coalesce(source, addr) AS source, network(addr) AS network,
       lower(coalesce(user, '')) AS user, coalesce(country, '') AS country,
       rule,
       CASE kind WHEN 'auth-begins' THEN 'stopped'
                 WHEN 'log-success' THEN 'ok'
                 WHEN 'log-failure' THEN 'failed'
                 ELSE outcome END AS what
  FROM journal
 WHERE at >= (SELECT since FROM temp.asked)
   AND at < (SELECT until FROM temp.asked)
   AND addr IS NOT NULL
   AND ((kind = 'auth-begins' AND mode = 'enforce'
         AND verdict IN ('answer-454', 'answer-535', 'turn-away'))
        OR (kind = 'auth-settled' AND outcome IN ('ok', 'failed'))
        OR kind IN ('log-failure', 'log-success'));
CREATE INDEX temp.tries_source ON tries(source, what);
CREATE INDEX temp.tries_user ON tries(user, what);

-- Decisions and orders.
CREATE TEMP TABLE came AS
SELECT at, prefix, rule, kind, user
  FROM journal
 WHERE at >= (SELECT since FROM temp.asked)
   AND at < (SELECT until FROM temp.asked)
   AND kind IN ('ban', 'would-ban', 'alarm', 'operator-ban', 'operator-unban',
                'operator-allow', 'operator-disallow', 'operator-forget');
CREATE INDEX temp.came_prefix ON came(prefix, kind);

-- Bans of more than one source: few, so each may be held against each.
CREATE TEMP TABLE wide AS
SELECT prefix, rule, kind
  FROM temp.came
 WHERE kind IN ('ban', 'would-ban') AND prefix LIKE '%/%'
   AND prefix NOT IN (SELECT source FROM temp.tries);

-- Where people are at home.
CREATE TEMP TABLE home AS SELECT lower(user) AS user, prefix FROM passport;
CREATE INDEX temp.home_user ON home(user);

-- Sources that nobody wants to hear of.
CREATE TEMP TABLE allowed AS
SELECT source FROM (SELECT DISTINCT source FROM temp.tries) s
 WHERE EXISTS (SELECT 1 FROM allow a WHERE holds(a.prefix, s.source));

-- An old password in somebody's phone is no guess.
CREATE TEMP VIEW guesses AS
SELECT * FROM temp.tries WHERE what <> 'ok' AND rule IS NOT 'refused-pair';

CREATE TEMP VIEW report_summary AS
SELECT coalesce(sum(what = 'failed'), 0) AS guesses_arrived,
       coalesce(sum(what = 'stopped'), 0) AS guesses_stopped,
       count(DISTINCT CASE WHEN what <> 'ok' THEN source END) AS sources,
       count(DISTINCT CASE WHEN what <> 'ok' THEN user END) AS users,
       coalesce(sum(what = 'ok'), 0) AS logins,
       (SELECT count(*) FROM temp.came WHERE kind = 'ban') AS bans,
       (SELECT count(*) FROM temp.came WHERE kind = 'would-ban') AS would_bans,
       (SELECT count(*) FROM ban WHERE until IS NULL OR until > unixepoch())
         AS banned_now
  FROM temp.tries;

CREATE TEMP VIEW report_alarms AS
SELECT strftime('%m-%d %H:%M', at, 'unixepoch', 'localtime') AS time, rule,
       coalesce(user, '') AS user, coalesce(prefix, '') AS source
  FROM temp.came
 WHERE kind = 'alarm'
 ORDER BY at DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_hurt AS
SELECT user, source, count(*) AS refused,
       strftime('%m-%d %H:%M', min(at), 'unixepoch', 'localtime') AS first,
       strftime('%m-%d %H:%M', ok, 'unixepoch', 'localtime') AS logged_in, rule
  FROM (SELECT t.*,
               (SELECT min(o.at) FROM temp.tries o
                 WHERE o.source = t.source AND o.what = 'ok'
                   AND o.user = t.user AND o.at >= t.at) AS ok
          FROM temp.guesses t WHERE t.what = 'stopped')
 WHERE ok IS NOT NULL
 GROUP BY user, source
 ORDER BY count(*) DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_stale AS
SELECT user, source, times,
       strftime('%m-%d %H:%M', first, 'unixepoch', 'localtime') AS first,
       strftime('%m-%d %H:%M', last, 'unixepoch', 'localtime') AS last
  FROM (SELECT user, source, count(*) AS times, min(at) AS first,
               max(at) AS last
          FROM temp.tries WHERE rule = 'refused-pair'
         GROUP BY user, source HAVING count(*) >= 3) t
 WHERE EXISTS (SELECT 1 FROM temp.home h
                WHERE h.user IN (t.user, substr(t.user, 1,
                                  instr(t.user || '@', '@') - 1))
                  AND holds(h.prefix, t.source))
    OR EXISTS (SELECT 1 FROM temp.tries o
                WHERE o.source = t.source AND o.what = 'ok'
                  AND o.user = t.user)
 ORDER BY times DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_sources AS
SELECT source, arrived, stopped, users,
       strftime('%m-%d %H:%M', first, 'unixepoch', 'localtime') AS first,
       strftime('%m-%d %H:%M', last, 'unixepoch', 'localtime') AS last,
       coalesce((SELECT max(rule) FROM
                   (SELECT c.rule FROM temp.came c
                     WHERE c.prefix = t.source AND c.kind = 'ban'
                    UNION ALL
                    SELECT w.rule FROM temp.wide w
                     WHERE w.kind = 'ban' AND holds(w.prefix, t.source))),
                '') AS banned_by,
       country
  FROM (SELECT source, sum(what = 'failed') AS arrived,
               sum(what = 'stopped') AS stopped,
               count(DISTINCT user) AS users, min(at) AS first,
               max(at) AS last, max(country) AS country
          FROM temp.guesses
         GROUP BY source
         ORDER BY count(*) DESC, source
         LIMIT (SELECT top FROM temp.asked)) t
 ORDER BY arrived + stopped DESC, source;

CREATE TEMP VIEW report_networks AS
SELECT network, count(DISTINCT source) AS sources,
       sum(what = 'failed') AS arrived, sum(what = 'stopped') AS stopped,
       count(DISTINCT user) AS users
  FROM temp.guesses
 GROUP BY network HAVING count(DISTINCT source) > 1
 ORDER BY count(*) DESC, network
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_countries AS
SELECT country, count(DISTINCT source) AS sources,
       sum(what = 'failed') AS arrived, sum(what = 'stopped') AS stopped
  FROM temp.guesses
 WHERE country <> ''
 GROUP BY country
 ORDER BY count(*) DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_users AS
SELECT user, sum(what = 'failed') AS arrived, sum(what = 'stopped') AS stopped,
       count(DISTINCT source) AS sources,
       coalesce((SELECT strftime('%m-%d %H:%M', max(o.at), 'unixepoch',
                                 'localtime')
                   FROM temp.tries o
                  WHERE o.user = t.user AND o.what = 'ok'), '') AS last_login
  FROM temp.guesses t
 GROUP BY user
 ORDER BY count(*) DESC, user
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_near AS
SELECT source, arrived, stopped, users
  FROM (SELECT source, sum(what = 'failed') AS arrived,
               sum(what = 'stopped') AS stopped, count(DISTINCT user) AS users
          FROM temp.guesses
         GROUP BY source
        HAVING sum(what = 'failed') >= (SELECT half FROM temp.asked)) t
 WHERE NOT EXISTS (SELECT 1 FROM temp.came c
                    WHERE c.prefix = t.source
                      AND c.kind IN ('ban', 'would-ban'))
   AND NOT EXISTS (SELECT 1 FROM temp.wide w WHERE holds(w.prefix, t.source))
 ORDER BY arrived DESC, source
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_rules AS
SELECT rule, sum(kind = 'ban') AS bans, sum(kind = 'would-ban') AS would_ban
  FROM temp.came
 WHERE kind IN ('ban', 'would-ban')
 GROUP BY rule
 ORDER BY count(*) DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_allow AS
SELECT network, count(DISTINCT CASE WHEN what = 'ok' THEN user END) AS people,
       sum(what = 'ok') AS logins, sum(what <> 'ok') AS refused
  FROM temp.tries
 WHERE source NOT IN (SELECT source FROM temp.allowed)
 GROUP BY network
HAVING count(DISTINCT CASE WHEN what = 'ok' THEN user END) >= 3
   AND sum(what <> 'ok') > 0
 ORDER BY people DESC
 LIMIT (SELECT top FROM temp.asked);

CREATE TEMP VIEW report_hours AS
SELECT strftime('%m-%d %H:00', at, 'unixepoch', 'localtime') AS hour,
       sum(what = 'failed') AS arrived, sum(what = 'stopped') AS stopped,
       sum(what = 'ok') AS logins
  FROM temp.tries
 GROUP BY 1 HAVING sum(what <> 'ok') > 0
 ORDER BY min(at)
 LIMIT 48;

CREATE TEMP VIEW report_orders AS
SELECT strftime('%m-%d %H:%M', at, 'unixepoch', 'localtime') AS time,
       substr(kind, 10) AS word, coalesce(prefix, user, '') AS what
  FROM temp.came
 WHERE kind LIKE 'operator-%'
 ORDER BY at DESC
 LIMIT (SELECT top FROM temp.asked);
