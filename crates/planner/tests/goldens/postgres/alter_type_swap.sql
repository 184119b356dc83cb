CREATE TABLE orders (id bigint PRIMARY KEY, amount int NOT NULL DEFAULT 0 CHECK (amount >= 0), code text UNIQUE);
CREATE INDEX orders_by_amount ON orders (amount, code);
INSERT INTO orders (id, amount, code) VALUES (1, 5, 'a'), (2, 7, NULL);
-- change
ALTER TABLE orders ALTER COLUMN amount TYPE bigint;
