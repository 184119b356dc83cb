CREATE TABLE events (id bigint, at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events (id, at, kind) VALUES (1, '2020-05-05', 'a'), (2, '2022-02-02', 'b');
-- change
ALTER TABLE events ADD CONSTRAINT events_once UNIQUE (kind, at);
ALTER TABLE events ADD PRIMARY KEY (id, at);
