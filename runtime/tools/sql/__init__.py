"""The kinds that speak SQL: `postgres` and `duckdb` (TOO-2, SNK-1). What they share has no database in its name."""
