CREATE TABLE orders (id bigint PRIMARY KEY, code text NOT NULL, made timestamp);
INSERT INTO orders (id, code, made) VALUES (1, '7', '2020-01-01 10:00'), (2, '8', NULL), (3, '0', '2021-12-31 23:59:59.5'), (4, '-70000', '1999-01-01');
-- change
ALTER TABLE orders ALTER COLUMN code TYPE int USING code::integer;
ALTER TABLE orders ALTER COLUMN made TYPE timestamptz USING made AT TIME ZONE 'UTC';
DROP INDEX CONCURRENTLY IF EXISTS orders_by_at;
