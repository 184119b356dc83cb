CREATE TABLE users (id bigserial PRIMARY KEY, name text);
-- change
INSERT INTO users (name) VALUES ('x'), ('y');
INSERT INTO users (id, name) VALUES (1, 'z') ON CONFLICT (id) DO NOTHING;
