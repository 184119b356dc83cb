CREATE TABLE users (id bigint PRIMARY KEY);
-- change
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch();
