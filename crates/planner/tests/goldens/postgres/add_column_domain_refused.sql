CREATE DOMAIN code AS varchar(20) CHECK (length(VALUE) > 1);
CREATE TABLE users (id bigint PRIMARY KEY);
-- change
ALTER TABLE users ADD COLUMN code code;
