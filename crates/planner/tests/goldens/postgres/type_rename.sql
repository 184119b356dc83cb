CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id bigint PRIMARY KEY, feels mood DEFAULT 'ok');
INSERT INTO users VALUES (1, 'ok');
-- change
ALTER TYPE mood RENAME TO feeling;
