-- What the server asks of its database, by name.

-- now --
-- One clock for all servers of a database.
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00') AS time

-- latest_playbook --
SELECT id, version, text FROM noetl.playbook WHERE path = %(path)s ORDER BY version DESC LIMIT 1

-- lock_path --
SELECT pg_advisory_xact_lock(hashtextextended(%(path)s, 7663825))

-- add_playbook --
INSERT INTO noetl.playbook (path, version, name, text) VALUES (%(path)s, %(version)s, %(name)s, %(text)s) RETURNING id

-- bind --
-- The playbook that was registered last is the one that the execution runs.
INSERT INTO noetl.binding (execution_id, file, playbook) VALUES (%(execution_id)s, %(file)s, %(playbook)s)

-- unbind --
DELETE FROM noetl.binding WHERE execution_id = %(execution_id)s AND file = %(file)s

-- bound --
SELECT b.file, p.id, p.path, p.version, p.text FROM noetl.binding b JOIN noetl.playbook p ON p.id = b.playbook
WHERE b.execution_id = %(execution_id)s ORDER BY b.sequence

-- playbook --
SELECT id, path, version, name, text, registered FROM noetl.playbook
WHERE path = %(path)s AND (%(version)s::integer IS NULL OR version = %(version)s) ORDER BY version DESC LIMIT 1

-- playbooks --
SELECT path, array_agg(version ORDER BY version) AS versions, max(version) AS latest,
       (array_agg(name ORDER BY version DESC))[1] AS name, max(registered) AS registered
FROM noetl.playbook GROUP BY path ORDER BY path

-- add_execution --
INSERT INTO noetl.execution
  (id, playbook, file, payload, env, started, priority, root, parent, parent_number, depth, caller,
   return_step)
VALUES (%(id)s, %(playbook)s, %(file)s, %(payload)s, %(env)s, %(started)s, %(priority)s, %(root)s, %(parent)s,
        %(parent_number)s, %(depth)s, %(caller)s, %(return_step)s)
ON CONFLICT (id) DO NOTHING RETURNING id

-- lock_execution --
SELECT id, priority, root, parent, parent_number, depth, caller, return_step, replies, events, status
FROM noetl.execution WHERE id = %(id)s FOR UPDATE

-- execution --
SELECT e.id, p.path, p.version, e.started, e.status, e.outcome, e.ended, e.parent, e.priority, e.payload, e.events
FROM noetl.execution e JOIN noetl.playbook p ON p.id = e.playbook WHERE e.id = %(id)s

-- executions --
SELECT e.id, p.path, p.version, e.started, e.status, e.ended, e.parent, e.sequence
FROM noetl.execution e JOIN noetl.playbook p ON p.id = e.playbook
WHERE (%(status)s::text IS NULL OR e.status = %(status)s) AND (%(before)s::bigint IS NULL OR e.sequence < %(before)s)
ORDER BY e.sequence DESC LIMIT %(limit)s

-- kept --
SELECT e.file, p.text, e.payload, e.env, e.started, e.status, e.ended
FROM noetl.execution e JOIN noetl.playbook p ON p.id = e.playbook WHERE e.id = %(id)s

-- replies --
SELECT number, time, outcome FROM noetl.reply
WHERE execution_id = %(id)s AND position > %(after)s ORDER BY position

-- accept --
INSERT INTO noetl.posted (execution_id, event_id, name) VALUES (%(execution_id)s, %(event_id)s, %(name)s)
ON CONFLICT DO NOTHING RETURNING event_id

-- add_reply --
INSERT INTO noetl.reply (execution_id, position, number, time, outcome)
VALUES (%(execution_id)s, %(position)s, %(number)s, %(time)s, %(outcome)s)

-- add_events --
COPY noetl.event (execution_id, position, at, time, name, step, key, iteration, data, worker) FROM STDIN

