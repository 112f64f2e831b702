-- The queue: every command that is open, of all executions. Only the server writes it; what a worker may change of a
-- command is its lease, through the functions below.
CREATE TABLE noetl.command (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  execution_id text NOT NULL REFERENCES noetl.execution (id),
  number bigint NOT NULL,
  kind text NOT NULL,  -- the tool's; `wait` and `playbook` are the server's own
  step text,
  request text,  -- null for a wait
  priority integer NOT NULL,
  available timestamptz NOT NULL,  -- from when on it may be taken: it is written, its wait is over, its lease lapses
  worker text,
  claim uuid,
  claims integer NOT NULL DEFAULT 0,  -- how often it was claimed
  outcome text,  -- of a sub-playbook that has ended
  UNIQUE (execution_id, number),
  CHECK ((worker IS NULL) = (claim IS NULL))
);

CREATE INDEX command_to_claim ON noetl.command (priority DESC, id) WHERE kind NOT IN ('wait', 'playbook');

CREATE INDEX command_to_serve ON noetl.command (available) WHERE kind IN ('wait', 'playbook');

-- Gives a worker up to `most` commands of some kinds (null: of all) but others, the most urgent first, each for the time
-- of a lease. One that is claimed is given again when its lease has lapsed, with a new claim: the old one is void.
CREATE FUNCTION noetl.claim(worker text, kinds text[], but text[], most integer, lease interval)
RETURNS TABLE (
  execution_id text, number bigint, kind text, step text, request text, claim uuid, claims integer, file text, root text
)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH free AS (
    SELECT c.id FROM noetl.command c
    WHERE c.kind NOT IN ('wait', 'playbook')
      AND c.available <= now()
      AND (claim.kinds IS NULL OR c.kind = ANY (claim.kinds)) AND c.kind <> ALL (claim.but)
    ORDER BY c.priority DESC, c.id
    LIMIT claim.most
    FOR UPDATE SKIP LOCKED
  )
  UPDATE noetl.command c
  SET worker = claim.worker, claim = gen_random_uuid(), claims = c.claims + 1,
      available = clock_timestamp() + claim.lease
  FROM free, noetl.execution e
  WHERE c.id = free.id AND e.id = c.execution_id
  RETURNING c.execution_id, c.number, c.kind, c.step, c.request, c.claim, c.claims, e.file, e.root;
END;

-- Renews the leases of claims, as far as these still hold; those that do.
CREATE FUNCTION noetl.heartbeat(worker text, held uuid[], lease interval)
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH own AS (
    SELECT c.id FROM noetl.command c
    WHERE c.worker = heartbeat.worker AND c.claim = ANY (heartbeat.held)
    ORDER BY c.id
    FOR UPDATE
  )
  UPDATE noetl.command c SET available = clock_timestamp() + heartbeat.lease
  FROM own WHERE c.id = own.id
  RETURNING c.claim;
END;

-- Gives claims back at once, before their leases lapse.
CREATE FUNCTION noetl.release(worker text, held uuid[])
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH own AS (
    SELECT c.id, c.claim FROM noetl.command c
    WHERE c.worker = release.worker AND c.claim = ANY (release.held)
    ORDER BY c.id
    FOR UPDATE
  )
  UPDATE noetl.command c SET worker = NULL, claim = NULL, available = now()
  FROM own WHERE c.id = own.id
  RETURNING own.claim;
END;

CREATE INDEX command_of_worker ON noetl.command (worker) WHERE worker IS NOT NULL;

REVOKE ALL ON FUNCTION noetl.claim, noetl.heartbeat, noetl.release FROM PUBLIC;
GRANT USAGE ON SCHEMA noetl TO noetl_worker;
GRANT EXECUTE ON FUNCTION noetl.claim, noetl.heartbeat, noetl.release TO noetl_worker;
