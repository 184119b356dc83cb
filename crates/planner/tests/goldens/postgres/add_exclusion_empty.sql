CREATE TABLE rooms (id bigint PRIMARY KEY, during int4range NOT NULL);
-- rows: public.rooms 0
-- change
ALTER TABLE rooms ADD CONSTRAINT rooms_once EXCLUDE USING gist (during WITH &&);
CREATE TABLE halls (id bigint PRIMARY KEY, during int4range NOT NULL, EXCLUDE USING gist (during WITH &&));
