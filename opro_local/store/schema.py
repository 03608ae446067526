"""The tables of a run file and how older files become current.

MIGRATIONS only ever grows at its end: entry n turns a file of version n into one of version n + 1, and the
version is SQLite's user_version. Records that are read as a whole (scores, candidates, settings) are JSON;
floats in JSON and in BLOBs come back bit for bit.
"""

import apsw

APPLICATION_ID = 0x4F50524F
"""SQLite's application_id of a run file, "OPRO" in ASCII."""

MIGRATIONS = (
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        run_id TEXT NOT NULL,
        created TEXT NOT NULL,
        kind TEXT NOT NULL,
        direction TEXT NOT NULL,
        settings TEXT NOT NULL,
        problem TEXT NOT NULL,
        summary TEXT NOT NULL,
        models TEXT NOT NULL,
        versions TEXT NOT NULL,
        seconds REAL NOT NULL DEFAULT 0,
        stop_reason TEXT,
        finished INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE step (
        number INTEGER PRIMARY KEY,
        meta_prompt TEXT NOT NULL,
        exemplar_ids TEXT NOT NULL,
        temperature REAL,
        seed INTEGER,
        prompt_tokens INTEGER NOT NULL,
        generated_tokens INTEGER NOT NULL,
        closed INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE proposal (
        step INTEGER NOT NULL REFERENCES step (number),
        position INTEGER NOT NULL,
        text TEXT NOT NULL,
        solution TEXT,
        reason TEXT,
        origin TEXT NOT NULL,
        PRIMARY KEY (step, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE scored (
        step INTEGER NOT NULL REFERENCES step (number),
        position INTEGER NOT NULL,
        solution TEXT NOT NULL,
        score TEXT NOT NULL,
        PRIMARY KEY (step, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE candidate (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE outcome (
        candidate INTEGER NOT NULL REFERENCES candidate (id),
        split TEXT NOT NULL,
        example_id TEXT NOT NULL,
        target TEXT NOT NULL,
        prediction TEXT,
        correct INTEGER NOT NULL,
        reason TEXT,
        choice_log_probs BLOB NOT NULL,  -- float64, little-endian
        gold_log_likelihood ANY,  -- REAL; 'nan' where the model gave no number, which REAL cannot hold
        reply TEXT,
        prompt_tokens INTEGER NOT NULL,
        generated_tokens INTEGER NOT NULL,
        UNIQUE (candidate, split, example_id)
    ) STRICT;

    CREATE TABLE evaluation (
        position INTEGER PRIMARY KEY,
        role TEXT NOT NULL,
        split TEXT NOT NULL,
        candidate TEXT NOT NULL,
        score TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE effort (
        position INTEGER PRIMARY KEY,
        figures TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE scored ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN winner TEXT;  -- once it is fixed
    ALTER TABLE run ADD COLUMN test_uses INTEGER;  -- by others, before this run used its test rows
    -- A run that was begun without these goes on without them.
    UPDATE run SET settings =
        json_set(settings, '$.search.racing', 'off', '$.search.headroom', 0, '$.search.sensitivity', 0);
    """,
    """
    -- A run that was begun when there was one method goes on with it.
    UPDATE run SET settings = json_set(settings, '$.search.method', 'opro');
    """,
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        created TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        step INTEGER  -- that heard it
    ) STRICT;
    """,
    """
    ALTER TABLE event ADD COLUMN block INTEGER;  -- how many of that step's blocks were scored by then
    ALTER TABLE step ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;  -- scored so far
    """,
    """
    -- From right or wrong to a score from 0 to 1.
    ALTER TABLE outcome ADD COLUMN score REAL NOT NULL DEFAULT 0;
    UPDATE outcome SET score = correct;
    ALTER TABLE outcome DROP COLUMN correct;
    ALTER TABLE outcome ADD COLUMN feedback TEXT;
    -- Exemplars are the rows of the meta-prompt; few-shot examples of the scorer's prompt are shots.
    UPDATE proposal SET origin = replace(origin, 'exemplar ', 'shot ') WHERE origin LIKE 'exemplar %';
    """,
    """
    -- What OPRO was called before there were other methods.
    UPDATE proposal SET origin = 'opro' WHERE origin = 'model';
    ALTER TABLE proposal ADD COLUMN author TEXT NOT NULL DEFAULT 'program';
    UPDATE proposal SET author = CASE
        WHEN origin IN ('start', 'human') THEN origin
        WHEN origin = 'opro' OR origin LIKE 'opro %' OR origin LIKE 'evoprompt-%' THEN 'model'
        WHEN origin = 'paraphrases' THEN 'paraphrase'
        ELSE 'program'
    END;
    -- What the optimizer was asked in a step: several arms make several calls.
    CREATE TABLE call (
        step INTEGER NOT NULL REFERENCES step (number),
        position INTEGER NOT NULL,
        meta_prompt TEXT NOT NULL,
        seed INTEGER NOT NULL,
        temperature REAL NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        generated_tokens INTEGER NOT NULL,
        exemplar_ids TEXT NOT NULL,
        PRIMARY KEY (step, position)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO call
        SELECT number, 0, meta_prompt, seed, temperature, prompt_tokens, generated_tokens, exemplar_ids
        FROM step WHERE meta_prompt <> '';
    ALTER TABLE step DROP COLUMN meta_prompt;
    ALTER TABLE step DROP COLUMN exemplar_ids;
    ALTER TABLE step DROP COLUMN temperature;
    ALTER TABLE step DROP COLUMN seed;
    ALTER TABLE step DROP COLUMN prompt_tokens;
    ALTER TABLE step DROP COLUMN generated_tokens;
    """,
    """
    ALTER TABLE run ADD COLUMN parts TEXT NOT NULL DEFAULT '{}';  -- JSON: part -> its share of seconds
    -- Nobody knows where the time of an older run went.
    UPDATE run SET parts = json_object('unmeasured', seconds) WHERE seconds > 0;
    """,
)

VERSION = len(MIGRATIONS)


def migrate(database: apsw.Connection) -> None:
    """Bring a file to the current version, within the caller's transaction."""
    for script in MIGRATIONS[database.pragma("user_version") :]:
        database.execute(script)
    database.pragma("application_id", APPLICATION_ID)
    database.pragma("user_version", VERSION)
