CREATE TABLE users (id bigserial PRIMARY KEY, number bigint);
-- change
ALTER TABLE users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
