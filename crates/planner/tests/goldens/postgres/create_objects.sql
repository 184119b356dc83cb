CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
CREATE COLLATION german (provider = icu, locale = 'de-u-ks-level2', deterministic = false);
CREATE AGGREGATE total(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');
CREATE PROCEDURE forget(bigint) LANGUAGE sql AS $$ DELETE FROM users WHERE id = $1 $$;
CREATE CAST (bigint AS varchar) WITH INOUT;
