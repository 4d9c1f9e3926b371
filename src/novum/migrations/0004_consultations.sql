-- One question to a researcher that takes its time: what it cost, and what came of it.
CREATE TABLE consultation (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaign (id),
    researcher TEXT NOT NULL,        -- who answered, such as chat:anthropic/MODEL
    started REAL NOT NULL,
    ended REAL,                      -- NULL while it thinks
    parent TEXT NOT NULL,            -- the commit that it was asked to change
    request INTEGER REFERENCES request (id),  -- the person's idea that it was to work out
    state TEXT NOT NULL,             -- thinking, waiting, taken, repeated, stale, nothing, failed
    proposal TEXT,                   -- JSON; NULL if there is none
    experiment INTEGER REFERENCES experiment (id),  -- what it became, or whose result answered it
    detail TEXT NOT NULL,            -- why it became no experiment; empty if it did
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,   -- all that was sent, the cached ones among it too
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    usd REAL NOT NULL,               -- without the requests whose price is not known
    unpriced INTEGER NOT NULL,       -- those requests
    transcript BLOB                  -- zlib, JSON: pairs of a name and what was sent or answered
);
CREATE INDEX consultation_campaign ON consultation (campaign, state);
CREATE INDEX consultation_experiment ON consultation (experiment) WHERE experiment IS NOT NULL;