-- add_command --
INSERT INTO noetl.command (execution_id, number, kind, step, request, priority, available)
VALUES (%(execution_id)s, %(number)s, %(kind)s, %(step)s, %(request)s, %(priority)s,
        clock_timestamp() + make_interval(secs => %(seconds)s))

-- moved --
UPDATE noetl.execution SET replies = %(replies)s, events = %(events)s WHERE id = %(id)s

-- ended --
UPDATE noetl.execution SET status = %(status)s, outcome = %(outcome)s, ended = %(time)s WHERE id = %(id)s

-- drop_commands --
-- In the order of a heartbeat's locks.
DELETE FROM noetl.command WHERE id IN
  (SELECT id FROM noetl.command WHERE execution_id = %(execution_id)s ORDER BY id FOR UPDATE)

-- answer_parent --
UPDATE noetl.command SET outcome = %(outcome)s, available = now()
WHERE execution_id = %(parent)s AND number = %(number)s AND kind = 'playbook'

-- lock_command --
SELECT id, kind, step, request, worker, claim::text AS claim, outcome, available <= clock_timestamp() AS due
FROM noetl.command WHERE execution_id = %(execution_id)s AND number = %(number)s FOR UPDATE

-- drop_command --
DELETE FROM noetl.command WHERE execution_id = %(execution_id)s AND number = %(number)s

-- child_started --
-- From here on it is due when its time-out has come; without one never.
UPDATE noetl.command SET worker = 'server', claim = gen_random_uuid(), claims = 1,
  available = CASE WHEN %(timeout)s::float IS NULL THEN 'infinity'
              ELSE clock_timestamp() + make_interval(secs => %(timeout)s::float) END
WHERE execution_id = %(execution_id)s AND number = %(number)s

-- due --
SELECT execution_id, number, kind FROM noetl.command
WHERE kind IN ('wait', 'playbook') AND available <= now() ORDER BY available LIMIT 100

-- next_due --
SELECT extract(epoch FROM min(available) - clock_timestamp())::float AS seconds FROM noetl.command
WHERE kind IN ('wait', 'playbook') AND available < 'infinity'

-- orphans --
-- The running executions whose parents wait for them no more.
SELECT e.id FROM noetl.execution e WHERE e.status = 'running' AND e.parent IS NOT NULL AND NOT EXISTS
  (SELECT FROM noetl.command c WHERE c.execution_id = e.parent AND c.number = e.parent_number)
LIMIT 100

-- events --
SELECT execution_id, position, time, name, step, key, iteration, data, worker FROM noetl.event
WHERE execution_id = %(id)s AND position > %(after)s ORDER BY position LIMIT %(limit)s

-- keep_credential --
INSERT INTO noetl.credential (name, type, fields, sealed) VALUES (%(name)s, %(type)s, %(fields)s, %(sealed)s)
ON CONFLICT (name) DO UPDATE SET type = excluded.type, fields = excluded.fields, sealed = excluded.sealed, updated = now()
RETURNING xmax = 0 AS new

-- drop_credential --
DELETE FROM noetl.credential WHERE name = %(name)s

-- credentials --
SELECT name, type, fields, updated FROM noetl.credential ORDER BY name

-- sealed --
SELECT name, sealed FROM noetl.credential WHERE name = %(name)s

-- any_sealed --
SELECT name, sealed FROM noetl.credential ORDER BY updated DESC LIMIT 1

-- claimed --
-- What a worker holds at this moment: its lease has not lapsed.
SELECT request, worker FROM noetl.command
WHERE execution_id = %(execution_id)s AND number = %(number)s AND claim::text = %(claim)s
  AND available > clock_timestamp()

-- keep_days --
SELECT noetl.keep_days(7, %(kept)s)

-- notify --
SELECT pg_notify(%(channel)s, %(payload)s)

-- gauges --
SELECT 'executions_' || status AS name, count(*) AS value FROM noetl.execution GROUP BY status
UNION ALL SELECT 'commands_open', count(*) FROM noetl.command
UNION ALL SELECT 'commands_claimed', count(*) FROM noetl.command WHERE claim IS NOT NULL
