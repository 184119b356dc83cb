CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
-- change
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "u" varchar(150) NOT NULL UNIQUE);
CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "object_id" text NULL, "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "django_admin_log_user_id" ON "django_admin_log" ("user_id");
CREATE TABLE `goose` (`id` integer PRIMARY KEY AUTOINCREMENT, `n` numeric DEFAULT (datetime('now')), created_at timestamp default current_timestamp not null, unique (`n`) on conflict replace);
CREATE VIRTUAL TABLE docs USING fts5(title, body, content='posts', content_rowid='id');
CREATE TRIGGER x AFTER INSERT ON goose FOR EACH ROW WHEN new.n IS NULL BEGIN INSERT INTO docs(rowid, title) VALUES (new.id, new.created_at); END;
CREATE TABLE s (a INTEGER, b ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
