CREATE TABLE schema_version (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES (3);
CREATE TABLE ahead (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  PRIMARY KEY (source, digest)
);
INSERT INTO "ahead" VALUES ('sourceé', 'digesté', 'document_idé');
CREATE TABLE cursors (
  source VARCHAR(200) NOT NULL,
  cursor TEXT NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "cursors" VALUES ('sourceé', 'cursoré');
CREATE TABLE failures (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  "key" TEXT NOT NULL,
  kind VARCHAR(40) NOT NULL,
  reason TEXT NOT NULL,
  since DATETIME NOT NULL,
  tries INTEGER DEFAULT '0' NOT NULL,
  PRIMARY KEY (source, digest)
);
INSERT INTO "failures" VALUES ('sourceé', 'digesté', 'keyé', 'kindé', 'reasoné', '2026-11-01 09:00:00.000000', 1);
CREATE TABLE runs (
  id INTEGER NOT NULL,
  source VARCHAR(200) NOT NULL,
  started DATETIME NOT NULL,
  ended DATETIME,
  outcome VARCHAR(40) NOT NULL,
  changed INTEGER NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  noted DATETIME,
  done INTEGER DEFAULT '0' NOT NULL,
  expected INTEGER,
  rate DOUBLE DEFAULT '0' NOT NULL,
  passages INTEGER DEFAULT '0' NOT NULL,
  passage_rate DOUBLE DEFAULT '0' NOT NULL, waiting VARCHAR(20) DEFAULT '' NOT NULL, waited_s INTEGER DEFAULT '0' NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES (1, 'sourceé', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'outcomeé', 1, 'reasoné', '2026-11-01 09:00:00.000000', 1, 1, 0.5, 1, 0.5, '', 0);
CREATE TABLE accounts (
  "key" VARCHAR(64) NOT NULL,
  account TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "accounts" VALUES ('keyé', 'accounté', 'agent_keyé');
CREATE TABLE agent_words (
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (word, agent_key)
);
INSERT INTO "agent_words" VALUES ('wordé', 'agent_keyé');
CREATE TABLE agents (
  "key" VARCHAR(64) NOT NULL,
  id TEXT NOT NULL,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  metier TEXT NOT NULL,
  entity TEXT NOT NULL,
  office TEXT NOT NULL,
  departement TEXT NOT NULL,
  email TEXT NOT NULL,
  arrival DATE,
  departure DATE,
  skills JSON NOT NULL,
  listed BOOLEAN NOT NULL,
  skills_declared DATE,
  skills_confirmed JSON NOT NULL,
  contact_via VARCHAR(20) NOT NULL,
  contact TEXT NOT NULL, missions JSON DEFAULT '[]' NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "agents" VALUES ('keyé', 'idé', 'given_nameé', 'family_nameé', 'metieré', 'entityé', 'officeé', 'departementé', 'emailé', '2026-11-01', '2026-11-01', '["un"]', 1, '2026-11-01', '["un"]', 'contact_viaé', 'contacté', '[]');
CREATE TABLE author_words (
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (word, agent_key)
);
INSERT INTO "author_words" VALUES ('wordé', 'agent_keyé');
CREATE TABLE directory_readings (
  token VARCHAR(32) NOT NULL,
  PRIMARY KEY (token)
);
INSERT INTO "directory_readings" VALUES ('tokené');
CREATE TABLE groups (
  principal_key VARCHAR(64) NOT NULL,
  principal TEXT NOT NULL,
  PRIMARY KEY (principal_key)
);
INSERT INTO "groups" VALUES ('principal_keyé', 'principalé');
CREATE TABLE memberships (
  agent_key VARCHAR(64) NOT NULL,
  principal_key VARCHAR(64) NOT NULL,
  principal TEXT NOT NULL,
  PRIMARY KEY (agent_key, principal_key)
);
INSERT INTO "memberships" VALUES ('agent_keyé', 'principal_keyé', 'principalé');
CREATE TABLE once_known (
  principal_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (principal_key)
);
INSERT INTO "once_known" VALUES ('principal_keyé');
CREATE TABLE said_words (
  said VARCHAR(10) NOT NULL,
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (said, word, agent_key)
);
INSERT INTO "said_words" VALUES ('saidé', 'wordé', 'agent_keyé');
CREATE TABLE expertise_assigned (
  build_id VARCHAR(32) NOT NULL,
  document_key VARCHAR(24) NOT NULL,
  topics TEXT NOT NULL,
  PRIMARY KEY (build_id, document_key)
)
 WITHOUT ROWID;
INSERT INTO "expertise_assigned" VALUES ('build_idé', 'document_keyé', 'topicsé');
CREATE TABLE expertise_builds (
  id VARCHAR(32) NOT NULL,
  day DATE NOT NULL,
  digest VARCHAR(64) NOT NULL,
  topics_digest VARCHAR(64) NOT NULL,
  least_strength FLOAT NOT NULL,
  documents INTEGER NOT NULL,
  contributions INTEGER NOT NULL,
  contributions_seen INTEGER NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "expertise_builds" VALUES ('idé', '2026-11-01', 'digesté', 'topics_digesté', 0.5, 1, 1, 1);
CREATE TABLE expertise_cells (
  build_id VARCHAR(32) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  departement VARCHAR(20) NOT NULL,
  basis VARCHAR(20) NOT NULL,
  strength FLOAT NOT NULL,
  scope VARCHAR(20) NOT NULL,
  nearest TEXT NOT NULL,
  proofs BLOB NOT NULL,
  PRIMARY KEY (build_id, topic_id, agent_key)
);
INSERT INTO "expertise_cells" VALUES ('build_idé', 'topic_idé', 'agent_keyé', 'agent_idé', 'departementé', 'basisé', 0.5, 'scopeé', 'nearesté', X'0102');
CREATE TABLE expertise_communities (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  kind VARCHAR(20) NOT NULL,
  topics TEXT NOT NULL,
  PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_communities" VALUES ('build_idé', 1, 'kindé', 'topicsé');
CREATE TABLE expertise_current (
  place INTEGER NOT NULL,
  build_id VARCHAR(32) NOT NULL,
  PRIMARY KEY (place)
);
INSERT INTO "expertise_current" VALUES (1, 'build_idé');
CREATE TABLE expertise_left_out (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  part VARCHAR(20) NOT NULL,
  id TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_left_out" VALUES ('build_idé', 1, 'parté', 'idé', 'reasoné');
CREATE TABLE expertise_members (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  PRIMARY KEY (build_id, number, agent_key)
);
INSERT INTO "expertise_members" VALUES ('build_idé', 1, 'agent_keyé', 'agent_idé');
CREATE TABLE expertise_proposals (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  documents TEXT NOT NULL,
  terms TEXT NOT NULL,
  PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_proposals" VALUES ('build_idé', 1, 'documentsé', 'termsé');
CREATE TABLE expertise_topics (
  build_id VARCHAR(32) NOT NULL,
  id VARCHAR(200) NOT NULL,
  label TEXT NOT NULL,
  kind VARCHAR(20) NOT NULL,
  lists TEXT NOT NULL,
  PRIMARY KEY (build_id, id)
);
INSERT INTO "expertise_topics" VALUES ('build_idé', 'idé', 'labelé', 'kindé', 'listsé');
CREATE TABLE agent_wish_words (
  agent_key VARCHAR(64) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  word VARCHAR(200) NOT NULL,
  PRIMARY KEY (agent_key, subject, word)
);
INSERT INTO "agent_wish_words" VALUES ('agent_keyé', 'subjecté', 'wordé');
CREATE TABLE agent_wishes (
  agent_key VARCHAR(64) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  agent_id TEXT NOT NULL,
  said JSON NOT NULL,
  since DATETIME NOT NULL,
  PRIMARY KEY (agent_key, kind, subject)
);
INSERT INTO "agent_wishes" VALUES ('agent_keyé', 'kindé', 'subjecté', 'agent_idé', '["un"]', '2026-11-01 09:00:00.000000');
CREATE TABLE agents_missing (
  agent_key VARCHAR(64) NOT NULL,
  since DATE NOT NULL,
  PRIMARY KEY (agent_key)
);
INSERT INTO "agents_missing" VALUES ('agent_keyé', '2026-11-01');
CREATE TABLE journal_askings (
  hour DATETIME NOT NULL,
  asker VARCHAR(64) NOT NULL,
  asked_for VARCHAR(20) NOT NULL,
  "query" VARCHAR(64) NOT NULL,
  results INTEGER,
  further BOOLEAN NOT NULL,
  followed BOOLEAN NOT NULL,
  PRIMARY KEY (hour, asker, asked_for, "query")
);
INSERT INTO "journal_askings" VALUES ('2026-11-01 09:00:00.000000', 'askeré', 'asked_foré', 'queryé', 1, 1, 1);
CREATE TABLE journal_counts (
  id INTEGER NOT NULL,
  start DATETIME NOT NULL,
  asked_for VARCHAR(20) NOT NULL,
  text TEXT,
  queries INTEGER NOT NULL,
  askings INTEGER NOT NULL,
  results INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  zero INTEGER NOT NULL,
  abandoned INTEGER NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "journal_counts" VALUES (1, '2026-11-01 09:00:00.000000', 'asked_foré', 'texté', 1, 1, 1, 1, 1, 1);
CREATE TABLE journal_named (
  agent_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  asker VARCHAR(64) NOT NULL,
  PRIMARY KEY (agent_key, topic_id, asker)
);
INSERT INTO "journal_named" VALUES ('agent_keyé', 'topic_idé', 'askeré');
CREATE TABLE journal_named_counts (
  agent_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  start DATETIME NOT NULL,
  askers INTEGER NOT NULL,
  PRIMARY KEY (agent_key, topic_id, start)
);
INSERT INTO "journal_named_counts" VALUES ('agent_keyé', 'topic_idé', '2026-11-01 09:00:00.000000', 1);
CREATE TABLE journal_period (
  id INTEGER NOT NULL,
  start DATETIME NOT NULL,
  until DATETIME NOT NULL,
  salt VARCHAR(64) NOT NULL,
  key_check VARCHAR(64) NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "journal_period" VALUES (1, '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'salté', 'key_checké');
CREATE TABLE journal_texts (
  "query" VARCHAR(64) NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY ("query")
);
INSERT INTO "journal_texts" VALUES ('queryé', 'texté');
CREATE TABLE audit_entries (
  number INTEGER NOT NULL,
  moment VARCHAR(32) NOT NULL,
  actor TEXT NOT NULL,
  role VARCHAR(20) NOT NULL,
  reading TEXT NOT NULL,
  subject TEXT NOT NULL,
  previous VARCHAR(64) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  PRIMARY KEY (number)
);
INSERT INTO "audit_entries" VALUES (1, 'momenté', 'actoré', 'roleé', 'readingé', 'subjecté', 'previousé', 'digesté');
CREATE TABLE register_mark (
  place INTEGER NOT NULL,
  line VARCHAR(32) NOT NULL,
  PRIMARY KEY (place)
);
INSERT INTO "register_mark" VALUES (1, 'lineé');
CREATE TABLE register_waiting (
  number INTEGER NOT NULL,
  of_agent VARCHAR(64) NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (number)
);
INSERT INTO "register_waiting" VALUES (1, 'of_agenté', 'lineé');
CREATE TABLE logout_tokens (
  "key" VARCHAR(64) NOT NULL,
  until_s BIGINT NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "logout_tokens" VALUES ('keyé', 1);
CREATE TABLE personal_tokens (
  "key" VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  label TEXT NOT NULL,
  made DATE NOT NULL,
  ends_s BIGINT NOT NULL,
  last_used DATE,
  PRIMARY KEY ("key")
);
INSERT INTO "personal_tokens" VALUES ('keyé', 'agent_keyé', 'agent_idé', 'labelé', '2026-11-01', 1, '2026-11-01');
CREATE TABLE sessions (
  "key" VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  begun_s BIGINT NOT NULL,
  seen_s BIGINT NOT NULL,
  ends_s BIGINT NOT NULL,
  id_token TEXT NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "sessions" VALUES ('keyé', 'agent_keyé', 'agent_idé', 1, 1, 1, 'id_tokené');
CREATE TABLE sessions_at_provider (
  "key" VARCHAR(64) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  session_key VARCHAR(64) NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "sessions_at_provider" VALUES ('keyé', 'subject_keyé', 'session_keyé');
CREATE TABLE topic_decisions (
  id VARCHAR(32) NOT NULL,
  verdict VARCHAR(20) NOT NULL,
  label TEXT NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  documents TEXT NOT NULL,
  terms TEXT NOT NULL,
  day DATE NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "topic_decisions" VALUES ('idé', 'verdicté', 'labelé', 'topic_idé', 'documentsé', 'termsé', '2026-11-01');
CREATE TABLE community_decisions (
  topic_key VARCHAR(64) NOT NULL,
  topic_id TEXT NOT NULL,
  verdict VARCHAR(20) NOT NULL,
  day DATE NOT NULL,
  PRIMARY KEY (topic_key)
);
INSERT INTO "community_decisions" VALUES ('topic_keyé', 'topic_idé', 'verdicté', '2026-11-01');
CREATE TABLE push_documents (
  source VARCHAR(200) NOT NULL,
  "key" VARCHAR(64) NOT NULL,
  seq BIGINT NOT NULL,
  access_seq BIGINT NOT NULL,
  id TEXT NOT NULL,
  line TEXT,
  gone JSON NOT NULL,
  version VARCHAR(200) NOT NULL,
  version_digest VARCHAR(32) NOT NULL,
  digest VARCHAR(32) NOT NULL,
  received DATETIME NOT NULL,
  PRIMARY KEY (source, "key")
);
INSERT INTO "push_documents" VALUES ('sourceé', 'keyé', 1, 1, 'idé', 'lineé', '["un"]', 'versioné', 'version_digesté', 'digesté', '2026-11-01 09:00:00.000000');
CREATE TABLE push_sources (
  source VARCHAR(200) NOT NULL,
  last_seq BIGINT NOT NULL,
  applied_seq BIGINT NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "push_sources" VALUES ('sourceé', 1, 1);
CREATE TABLE push_token_lives (
  id VARCHAR(8) NOT NULL,
  ends DATETIME,
  used DATE,
  PRIMARY KEY (id)
);
INSERT INTO "push_token_lives" VALUES ('idé', '2026-11-01 09:00:00.000000', '2026-11-01');
CREATE TABLE push_tokens (
  id VARCHAR(8) NOT NULL,
  source VARCHAR(200) NOT NULL,
  label VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  created DATETIME NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "push_tokens" VALUES ('idé', 'sourceé', 'labelé', 'digesté', '2026-11-01 09:00:00.000000');
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES ('0028');
CREATE TABLE source_indexes (
  source VARCHAR(200) NOT NULL,
  index_id VARCHAR(200) NOT NULL,
  whole BOOLEAN NOT NULL,
  PRIMARY KEY (source, index_id)
);
INSERT INTO "source_indexes" VALUES ('sourceé', '', 1);
CREATE TABLE requested_runs (
  source VARCHAR(200) NOT NULL,
  moment DATETIME NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "requested_runs" VALUES ('sourceé', '2026-11-01 09:00:00.000000');
CREATE TABLE source_roots (
  source VARCHAR(200) NOT NULL,
  path TEXT NOT NULL,
  identity TEXT NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "source_roots" VALUES ('sourceé', 'pathé', 'identityé');
CREATE TABLE scans (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  content VARCHAR(64) NOT NULL,
  state VARCHAR(20) NOT NULL,
  noted DATETIME NOT NULL,
  tries INTEGER NOT NULL,
  file_pages INTEGER,
  confidence INTEGER,
  pages JSON NOT NULL,
  PRIMARY KEY (source, digest)
);
INSERT INTO "scans" VALUES ('sourceé', 'digesté', 'document_idé', 'contenté', 'stateé', '2026-11-01 09:00:00.000000', 1, 1, 1, '["un"]');
CREATE TABLE scan_days (
  day DATE NOT NULL,
  pages INTEGER NOT NULL,
  PRIMARY KEY (day)
);
INSERT INTO "scan_days" VALUES ('2026-11-01', 1);
CREATE TABLE source_parts (
  source VARCHAR(200) NOT NULL,
  number INTEGER NOT NULL,
  "of" INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  outcome VARCHAR(40) NOT NULL,
  reason TEXT NOT NULL,
  report TEXT NOT NULL,
  rate DOUBLE NOT NULL,
  passage_rate DOUBLE NOT NULL,
  whole BOOLEAN NOT NULL,
  accept_deletions BOOLEAN NOT NULL,
  PRIMARY KEY (source, number)
);
INSERT INTO "source_parts" VALUES ('sourceé', 1, 1, 1, 1, 1, 'outcomeé', 'reasoné', 'reporté', 0.5, 0.5, 1, 1);
CREATE TABLE cut_agents (
  "key" VARCHAR(64) NOT NULL,
  day DATE NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "cut_agents" VALUES ('keyé', '2026-11-01');
CREATE TABLE expertise_alone_topics (
  day DATE NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  PRIMARY KEY (day, topic_id)
);
INSERT INTO "expertise_alone_topics" VALUES ('2026-11-01', 'topic_idé');
CREATE TABLE agent_feedback (
  agent_key VARCHAR(64) NOT NULL,
  aspect VARCHAR(20) NOT NULL,
  subject_kind VARCHAR(20) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  agent_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  useful BOOLEAN,
  since DATETIME NOT NULL,
  PRIMARY KEY (agent_key, aspect, subject_kind, subject_key, topic_id)
);
INSERT INTO "agent_feedback" VALUES ('agent_keyé', 'aspecté', 'subject_kindé', 'subject_keyé', 'topic_idé', 'agent_idé', 'subjecté', 1, '2026-11-01 09:00:00.000000');
CREATE TABLE follows (
  agent_key VARCHAR(64) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  since DATETIME NOT NULL,
  PRIMARY KEY (agent_key, kind, subject_key)
);
INSERT INTO "follows" VALUES ('agent_keyé', 'kindé', 'subject_keyé', 'agent_idé', 'subjecté', '2026-11-01 09:00:00.000000');
CREATE TABLE news_seen (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  seen DATETIME NOT NULL,
  PRIMARY KEY (agent_key)
);
INSERT INTO "news_seen" VALUES ('agent_keyé', 'agent_idé', '2026-11-01 09:00:00.000000');
CREATE TABLE mail_preferences (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  asked BOOLEAN NOT NULL,
  answered BOOLEAN NOT NULL,
  digest VARCHAR(20) NOT NULL,
  chosen DATETIME NOT NULL,
  digested DATETIME NOT NULL,
  refused DATETIME,
  refused_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (agent_key)
);
INSERT INTO "mail_preferences" VALUES ('agent_keyé', 'agent_idé', 1, 1, 'digesté', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'refused_keyé');
CREATE TABLE mail_queue (
  id VARCHAR(32) NOT NULL,
  message_id TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject VARCHAR(64) NOT NULL,
  queued DATETIME NOT NULL,
  begins DATETIME,
  due DATETIME NOT NULL,
  state VARCHAR(20) NOT NULL,
  attempts INTEGER NOT NULL,
  lease DATETIME,
  holder VARCHAR(32) NOT NULL,
  code INTEGER,
  changed DATETIME NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT mail_queue_once UNIQUE (agent_key, kind, subject)
);
INSERT INTO "mail_queue" VALUES ('idé', 'message_idé', 'agent_keyé', 'agent_idé', 'kindé', 'subjecté', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'stateé', 1, '2026-11-01 09:00:00.000000', 'holderé', 1, '2026-11-01 09:00:00.000000');
CREATE TABLE asked_questions (
  id VARCHAR(32) NOT NULL,
  seq INTEGER NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  scope VARCHAR(20) NOT NULL,
  scope_id TEXT NOT NULL,
  named BOOLEAN NOT NULL,
  stage VARCHAR(20) NOT NULL,
  until DATETIME,
  created DATETIME NOT NULL,
  modified DATETIME NOT NULL,
  missing TEXT NOT NULL,
  deleted BOOLEAN NOT NULL,
  corrected JSON DEFAULT '[]' NOT NULL,
  readers_chosen BOOLEAN DEFAULT 0 NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "asked_questions" VALUES ('idé', 1, 'agent_keyé', 'agent_idé', 'titleé', 'texté', 'topic_idé', 'scopeé', 'scope_idé', 1, 'stageé', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'missingé', 1, '["un"]', 1);
CREATE TABLE asked_agents (
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  state VARCHAR(20) NOT NULL,
  asked DATETIME NOT NULL,
  until DATETIME NOT NULL,
  reason TEXT NOT NULL,
  decided DATETIME,
  PRIMARY KEY (question_id, agent_key)
);
INSERT INTO "asked_agents" VALUES ('question_idé', 'agent_keyé', 'agent_idé', 'stateé', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000', 'reasoné', '2026-11-01 09:00:00.000000');
CREATE TABLE question_recipients (
  question_id VARCHAR(32) NOT NULL,
  place INTEGER NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  PRIMARY KEY (question_id, place)
);
INSERT INTO "question_recipients" VALUES ('question_idé', 1, 'agent_keyé', 'agent_idé');
CREATE TABLE question_readers (
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  PRIMARY KEY (question_id, agent_key)
);
INSERT INTO "question_readers" VALUES ('question_idé', 'agent_keyé', 'agent_idé');
CREATE TABLE given_answers (
  id VARCHAR(32) NOT NULL,
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  text TEXT NOT NULL,
  created DATETIME NOT NULL,
  corrected JSON NOT NULL,
  accepted BOOLEAN NOT NULL,
  thanked BOOLEAN NOT NULL,
  valid_until DATE,
  PRIMARY KEY (id)
);
INSERT INTO "given_answers" VALUES ('idé', 'question_idé', 'agent_keyé', 'agent_idé', 'texté', '2026-11-01 09:00:00.000000', '["un"]', 1, 1, '2026-11-01');
CREATE TABLE asking_preferences (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  receives BOOLEAN NOT NULL,
  topics JSON NOT NULL,
  per_week INTEGER,
  absent_until DATE,
  PRIMARY KEY (agent_key)
);
INSERT INTO "asking_preferences" VALUES ('agent_keyé', 'agent_idé', 1, '["un"]', 1, '2026-11-01');
CREATE TABLE answered_before (
  day DATE NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day)
);
INSERT INTO "answered_before" VALUES ('2026-11-01', 1);
CREATE TABLE questions_found_again (
  day DATE NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day)
);
INSERT INTO "questions_found_again" VALUES ('2026-11-01', 1);
CREATE TABLE hidden_texts (
  question_id VARCHAR(32) NOT NULL,
  answer_id VARCHAR(32) NOT NULL,
  reason TEXT NOT NULL,
  since DATETIME NOT NULL,
  outdated BOOLEAN DEFAULT 0 NOT NULL,
  PRIMARY KEY (question_id, answer_id)
);
INSERT INTO "hidden_texts" VALUES ('question_idé', 'answer_idé', 'reasoné', '2026-11-01 09:00:00.000000', 1);
CREATE TABLE question_uses (
  question_id VARCHAR(32) NOT NULL,
  day DATE NOT NULL,
  PRIMARY KEY (question_id)
);
INSERT INTO "question_uses" VALUES ('question_idé', '2026-11-01');
CREATE TABLE text_reports (
  question_id VARCHAR(32) NOT NULL,
  answer_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  created DATETIME NOT NULL,
  decided DATETIME,
  PRIMARY KEY (question_id, answer_id, agent_key)
);
INSERT INTO "text_reports" VALUES ('question_idé', 'answer_idé', 'agent_keyé', 'agent_idé', 'reasoné', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000');
CREATE TABLE asking_sequence (
  place INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (place)
);
INSERT INTO "asking_sequence" VALUES (1, 1);
CREATE TABLE verifications (
  document_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  day DATE NOT NULL,
  "right" BOOLEAN NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (document_key)
);
INSERT INTO "verifications" VALUES ('document_keyé', 'document_idé', 'content_hashé', 'agent_keyé', 'agent_idé', '2026-11-01', 1, 'noteé');
CREATE TABLE outdated_marks (
  document_key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  day DATE NOT NULL,
  PRIMARY KEY (document_key, agent_key)
);
INSERT INTO "outdated_marks" VALUES ('document_keyé', 'agent_keyé', 'document_idé', 'agent_idé', 'content_hashé', '2026-11-01');
CREATE TABLE verification_paces (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  per_month INTEGER NOT NULL,
  PRIMARY KEY (agent_key)
);
INSERT INTO "verification_paces" VALUES ('agent_keyé', 'agent_idé', 1);
CREATE TABLE document_openings (
  document_key VARCHAR(64) NOT NULL,
  day DATE NOT NULL,
  document_id TEXT NOT NULL,
  openings INTEGER NOT NULL,
  PRIMARY KEY (document_key, day)
);
INSERT INTO "document_openings" VALUES ('document_keyé', '2026-11-01', 'document_idé', 1);
CREATE TABLE community_pins (
  topic_id VARCHAR(200) NOT NULL,
  document_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  pinned DATETIME NOT NULL,
  PRIMARY KEY (topic_id, document_key)
);
INSERT INTO "community_pins" VALUES ('topic_idé', 'document_keyé', 'document_idé', '2026-11-01 09:00:00.000000');
CREATE TABLE closed_communities (
  topic_id VARCHAR(200) NOT NULL,
  closed DATETIME NOT NULL,
  PRIMARY KEY (topic_id)
);
INSERT INTO "closed_communities" VALUES ('topic_idé', '2026-11-01 09:00:00.000000');
CREATE TABLE access_marks (
  kind VARCHAR(40) NOT NULL,
  number BIGINT NOT NULL,
  emptied DATETIME,
  PRIMARY KEY (kind)
);
INSERT INTO "access_marks" VALUES ('kindé', 1, '2026-11-01 09:00:00.000000');
CREATE TABLE pushed_groups (
  source VARCHAR(200) NOT NULL,
  id VARCHAR(100) NOT NULL,
  name_key VARCHAR(64) NOT NULL,
  name TEXT NOT NULL,
  external_id TEXT NOT NULL,
  created DATETIME NOT NULL,
  modified DATETIME NOT NULL,
  PRIMARY KEY (source, id),
  CONSTRAINT pushed_groups_name UNIQUE (source, name_key)
);
INSERT INTO "pushed_groups" VALUES ('sourceé', 'idé', 'name_keyé', 'nameé', 'external_idé', '2026-11-01 09:00:00.000000', '2026-11-01 09:00:00.000000');
CREATE TABLE pushed_members (
  source VARCHAR(200) NOT NULL,
  group_id VARCHAR(100) NOT NULL,
  value_key VARCHAR(64) NOT NULL,
  email_key VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  email TEXT NOT NULL,
  PRIMARY KEY (source, group_id, value_key)
);
INSERT INTO "pushed_members" VALUES ('sourceé', 'group_idé', 'value_keyé', 'email_keyé', 'valueé', 'emailé');
CREATE INDEX agent_feedback_subject ON agent_feedback (aspect, subject_kind, subject_key);
CREATE INDEX agent_wish_words_word ON agent_wish_words (word);
CREATE INDEX asked_agents_agent ON asked_agents (agent_key, asked);
CREATE INDEX asked_questions_modified ON asked_questions (modified);
CREATE INDEX asked_questions_stage ON asked_questions (stage, created, id);
CREATE INDEX asked_questions_topic ON asked_questions (topic_id, stage, created, id);
CREATE INDEX expertise_cells_alone ON expertise_cells (build_id, scope, departement);
CREATE INDEX expertise_cells_by_agent ON expertise_cells (build_id, agent_key);
CREATE INDEX expertise_members_by_agent ON expertise_members (build_id, agent_key);
CREATE INDEX ix_accounts_agent_key ON accounts (agent_key);
CREATE INDEX ix_asked_questions_agent_key ON asked_questions (agent_key);
CREATE INDEX ix_asked_questions_seq ON asked_questions (seq);
CREATE INDEX ix_given_answers_agent_key ON given_answers (agent_key);
CREATE INDEX ix_given_answers_question_id ON given_answers (question_id);
CREATE INDEX ix_journal_counts_start ON journal_counts (start);
CREATE INDEX ix_personal_tokens_agent_key ON personal_tokens (agent_key);
CREATE INDEX ix_push_tokens_source ON push_tokens (source);
CREATE INDEX ix_question_readers_agent_key ON question_readers (agent_key);
CREATE INDEX ix_question_recipients_agent_key ON question_recipients (agent_key);
CREATE INDEX ix_register_waiting_of_agent ON register_waiting (of_agent);
CREATE INDEX ix_runs_source ON runs (source);
CREATE INDEX ix_sessions_agent_key ON sessions (agent_key);
CREATE INDEX ix_sessions_at_provider_session_key ON sessions_at_provider (session_key);
CREATE INDEX ix_sessions_at_provider_subject_key ON sessions_at_provider (subject_key);
CREATE INDEX ix_verifications_agent_key ON verifications (agent_key);
CREATE INDEX journal_askings_query ON journal_askings ("query");
CREATE INDEX mail_queue_due ON mail_queue (state, due);
CREATE INDEX outdated_marks_agent ON outdated_marks (agent_key, day);
CREATE INDEX push_documents_access ON push_documents (source, access_seq);
CREATE INDEX push_documents_seq ON push_documents (source, seq);
CREATE INDEX pushed_members_email ON pushed_members (source, email_key);
CREATE INDEX pushed_members_value ON pushed_members (source, value_key);
CREATE INDEX text_reports_agent ON text_reports (agent_key, created);
