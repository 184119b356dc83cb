CREATE TABLE users (tenant TEXT NOT NULL, id TEXT NOT NULL, state TEXT DEFAULT 'new', PRIMARY KEY (tenant, id)) WITHOUT ROWID;
INSERT INTO users (tenant, id, state) VALUES ('x', 'a', 'old'), ('x', 'b', NULL), ('y', 'a', 'new');
-- change
ALTER TABLE users RENAME state TO status;
