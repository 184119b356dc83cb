CREATE DOMAIN code AS text;
CREATE DOMAIN short AS text CONSTRAINT few CHECK (length(VALUE) < 100);
CREATE TABLE users (id bigint PRIMARY KEY, code code);
INSERT INTO users (id, code) VALUES (1, 'a');
-- change
ALTER DOMAIN short ADD CONSTRAINT fewer CHECK (length(VALUE) < 10);
ALTER DOMAIN short RENAME CONSTRAINT few TO many;
ALTER DOMAIN short SET NOT NULL;
ALTER DOMAIN code ADD CONSTRAINT filled CHECK (length(VALUE) > 0) NOT VALID;
-- lockstep: revert ALTER DOMAIN code DROP DEFAULT
ALTER DOMAIN code SET DEFAULT 'x';
