-- Makes the partitions of today and of the `ahead` days after it, and drops those that ended more than `kept` days ago.
CREATE FUNCTION noetl.keep_days(ahead integer, kept integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  name text;
BEGIN
  PERFORM pg_advisory_xact_lock(7663824);
  FOR i IN 0 .. ahead LOOP
    name := 'event_' || to_char(today + i, 'YYYYMMDD');
    IF to_regclass('noetl.' || name) IS NULL THEN
      EXECUTE format(
        'CREATE TABLE noetl.%I PARTITION OF noetl.event FOR VALUES FROM (%L) TO (%L)',
        name, (today + i)::timestamp AT TIME ZONE 'UTC', (today + i + 1)::timestamp AT TIME ZONE 'UTC'
      );
    END IF;
  END LOOP;
  FOR name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'noetl.event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
      AND to_date(substr(c.relname, 7), 'YYYYMMDD') < today - kept
  LOOP
    EXECUTE format('DROP TABLE noetl.%I', name);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION noetl.keep_days FROM PUBLIC;
