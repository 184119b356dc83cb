-- What is there before.
-- change
VACUUM FULL users;
