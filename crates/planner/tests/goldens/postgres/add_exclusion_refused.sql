CREATE TABLE rooms (id bigint PRIMARY KEY, during int4range NOT NULL);
-- change
ALTER TABLE rooms ADD CONSTRAINT rooms_once EXCLUDE USING gist (during WITH &&);
