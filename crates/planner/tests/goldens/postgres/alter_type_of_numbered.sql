CREATE TABLE tickets (id bigint PRIMARY KEY, number serial NOT NULL, place serial);
INSERT INTO tickets (id) VALUES (1), (2);
-- change
ALTER TABLE tickets ALTER COLUMN number DROP DEFAULT, ALTER COLUMN place DROP DEFAULT;
ALTER TABLE tickets ALTER COLUMN number TYPE bigint;
ALTER TABLE tickets RENAME COLUMN place TO position;
-- lockstep: revert CREATE SEQUENCE tickets_number_seq AS integer
DROP SEQUENCE tickets_number_seq;
