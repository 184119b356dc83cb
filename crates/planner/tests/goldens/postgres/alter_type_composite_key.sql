CREATE TABLE items (tenant integer NOT NULL, number integer NOT NULL, name text, PRIMARY KEY (tenant, number));
CREATE TABLE parts (id bigint PRIMARY KEY, tenant integer, number integer, FOREIGN KEY (tenant, number) REFERENCES items (tenant, number));
INSERT INTO items (tenant, number, name) VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 1, 'c');
INSERT INTO parts (id, tenant, number) VALUES (1, 1, 2), (2, NULL, NULL);
-- change
ALTER TABLE items ALTER COLUMN number TYPE bigint;
