CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    tag TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,           -- seconds since 1970, as every time in this ledger
    state TEXT NOT NULL,             -- open, finished (its target is reached or ideas are out)
    lab TEXT NOT NULL,               -- the text of lab.toml that it runs by
    settings TEXT NOT NULL,          -- JSON: seconds, researcher, policy, target
    start_commit TEXT NOT NULL,
    data_digest TEXT NOT NULL,       -- of what `prepare` left; empty without it
    place TEXT NOT NULL              -- JSON: host, processor, python, sandbox
);

-- One stretch of work of one machine process on a campaign.
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    pid INTEGER NOT NULL,
    started REAL NOT NULL,
    seen REAL NOT NULL               -- the last sign of life
);

CREATE TABLE experiment (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    number INTEGER NOT NULL,         -- 0 is the baseline
    created REAL NOT NULL,
    researcher TEXT NOT NULL,
    key TEXT NOT NULL,               -- the researcher's own name for the idea; may be empty
    title TEXT NOT NULL,
    hypothesis TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    expected REAL,
    parent TEXT NOT NULL,
    edits TEXT NOT NULL,             -- JSON, as they were proposed
    diff TEXT NOT NULL,              -- as they changed the parent; empty if they did not apply
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    outcome TEXT,                    -- NULL while it is open
    commit_id TEXT,                  -- made with the verdict; NULL if the change did not apply
    reason TEXT,
    evidence TEXT,                   -- JSON
    belief_mean REAL,                -- of the incumbent that stands after this experiment
    belief_sd REAL,
    judged REAL,
    UNIQUE (campaign, number)
);
CREATE INDEX experiment_open ON experiment (campaign) WHERE outcome IS NULL;

CREATE TABLE trial (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    asked_by INTEGER NOT NULL REFERENCES experiment (id),  -- whose verdict needed it
    seed INTEGER NOT NULL,
    seconds REAL NOT NULL,           -- the budget
    split TEXT NOT NULL,             -- validation or holdout
    state TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    metric REAL,                     -- NULL unless measured: a crash has no score
    metrics TEXT,                    -- JSON: every other number
    self_reported INTEGER,
    detail TEXT,
    timing TEXT,                     -- JSON, seconds by phase
    peak_memory_mb REAL,
    curve BLOB,                      -- zlib, JSON
    log BLOB                         -- zlib
);
CREATE INDEX trial_experiment ON trial (experiment);
CREATE INDEX trial_asked_by ON trial (asked_by);

-- The sign of life of the trial that is running; one row.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    trial INTEGER NOT NULL,
    at REAL NOT NULL,
    phase TEXT NOT NULL,
    elapsed REAL NOT NULL,
    clock REAL NOT NULL,
    memory_mb REAL NOT NULL,
    point TEXT NOT NULL              -- JSON
);

-- What other processes ask of the campaign. Anybody may add; only the campaign answers.
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    created REAL NOT NULL,
    kind TEXT NOT NULL,              -- proposal, stop, stop-now
    body TEXT NOT NULL,              -- JSON
    taken REAL,
    answer TEXT
);
CREATE INDEX request_waiting ON request (kind) WHERE taken IS NULL;
