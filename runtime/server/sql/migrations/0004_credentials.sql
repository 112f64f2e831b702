-- Credentials as they are kept: sealed with a key that is not in the database. What a credential is for shows, and what
-- its fields are called; no value does.
CREATE TABLE noetl.credential (
  name text PRIMARY KEY,
  type text NOT NULL,
  fields text[] NOT NULL,
  sealed bytea NOT NULL,
  updated timestamptz NOT NULL DEFAULT now()
);
