CREATE TYPE mood AS ENUM ('sad', 'ok');
-- change
ALTER TYPE mood ADD VALUE 'happy';
