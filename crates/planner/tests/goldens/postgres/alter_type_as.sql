CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(10, 2));
INSERT INTO orders (id, amount) VALUES (1, 5.25), (2, NULL), (3, 0), (4, 99.99), (5, 1.25);
-- change
-- lockstep: as amount_cents using (amount * 100)::bigint back (amount_cents / 100.0)
ALTER TABLE orders ALTER COLUMN amount TYPE bigint USING (amount * 100)::bigint;
-- plain
ALTER TABLE orders ALTER COLUMN amount TYPE bigint USING (amount * 100)::bigint;
ALTER TABLE orders RENAME COLUMN amount TO amount_cents;
