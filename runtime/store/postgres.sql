-- The event log in PostgreSQL, version 1. JSON is kept as text, exactly as it was written; cast it to read into it.
CREATE TABLE IF NOT EXISTS noetl_log (version integer NOT NULL);

CREATE TABLE IF NOT EXISTS noetl_playbook (
  digest text PRIMARY KEY,  -- SHA-256 of the text
  text text NOT NULL
);

CREATE TABLE IF NOT EXISTS noetl_execution (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the order in which executions were opened
  id text NOT NULL UNIQUE,
  path text NOT NULL,
  digest text NOT NULL REFERENCES noetl_playbook,
  payload text NOT NULL,
  env text NOT NULL,
  started text NOT NULL,
  parent text,  -- of a sub-playbook, the idempotency key of its call
  mocked integer NOT NULL,
  status text,  -- null until it has ended
  outcome text,
  ended text
);

-- What the outside answered, in the order in which the engine was given it: all that an execution is rebuilt from.
CREATE TABLE IF NOT EXISTS noetl_reply (
  execution_id text NOT NULL,
  position bigint NOT NULL,
  number bigint NOT NULL,
  time text NOT NULL,
  outcome text,  -- null for a wait
  PRIMARY KEY (execution_id, position)
);

-- What the engine made of it.
CREATE TABLE IF NOT EXISTS noetl_event (
  execution_id text NOT NULL,
  position bigint NOT NULL,
  time text NOT NULL,
  name text NOT NULL,
  step text,
  key text,
  iteration bigint,
  data text NOT NULL,
  PRIMARY KEY (execution_id, position)
);

INSERT INTO noetl_log SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM noetl_log);
