#include "storage/sqlite/schema.hpp"

#include <array>
#include <string>

#include "storage/store.hpp"

namespace stepd::storage::sqlite {
namespace {

constexpr std::int64_t application_id = 0x73746570;  // "step"

// Of a job, what was accepted stands in its own row, the first journal row included: accepting it
// is one insert. Words are numbers because they are in constraints and indexes of the hot path;
// the table `word` gives their names and how many jobs read as each.
constexpr const char* version_1 = R"sql(
CREATE TABLE host (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  highest_removed INTEGER NOT NULL
) STRICT;
INSERT INTO host (only, epoch, highest_removed) VALUES (1, 0, 0);

CREATE TABLE word (
  code INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  jobs INTEGER NOT NULL CHECK (jobs >= 0)
) STRICT;
INSERT INTO word (code, name, jobs) VALUES
  (0, 'prepared', 0), (1, 'queued', 0), (2, 'running', 0), (3, 'waiting', 0), (4, 'paused', 0),
  (5, 'parked', 0), (6, 'compensating', 0), (7, 'succeeded', 0), (8, 'compensated', 0),
  (9, 'failed', 0), (10, 'cancelled', 0), (11, 'discarded', 0);

CREATE TABLE job (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  word INTEGER NOT NULL CHECK (word BETWEEN 0 AND 11),
  due INTEGER,
  wait INTEGER NOT NULL CHECK (wait >= 0),
  needs TEXT NOT NULL,
  attention INTEGER NOT NULL CHECK (attention IN (0, 1)),
  settled_at INTEGER,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  key TEXT,
  accepted_at INTEGER NOT NULL,
  first_row BLOB NOT NULL,
  definition BLOB NOT NULL,
  CHECK ((word >= 7) = (settled_at IS NOT NULL)),
  CHECK (settled_at IS NULL OR due IS NULL)
) STRICT;
-- The second column is always NULL; with it a claim reads the index alone.
CREATE INDEX job_open ON job (due, settled_at) WHERE settled_at IS NULL;
-- Neither of the words a job has while all goes well: it enters when it is set aside or settles.
CREATE INDEX job_word ON job (word, settled_at) WHERE word <> 1 AND word <> 2;
CREATE INDEX job_flagged ON job (attention, needs) WHERE attention = 1 OR needs <> '';

CREATE TABLE journal (
  job INTEGER NOT NULL,
  row INTEGER NOT NULL CHECK (row > 1),
  at INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (job, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE step_blob (
  job INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  phase INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2),
  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
  key TEXT NOT NULL CHECK (kind = 1 OR key = ''),
  bytes BLOB NOT NULL,
  PRIMARY KEY (job, step, phase, kind, key)
) STRICT, WITHOUT ROWID;

-- Of several jobs with one key the newest holds it. A row outlives its job; only then it says how
-- and when that one settled.
CREATE TABLE job_key (
  key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  job INTEGER NOT NULL,
  content BLOB NOT NULL CHECK (length(content) = 32),
  word INTEGER CHECK (word BETWEEN 0 AND 11),
  settled_at INTEGER,
  PRIMARY KEY (key, tenant, job),
  CHECK ((word IS NULL) = (settled_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX job_key_settled ON job_key (settled_at) WHERE settled_at IS NOT NULL;
)sql";

// A claim takes the earliest due of each priority there is and goes by their turns. A row of
// derived_job stays for as long as its origin does, so that the same request finds what it made.
constexpr const char* version_2 = R"sql(
ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 0
  CHECK (priority BETWEEN -100 AND 100);
DROP INDEX job_open;
-- The last column is always NULL; with it a claim reads the index alone.
CREATE INDEX job_open ON job (priority, due, settled_at) WHERE settled_at IS NULL;

CREATE TABLE derived_job (
  origin INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
  job INTEGER NOT NULL,
  PRIMARY KEY (origin, request_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX derived_job_undo ON derived_job (origin) WHERE kind = 1;

-- A rerun keeps what this job did.
CREATE TABLE kept_from (
  job INTEGER NOT NULL,
  rerun INTEGER NOT NULL,
  PRIMARY KEY (job, rerun)
) STRICT, WITHOUT ROWID;

-- Of a job that a step has started.
ALTER TABLE job ADD COLUMN parent INTEGER;
ALTER TABLE job ADD COLUMN parent_step INTEGER
  CHECK ((parent IS NULL) = (parent_step IS NULL));

-- In the order of arrival; a number is never used again. What is given to a job comes with it
-- until its journal has it.
CREATE TABLE event (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  job INTEGER,
  data TEXT NOT NULL,
  at INTEGER NOT NULL,
  given_to INTEGER,
  given_step INTEGER,
  given_call INTEGER,
  recorded INTEGER NOT NULL DEFAULT 0 CHECK (recorded IN (0, 1)),
  UNIQUE (tenant, id),
  CHECK ((given_to IS NULL) = (given_step IS NULL) AND (given_to IS NULL) = (given_call IS NULL)),
  CHECK (recorded = 0 OR given_to IS NOT NULL)
) STRICT;
CREATE INDEX event_kept ON event (tenant, key, job, number) WHERE given_to IS NULL;
CREATE INDEX event_given ON event (given_to, number) WHERE given_to IS NOT NULL AND recorded = 0;
CREATE INDEX event_at ON event (at);

-- For events. The number tells which of two on one key is the older.
CREATE TABLE wait (
  number INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  call INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  UNIQUE (job, step)
) STRICT;
CREATE INDEX wait_key ON wait (tenant, key, number);

-- The jobs a step has started, by its own names for them, and how they ended. They outlive the jobs
-- they name. The number tells in which order they settled.
CREATE TABLE child (
  parent INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  key TEXT NOT NULL,
  job INTEGER NOT NULL,
  number INTEGER,
  word INTEGER CHECK (word BETWEEN 7 AND 11),
  output TEXT,
  error_code TEXT,
  error_message TEXT,
  PRIMARY KEY (parent, step, key),
  CHECK ((number IS NULL) = (word IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX child_settled ON child (parent, step, number) WHERE number IS NOT NULL;

-- How many they are, and what the parent wants to hear of: that more than `beyond` have settled,
-- or, without it, that all have.
CREATE TABLE brood (
  parent INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  spawned INTEGER NOT NULL CHECK (spawned >= settled),
  settled INTEGER NOT NULL CHECK (settled >= unsuccessful),
  unsuccessful INTEGER NOT NULL CHECK (unsuccessful >= 0),
  beyond INTEGER,
  cancelled INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
  PRIMARY KEY (parent, step)
) STRICT, WITHOUT ROWID;
)sql";

// A request id stands for what was asked under it, and a job knows the request that made it from
// another one. Of those made before this version the content is not known.
constexpr const char* version_3 = R"sql(
ALTER TABLE derived_job ADD COLUMN content BLOB CHECK (length(content) = 32);

ALTER TABLE job ADD COLUMN made_by TEXT;
UPDATE job SET made_by = derived_job.request_id FROM derived_job WHERE derived_job.job = job.id;
)sql";

// An undo stays for as long as somebody may ask what has become of the job that it undoes. What is
// kept of very many children goes bit by bit once their parent has been removed. A job may wait for
// several step types, each of which makes it due.
constexpr const char* version_4 = R"sql(
CREATE INDEX derived_job_undoes ON derived_job (job) WHERE kind = 1;

CREATE TABLE removed_parent (job INTEGER PRIMARY KEY) STRICT;

-- Beside the one in the job's own row.
CREATE TABLE also_needed (
  job INTEGER NOT NULL,
  type TEXT NOT NULL,
  PRIMARY KEY (job, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX also_needed_type ON also_needed (type);
)sql";

// Of the jobs that a host has in memory the journal is ahead of the table `journal`: what a commit
// adds lies packed in one row until it is filed. The last rows of a settled job are filed in its
// own.
constexpr const char* version_5 = R"sql(
CREATE TABLE unfiled (number INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;

ALTER TABLE job ADD COLUMN last_rows BLOB;
)sql";

// Journal rows tell what calls have used, in a form that an older stepd cannot read: it is to
// refuse the file and not one job after the other. The tables are as before.
constexpr const char* version_6 = "";

constexpr std::array all{Migration{1, version_1}, Migration{2, version_2}, Migration{3, version_3},
                         Migration{4, version_4}, Migration{5, version_5}, Migration{6, version_6}};

[[noreturn]] void refuse(const Database& database, const std::string& fact) {
  throw StoreError{StoreError::Kind::broken, database.file().string() + " " + fact};
}

}  // namespace

std::span<const Migration> migrations() { return all; }

void require_ours(Database& database, std::span<const Migration> known) {
  const std::int64_t owner = database.number("PRAGMA application_id");
  const std::int64_t version = database.number("PRAGMA user_version");
  const std::int64_t tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (owner != application_id && (owner != 0 || version != 0 || tables != 0)) {
    refuse(database,
           "is another program's database: move it away, or choose another state folder "
           "(--state-dir)");
  }
  const int newest = known.back().version;
  if (version > newest) {
    refuse(database, "has schema version " + std::to_string(version) +
                         ", written by a newer stepd; this one knows versions up to " +
                         std::to_string(newest) +
                         ": start the newer stepd again, or put back the backup made before it");
  }
}

void migrate(Database& database, std::span<const Migration> known) {
  const std::int64_t version = database.number("PRAGMA user_version");
  if (version == known.back().version) return;
  TransactionWords words{database};
  Transaction transaction{words, Transaction::Kind::write};
  for (const Migration& migration : known) {
    if (migration.version > version) database.run(migration.sql);
  }
  database.run("PRAGMA application_id = " + std::to_string(application_id));
  database.run("PRAGMA user_version = " + std::to_string(known.back().version));
  transaction.commit();
}

void use_wal(Database& database) {
  const std::string mode = database.text("PRAGMA journal_mode = WAL");
  if (mode == "wal") return;
  refuse(database, "cannot have a write-ahead log here (the journal stays in mode '" + mode +
                       "'): choose a state folder on a local file system (--state-dir)");
}

}  // namespace stepd::storage::sqlite
