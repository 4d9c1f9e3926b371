-- The incumbent, measured again in pairs on fresh seeds, against what it is compared with.
CREATE TABLE confirmation (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    experiment INTEGER NOT NULL REFERENCES experiment (id),  -- the incumbent then
    reason TEXT NOT NULL,            -- milestone, end, asked, ablation
    after INTEGER NOT NULL,          -- experiments that were judged before it
    plan TEXT NOT NULL,              -- JSON: arms, pairs, split, dial
    started REAL NOT NULL,
    ended REAL                       -- NULL while it is open
);
CREATE INDEX confirmation_open ON confirmation (campaign) WHERE ended IS NULL;

-- What a confirmation came to: the incumbent against one other arm.
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    confirmation INTEGER NOT NULL REFERENCES confirmation (id),
    arm INTEGER NOT NULL,            -- of the plan; 0 is the incumbent
    pairs INTEGER NOT NULL,
    gain REAL NOT NULL,              -- mean difference; better is positive
    low REAL NOT NULL,               -- the interval, valid at any time, nominal 0.95
    high REAL NOT NULL,
    evidence REAL NOT NULL,          -- e-value against "not better"
    split REAL,                      -- standard error over the split's items; NULL without items
    level REAL NOT NULL,             -- confirmed if evidence * level >= 1; 0 in an ablation
    believed REAL,                   -- what the search believed of the same difference
    detail TEXT NOT NULL             -- why pairs are missing; empty if none is
);

ALTER TABLE trial ADD COLUMN confirmation INTEGER REFERENCES confirmation (id);
ALTER TABLE trial ADD COLUMN block INTEGER;
ALTER TABLE trial ADD COLUMN arm INTEGER;
CREATE INDEX trial_confirmation ON trial (confirmation) WHERE confirmation IS NOT NULL;
