-- What is there before.
-- change
VACUUM;
