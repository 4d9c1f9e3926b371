"""The tables of a site's file, step by step from nothing; statements part at an empty line."""

MARK = 0x4E765369  # "NvSi"
START = """
CREATE TABLE variant (digest TEXT PRIMARY KEY, copy TEXT NOT NULL, time REAL NOT NULL);

CREATE TABLE promotion (
    id INTEGER PRIMARY KEY, variant TEXT NOT NULL REFERENCES variant, time REAL NOT NULL);

CREATE TABLE experiment (
    id INTEGER PRIMARY KEY, candidate TEXT NOT NULL REFERENCES variant,
    control TEXT REFERENCES variant, claim INTEGER NOT NULL, weight REAL NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, opened REAL NOT NULL, changed REAL NOT NULL);

CREATE TABLE exposure (
    number INTEGER PRIMARY KEY AUTOINCREMENT, experiment INTEGER NOT NULL, visitor TEXT NOT NULL,
    arm TEXT NOT NULL, variant TEXT NOT NULL, time REAL NOT NULL,
    UNIQUE (visitor, experiment));

CREATE INDEX exposure_order ON exposure (experiment, number);

CREATE TABLE conversion (
    experiment INTEGER NOT NULL, visitor TEXT NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (experiment, visitor)) WITHOUT ROWID;

CREATE TABLE signal (
    experiment INTEGER NOT NULL, visitor TEXT NOT NULL, kind TEXT NOT NULL,
    value REAL NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (experiment, visitor, kind)) WITHOUT ROWID;

CREATE TABLE batch (
    experiment INTEGER NOT NULL REFERENCES experiment, name TEXT NOT NULL,
    wanted INTEGER NOT NULL, after INTEGER NOT NULL, until INTEGER,
    UNIQUE (experiment, name));

CREATE TABLE left_out (reason TEXT PRIMARY KEY, visits INTEGER NOT NULL);

CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1), start REAL NOT NULL, origin REAL NOT NULL,
    speed REAL NOT NULL);

CREATE TABLE served (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    experiment INTEGER, variant TEXT, detail TEXT NOT NULL);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
"""
RACES = """
CREATE TABLE race (
    id INTEGER PRIMARY KEY, budget INTEGER, base REAL NOT NULL, after INTEGER NOT NULL,
    opened REAL NOT NULL, ended REAL, reason TEXT);

ALTER TABLE experiment ADD COLUMN race INTEGER REFERENCES race;

ALTER TABLE experiment ADD COLUMN joins REAL NOT NULL DEFAULT 1;

ALTER TABLE experiment ADD COLUMN entry TEXT
"""
STEPS = (START, RACES)
