CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ann');
-- change
CREATE RULE quiet AS ON DELETE TO users DO INSTEAD NOTHING;
