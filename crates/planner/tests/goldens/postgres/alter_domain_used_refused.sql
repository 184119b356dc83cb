CREATE DOMAIN code AS text;
CREATE TABLE users (id bigint PRIMARY KEY, code code);
-- change
ALTER DOMAIN code ADD CONSTRAINT filled CHECK (length(VALUE) > 0);
