CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id bigint PRIMARY KEY, feels mood);
INSERT INTO users (id, feels) VALUES (1, 'ok');
-- change
-- lockstep: irreversible
ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok';
