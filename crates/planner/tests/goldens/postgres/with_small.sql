CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- rows: public.users 3
-- change
-- lockstep: irreversible
WITH old AS (SELECT id FROM users WHERE id < 3) UPDATE users SET mail = 'x' FROM old WHERE old.id = users.id;
WITH more AS (SELECT 7::bigint AS id) INSERT INTO users (id, name) SELECT id, 'x' FROM more;
