CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
CREATE TABLE archive AS SELECT id, name FROM users WHERE id < 3;
ALTER TABLE archive ADD PRIMARY KEY (id), ADD COLUMN boss bigint REFERENCES users (id);
CREATE INDEX archive_name ON archive (name);
UPDATE archive SET name = upper(name);
CREATE TABLE copies (LIKE users INCLUDING ALL);
