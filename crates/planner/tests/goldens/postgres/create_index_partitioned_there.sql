CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_2020_kinds ON events_2020 (kind);
INSERT INTO events (id, at, kind) VALUES (1, '2020-05-05', 'a'), (2, '2022-02-02', 'b');
-- change
CREATE INDEX events_by_kind ON events (kind);
