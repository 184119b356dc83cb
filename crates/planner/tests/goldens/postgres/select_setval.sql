CREATE TABLE users (id bigserial PRIMARY KEY, name text);
-- change
SELECT setval('users_id_seq', 100);
SELECT pg_catalog.setval('users_id_seq', 200, true);
SELECT 1;
ANALYZE users;
