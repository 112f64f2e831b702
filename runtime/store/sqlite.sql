-- The event log in SQLite, version 1. JSON is kept as text, exactly as it was written.
CREATE TABLE IF NOT EXISTS noetl_log (version INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS noetl_playbook (
  digest TEXT PRIMARY KEY,  -- SHA-256 of the text
  text TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS noetl_execution (
  sequence INTEGER PRIMARY KEY,  -- the order in which executions were opened
  id TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES noetl_playbook,
  payload TEXT NOT NULL,
  env TEXT NOT NULL,
  started TEXT NOT NULL,
  parent TEXT,  -- of a sub-playbook, the idempotency key of its call
  mocked INTEGER NOT NULL,
  status TEXT,  -- null until it has ended
  outcome TEXT,
  ended TEXT
);

-- What the outside answered, in the order in which the engine was given it: all that an execution is rebuilt from.
CREATE TABLE IF NOT EXISTS noetl_reply (
  execution_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  number INTEGER NOT NULL,
  time TEXT NOT NULL,
  outcome TEXT,  -- null for a wait
  PRIMARY KEY (execution_id, position)
) WITHOUT ROWID;

-- What the engine made of it.
CREATE TABLE IF NOT EXISTS noetl_event (
  execution_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  time TEXT NOT NULL,
  name TEXT NOT NULL,
  step TEXT,
  key TEXT,
  iteration INTEGER,
  data TEXT NOT NULL,
  PRIMARY KEY (execution_id, position)
) WITHOUT ROWID;

INSERT INTO noetl_log SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM noetl_log);
