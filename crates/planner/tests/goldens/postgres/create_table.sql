CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
CREATE TABLE orders (
  id serial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code varchar(20) UNIQUE,
  amount numeric(10, 2) DEFAULT 0 CHECK (amount >= 0),
  state text NOT NULL DEFAULT 'new',
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_code_state UNIQUE (code, state)
);
CREATE INDEX ON orders (user_id, at DESC);
ALTER TABLE orders ADD COLUMN note text NOT NULL;
ALTER TABLE orders ALTER COLUMN amount SET NOT NULL;
INSERT INTO orders (id, user_id, at, note) VALUES (100000, 1, '2020-01-01', 'x');
