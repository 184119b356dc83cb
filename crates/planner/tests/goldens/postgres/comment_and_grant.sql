CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
COMMENT ON TABLE users IS 'people';
COMMENT ON COLUMN users.mail IS 'where to write';
GRANT SELECT, INSERT ON users TO PUBLIC;
REVOKE INSERT ON TABLE users FROM PUBLIC;
