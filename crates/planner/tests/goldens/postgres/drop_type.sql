CREATE TYPE mood AS ENUM ('sad', 'ok');
-- change
DROP TYPE mood;
DROP TYPE IF EXISTS nothing;
