CREATE TABLE orders (id bigint PRIMARY KEY, state text NOT NULL);
INSERT INTO orders (id, state) VALUES (1, 'on'), (2, 'off');
-- change
-- lockstep: as state using (state = 'on') back (CASE WHEN state THEN 'on' ELSE 'off' END)
ALTER TABLE orders ALTER COLUMN state TYPE boolean USING state = 'on';
