-- The catalog, the executions and what they are rebuilt from. JSON is kept as text, exactly as it was written.
CREATE TABLE noetl.playbook (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path text NOT NULL,  -- `metadata.path`, else the name under which it was registered, else `metadata.name`
  version integer NOT NULL CHECK (version > 0),
  name text NOT NULL,
  text text NOT NULL,
  registered timestamptz NOT NULL DEFAULT now(),
  UNIQUE (path, version)
);

-- The playbooks that belong to one execution: the last one is what it runs, it looks for sub-playbooks among all.
CREATE TABLE noetl.binding (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  execution_id text NOT NULL,
  file text NOT NULL,
  playbook bigint NOT NULL REFERENCES noetl.playbook,
  UNIQUE (execution_id, file)
);

CREATE TABLE noetl.execution (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  playbook bigint NOT NULL REFERENCES noetl.playbook,
  file text NOT NULL,
  payload text NOT NULL,
  env text NOT NULL,
  started text NOT NULL,
  priority integer NOT NULL,
  root text NOT NULL,  -- the execution at the top, whose playbooks a sub-playbook's are
  parent text,
  parent_number bigint,  -- the parent's command that waits for it
  depth integer NOT NULL,
  caller text NOT NULL,  -- the places of the calls that lead there from the execution at the top
  return_step text,
  replies bigint NOT NULL DEFAULT 0,
  events bigint NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
  outcome text,
  ended text,
  CHECK ((parent IS NULL) = (parent_number IS NULL)),
  CHECK ((status = 'running') = (outcome IS NULL))
);

-- Looked at often, to find the children whose parents wait no more.
CREATE INDEX execution_children ON noetl.execution (parent, parent_number)
  WHERE status = 'running' AND parent IS NOT NULL;

-- What the outside answered, in the order in which the engine was given it: all that an execution is rebuilt from.
CREATE TABLE noetl.reply (
  execution_id text NOT NULL REFERENCES noetl.execution (id),
  position bigint NOT NULL,
  number bigint NOT NULL,
  time text NOT NULL,
  outcome text,  -- null for a wait
  PRIMARY KEY (execution_id, position),
  UNIQUE (execution_id, number)  -- a command is answered once
);

-- The events that were posted: each is accepted once.
CREATE TABLE noetl.posted (
  execution_id text NOT NULL REFERENCES noetl.execution (id),
  event_id text NOT NULL,
  name text NOT NULL,
  PRIMARY KEY (execution_id, event_id)
);

-- What happened, by day.
CREATE TABLE noetl.event (
  execution_id text NOT NULL,
  position bigint NOT NULL,
  at timestamptz NOT NULL,
  time text NOT NULL,
  name text NOT NULL,
  step text,
  key text,
  iteration bigint,
  data text NOT NULL,
  worker text,  -- who posted it; null for those of the engine
  PRIMARY KEY (execution_id, position, at)
) PARTITION BY RANGE (at);

CREATE TABLE noetl.event_other PARTITION OF noetl.event DEFAULT;
