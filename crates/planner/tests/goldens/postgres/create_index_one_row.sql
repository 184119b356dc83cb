CREATE TABLE site (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO site VALUES (1, 'here');
-- change
CREATE UNIQUE INDEX site_one_row ON site ((true));
