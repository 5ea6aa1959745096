CREATE TABLE schema_version (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES (2);
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
  key TEXT NOT NULL,
  kind VARCHAR(40) NOT NULL,
  reason TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  tries INTEGER DEFAULT '0' NOT NULL,
  PRIMARY KEY (source, digest)
);
INSERT INTO "failures" VALUES ('sourceé', 'digesté', 'keyé', 'kindé', 'reasoné', '2026-11-01 09:00:00+00', 1);
CREATE TABLE leases (
  source VARCHAR(200) NOT NULL,
  owner TEXT NOT NULL,
  until DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "leases" VALUES ('sourceé', 'owneré', 0.5);
CREATE TABLE runs (
  id SERIAL NOT NULL,
  source VARCHAR(200) NOT NULL,
  started TIMESTAMP WITH TIME ZONE NOT NULL,
  ended TIMESTAMP WITH TIME ZONE,
  outcome VARCHAR(40) NOT NULL,
  changed INTEGER NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  noted TIMESTAMP WITH TIME ZONE,
  done INTEGER DEFAULT '0' NOT NULL,
  expected INTEGER,
  rate DOUBLE PRECISION DEFAULT '0' NOT NULL,
  passages INTEGER DEFAULT '0' NOT NULL,
  passage_rate DOUBLE PRECISION DEFAULT '0' NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_runs_source ON runs (source);
INSERT INTO "runs" VALUES (1, 'sourceé', '2026-11-01 09:00:00+00', '2026-11-01 09:00:00+00', 'outcomeé', 1, 'reasoné', '2026-11-01 09:00:00+00', 1, 1, 0.5, 1, 0.5);
CREATE TABLE accounts (
  key VARCHAR(64) NOT NULL,
  account TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (key)
);
CREATE INDEX ix_accounts_agent_key ON accounts (agent_key);
INSERT INTO "accounts" VALUES ('keyé', 'accounté', 'agent_keyé');
CREATE TABLE agent_words (
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (word, agent_key)
);
INSERT INTO "agent_words" VALUES ('wordé', 'agent_keyé');
CREATE TABLE agents (
  key VARCHAR(64) NOT NULL,
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
  contact TEXT NOT NULL,
  PRIMARY KEY (key)
);
INSERT INTO "agents" VALUES ('keyé', 'idé', 'given_nameé', 'family_nameé', 'metieré', 'entityé', 'officeé', 'departementé', 'emailé', '2026-11-01', '2026-11-01', '["un"]', true, '2026-11-01', '["un"]', 'contact_viaé', 'contacté');
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
  word VARCHAR(200) COLLATE "C" NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (said, word, agent_key)
);
INSERT INTO "said_words" VALUES ('saidé', 'wordé', 'agent_keyé');
CREATE TABLE expertise_assigned (
  build_id VARCHAR(32) NOT NULL,
  document_key VARCHAR(24) NOT NULL,
  topics TEXT NOT NULL,
  PRIMARY KEY (build_id, document_key)
);
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
  proofs BYTEA NOT NULL,
  PRIMARY KEY (build_id, topic_id, agent_key)
);
CREATE INDEX expertise_cells_alone ON expertise_cells (build_id, scope, departement);
CREATE INDEX expertise_cells_by_agent ON expertise_cells (build_id, agent_key);
INSERT INTO "expertise_cells" VALUES ('build_idé', 'topic_idé', 'agent_keyé', 'agent_idé', 'departementé', 'basisé', 0.5, 'scopeé', 'nearesté', '\x0102');
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
CREATE INDEX expertise_members_by_agent ON expertise_members (build_id, agent_key);
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
CREATE INDEX agent_wish_words_word ON agent_wish_words (word);
INSERT INTO "agent_wish_words" VALUES ('agent_keyé', 'subjecté', 'wordé');
CREATE TABLE agent_wishes (
  agent_key VARCHAR(64) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  agent_id TEXT NOT NULL,
  said JSON NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (agent_key, kind, subject)
);
INSERT INTO "agent_wishes" VALUES ('agent_keyé', 'kindé', 'subjecté', 'agent_idé', '["un"]', '2026-11-01 09:00:00+00');
CREATE TABLE agents_missing (
  agent_key VARCHAR(64) NOT NULL,
  since DATE NOT NULL,
  PRIMARY KEY (agent_key)
);
INSERT INTO "agents_missing" VALUES ('agent_keyé', '2026-11-01');
CREATE TABLE journal_askings (
  hour TIMESTAMP WITH TIME ZONE NOT NULL,
  asker VARCHAR(64) NOT NULL,
  asked_for VARCHAR(20) NOT NULL,
  query VARCHAR(64) NOT NULL,
  results INTEGER,
  further BOOLEAN NOT NULL,
  followed BOOLEAN NOT NULL,
  PRIMARY KEY (hour, asker, asked_for, query)
);
CREATE INDEX journal_askings_query ON journal_askings (query);
INSERT INTO "journal_askings" VALUES ('2026-11-01 09:00:00+00', 'askeré', 'asked_foré', 'queryé', 1, true, true);
CREATE TABLE journal_counts (
  id SERIAL NOT NULL,
  start TIMESTAMP WITH TIME ZONE NOT NULL,
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
CREATE INDEX ix_journal_counts_start ON journal_counts (start);
INSERT INTO "journal_counts" VALUES (1, '2026-11-01 09:00:00+00', 'asked_foré', 'texté', 1, 1, 1, 1, 1, 1);
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
  start TIMESTAMP WITH TIME ZONE NOT NULL,
  askers INTEGER NOT NULL,
  PRIMARY KEY (agent_key, topic_id, start)
);
INSERT INTO "journal_named_counts" VALUES ('agent_keyé', 'topic_idé', '2026-11-01 09:00:00+00', 1);
CREATE TABLE journal_period (
  id INTEGER NOT NULL,
  start TIMESTAMP WITH TIME ZONE NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  salt VARCHAR(64) NOT NULL,
  key_check VARCHAR(64) NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "journal_period" VALUES (1, '2026-11-01 09:00:00+00', '2026-11-01 09:00:00+00', 'salté', 'key_checké');
CREATE TABLE journal_texts (
  query VARCHAR(64) NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (query)
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
  number SERIAL NOT NULL,
  of_agent VARCHAR(64) NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (number)
);
CREATE INDEX ix_register_waiting_of_agent ON register_waiting (of_agent);
INSERT INTO "register_waiting" VALUES (1, 'of_agenté', 'lineé');
CREATE TABLE logout_tokens (
  key VARCHAR(64) NOT NULL,
  until_s BIGINT NOT NULL,
  PRIMARY KEY (key)
);
INSERT INTO "logout_tokens" VALUES ('keyé', 1);
CREATE TABLE personal_tokens (
  key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  label TEXT NOT NULL,
  made DATE NOT NULL,
  ends_s BIGINT NOT NULL,
  last_used DATE,
  PRIMARY KEY (key)
);
CREATE INDEX ix_personal_tokens_agent_key ON personal_tokens (agent_key);
INSERT INTO "personal_tokens" VALUES ('keyé', 'agent_keyé', 'agent_idé', 'labelé', '2026-11-01', 1, '2026-11-01');
CREATE TABLE sessions (
  key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  begun_s BIGINT NOT NULL,
  seen_s BIGINT NOT NULL,
  ends_s BIGINT NOT NULL,
  id_token TEXT NOT NULL,
  PRIMARY KEY (key)
);
CREATE INDEX ix_sessions_agent_key ON sessions (agent_key);
INSERT INTO "sessions" VALUES ('keyé', 'agent_keyé', 'agent_idé', 1, 1, 1, 'id_tokené');
CREATE TABLE sessions_at_provider (
  key VARCHAR(64) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  session_key VARCHAR(64) NOT NULL,
  PRIMARY KEY (key)
);
CREATE INDEX ix_sessions_at_provider_session_key ON sessions_at_provider (session_key);
CREATE INDEX ix_sessions_at_provider_subject_key ON sessions_at_provider (subject_key);
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
  key VARCHAR(64) NOT NULL,
  seq BIGINT NOT NULL,
  access_seq BIGINT NOT NULL,
  id TEXT NOT NULL,
  line TEXT,
  gone JSON NOT NULL,
  version VARCHAR(200) NOT NULL,
  version_digest VARCHAR(32) NOT NULL,
  digest VARCHAR(32) NOT NULL,
  received TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (source, key)
);
CREATE INDEX push_documents_access ON push_documents (source, access_seq);
CREATE INDEX push_documents_seq ON push_documents (source, seq);
INSERT INTO "push_documents" VALUES ('sourceé', 'keyé', 1, 1, 'idé', 'lineé', '["un"]', 'versioné', 'version_digesté', 'digesté', '2026-11-01 09:00:00+00');
CREATE TABLE push_sources (
  source VARCHAR(200) NOT NULL,
  last_seq BIGINT NOT NULL,
  applied_seq BIGINT NOT NULL,
  PRIMARY KEY (source)
);
INSERT INTO "push_sources" VALUES ('sourceé', 1, 1);
CREATE TABLE push_token_lives (
  id VARCHAR(8) NOT NULL,
  ends TIMESTAMP WITH TIME ZONE,
  used DATE,
  PRIMARY KEY (id)
);
INSERT INTO "push_token_lives" VALUES ('idé', '2026-11-01 09:00:00+00', '2026-11-01');
CREATE TABLE push_tokens (
  id VARCHAR(8) NOT NULL,
  source VARCHAR(200) NOT NULL,
  label VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX ix_push_tokens_source ON push_tokens (source);
INSERT INTO "push_tokens" VALUES ('idé', 'sourceé', 'labelé', 'digesté', '2026-11-01 09:00:00+00');
