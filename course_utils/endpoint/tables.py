"""The tables of the endpoint's database. A list of changes; the database knows how many it has."""

MIGRATIONS = (
    # 1: files, jobs and what comes of them
    """
CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    status TEXT NOT NULL, model TEXT NOT NULL, tuned_name TEXT NOT NULL, method TEXT NOT NULL,
    hyperparameters TEXT NOT NULL, validated INTEGER NOT NULL DEFAULT 0, seed INTEGER NOT NULL,
    training_file TEXT NOT NULL, validation_file TEXT, metadata TEXT,
    deaths INTEGER NOT NULL DEFAULT 0, events_read INTEGER NOT NULL DEFAULT 0,
    estimated_finish INTEGER, finished_at INTEGER, trained_tokens INTEGER, result_file TEXT,
    error TEXT
) STRICT;
CREATE INDEX jobs_status ON jobs (status, seq);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    job TEXT NOT NULL, level TEXT NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, data TEXT
) STRICT;
CREATE INDEX events_job ON events (job, seq);
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    job TEXT NOT NULL, step INTEGER NOT NULL, model TEXT NOT NULL, metrics TEXT NOT NULL,
    UNIQUE (job, step)
) STRICT;
CREATE TABLE models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    base TEXT NOT NULL, adapter TEXT NOT NULL
) STRICT;
""",
    # 2: a class: whose everything is, the turn of each training, who has a key, what is solved
    """
ALTER TABLE files ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE models ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE TABLE people (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    key_hash TEXT NOT NULL, instructor INTEGER NOT NULL
) STRICT;
CREATE TABLE solved (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    owner TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL
) STRICT;
""",
)
