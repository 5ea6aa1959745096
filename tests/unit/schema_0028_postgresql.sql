CREATE TABLE access_marks (
  kind VARCHAR(40) NOT NULL,
  number BIGINT NOT NULL,
  emptied TIMESTAMP WITH TIME ZONE,
  CONSTRAINT access_marks_pkey PRIMARY KEY (kind)
);
INSERT INTO "access_marks" VALUES ('kindé', 1, '2026-11-01 20:00:00+00');
CREATE TABLE accounts (
  key VARCHAR(64) NOT NULL,
  account TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  CONSTRAINT accounts_pkey PRIMARY KEY (key)
);
INSERT INTO "accounts" VALUES ('keyé', 'accounté', 'agent_keyé');
CREATE INDEX ix_accounts_agent_key ON accounts (agent_key);
CREATE TABLE agent_feedback (
  agent_key VARCHAR(64) NOT NULL,
  aspect VARCHAR(20) NOT NULL,
  subject_kind VARCHAR(20) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  agent_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  useful BOOLEAN,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT agent_feedback_pkey PRIMARY KEY (agent_key, aspect, subject_kind, subject_key, topic_id)
);
INSERT INTO "agent_feedback" VALUES ('agent_keyé', 'aspecté', 'subject_kindé', 'subject_keyé', 'topic_idé', 'agent_idé', 'subjecté', true, '2026-11-01 20:00:00+00');
CREATE INDEX agent_feedback_subject ON agent_feedback (aspect, subject_kind, subject_key);
CREATE TABLE agent_wish_words (
  agent_key VARCHAR(64) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  word VARCHAR(200) NOT NULL,
  CONSTRAINT agent_wish_words_pkey PRIMARY KEY (agent_key, subject, word)
);
INSERT INTO "agent_wish_words" VALUES ('agent_keyé', 'subjecté', 'wordé');
CREATE INDEX agent_wish_words_word ON agent_wish_words (word);
CREATE TABLE agent_wishes (
  agent_key VARCHAR(64) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject VARCHAR(200) NOT NULL,
  agent_id TEXT NOT NULL,
  said JSON NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT agent_wishes_pkey PRIMARY KEY (agent_key, kind, subject)
);
INSERT INTO "agent_wishes" VALUES ('agent_keyé', 'kindé', 'subjecté', 'agent_idé', '["un"]', '2026-11-01 20:00:00+00');
CREATE TABLE agent_words (
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  CONSTRAINT agent_words_pkey PRIMARY KEY (word, agent_key)
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
  missions JSON DEFAULT '[]'::json NOT NULL,
  CONSTRAINT agents_pkey PRIMARY KEY (key)
);
INSERT INTO "agents" VALUES ('keyé', 'idé', 'given_nameé', 'family_nameé', 'metieré', 'entityé', 'officeé', 'departementé', 'emailé', '2026-11-01', '2026-11-01', '["un"]', true, '2026-11-01', '["un"]', 'contact_viaé', 'contacté', '[]');
CREATE TABLE agents_missing (
  agent_key VARCHAR(64) NOT NULL,
  since DATE NOT NULL,
  CONSTRAINT agents_missing_pkey PRIMARY KEY (agent_key)
);
INSERT INTO "agents_missing" VALUES ('agent_keyé', '2026-11-01');
CREATE TABLE ahead (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  CONSTRAINT ahead_pkey PRIMARY KEY (source, digest)
);
INSERT INTO "ahead" VALUES ('sourceé', 'digesté', 'document_idé');
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES ('0028');
CREATE TABLE answered_before (
  day DATE NOT NULL,
  count INTEGER NOT NULL,
  CONSTRAINT answered_before_pkey PRIMARY KEY (day)
);
INSERT INTO "answered_before" VALUES ('2026-11-01', 1);
CREATE TABLE asked_agents (
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  state VARCHAR(20) NOT NULL,
  asked TIMESTAMP WITH TIME ZONE NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  decided TIMESTAMP WITH TIME ZONE,
  CONSTRAINT asked_agents_pkey PRIMARY KEY (question_id, agent_key)
);
INSERT INTO "asked_agents" VALUES ('question_idé', 'agent_keyé', 'agent_idé', 'stateé', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'reasoné', '2026-11-01 20:00:00+00');
CREATE INDEX asked_agents_agent ON asked_agents (agent_key, asked);
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
  until TIMESTAMP WITH TIME ZONE,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  modified TIMESTAMP WITH TIME ZONE NOT NULL,
  missing TEXT NOT NULL,
  deleted BOOLEAN NOT NULL,
  corrected JSON DEFAULT '[]'::json NOT NULL,
  readers_chosen BOOLEAN DEFAULT false NOT NULL,
  CONSTRAINT asked_questions_pkey PRIMARY KEY (id)
);
INSERT INTO "asked_questions" VALUES ('idé', 1, 'agent_keyé', 'agent_idé', 'titleé', 'texté', 'topic_idé', 'scopeé', 'scope_idé', true, 'stageé', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'missingé', true, '["un"]', true);
CREATE INDEX asked_questions_modified ON asked_questions (modified);
CREATE INDEX asked_questions_stage ON asked_questions (stage, created, id);
CREATE INDEX asked_questions_topic ON asked_questions (topic_id, stage, created, id);
CREATE INDEX ix_asked_questions_agent_key ON asked_questions (agent_key);
CREATE INDEX ix_asked_questions_seq ON asked_questions (seq);
CREATE TABLE asking_preferences (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  receives BOOLEAN NOT NULL,
  topics JSON NOT NULL,
  per_week INTEGER,
  absent_until DATE,
  CONSTRAINT asking_preferences_pkey PRIMARY KEY (agent_key)
);
INSERT INTO "asking_preferences" VALUES ('agent_keyé', 'agent_idé', true, '["un"]', 1, '2026-11-01');
CREATE TABLE asking_sequence (
  place INTEGER NOT NULL,
  last INTEGER NOT NULL,
  CONSTRAINT asking_sequence_pkey PRIMARY KEY (place)
);
INSERT INTO "asking_sequence" VALUES (1, 1);
CREATE TABLE audit_entries (
  number INTEGER NOT NULL,
  moment VARCHAR(32) NOT NULL,
  actor TEXT NOT NULL,
  role VARCHAR(20) NOT NULL,
  reading TEXT NOT NULL,
  subject TEXT NOT NULL,
  previous VARCHAR(64) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  CONSTRAINT audit_entries_pkey PRIMARY KEY (number)
);
INSERT INTO "audit_entries" VALUES (1, 'momenté', 'actoré', 'roleé', 'readingé', 'subjecté', 'previousé', 'digesté');
CREATE TABLE author_words (
  word VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  CONSTRAINT author_words_pkey PRIMARY KEY (word, agent_key)
);
INSERT INTO "author_words" VALUES ('wordé', 'agent_keyé');
CREATE TABLE closed_communities (
  topic_id VARCHAR(200) NOT NULL,
  closed TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT closed_communities_pkey PRIMARY KEY (topic_id)
);
INSERT INTO "closed_communities" VALUES ('topic_idé', '2026-11-01 20:00:00+00');
CREATE TABLE community_decisions (
  topic_key VARCHAR(64) NOT NULL,
  topic_id TEXT NOT NULL,
  verdict VARCHAR(20) NOT NULL,
  day DATE NOT NULL,
  CONSTRAINT community_decisions_pkey PRIMARY KEY (topic_key)
);
INSERT INTO "community_decisions" VALUES ('topic_keyé', 'topic_idé', 'verdicté', '2026-11-01');
CREATE TABLE community_pins (
  topic_id VARCHAR(200) NOT NULL,
  document_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  pinned TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT community_pins_pkey PRIMARY KEY (topic_id, document_key)
);
INSERT INTO "community_pins" VALUES ('topic_idé', 'document_keyé', 'document_idé', '2026-11-01 20:00:00+00');
CREATE TABLE cursors (
  source VARCHAR(200) NOT NULL,
  cursor TEXT NOT NULL,
  CONSTRAINT cursors_pkey PRIMARY KEY (source)
);
INSERT INTO "cursors" VALUES ('sourceé', 'cursoré');
CREATE TABLE cut_agents (
  key VARCHAR(64) NOT NULL,
  day DATE NOT NULL,
  CONSTRAINT cut_agents_pkey PRIMARY KEY (key)
);
INSERT INTO "cut_agents" VALUES ('keyé', '2026-11-01');
CREATE TABLE directory_readings (
  token VARCHAR(32) NOT NULL,
  CONSTRAINT directory_readings_pkey PRIMARY KEY (token)
);
INSERT INTO "directory_readings" VALUES ('tokené');
CREATE TABLE document_openings (
  document_key VARCHAR(64) NOT NULL,
  day DATE NOT NULL,
  document_id TEXT NOT NULL,
  openings INTEGER NOT NULL,
  CONSTRAINT document_openings_pkey PRIMARY KEY (document_key, day)
);
INSERT INTO "document_openings" VALUES ('document_keyé', '2026-11-01', 'document_idé', 1);
CREATE TABLE expertise_alone_topics (
  day DATE NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  CONSTRAINT expertise_alone_topics_pkey PRIMARY KEY (day, topic_id)
);
INSERT INTO "expertise_alone_topics" VALUES ('2026-11-01', 'topic_idé');
CREATE TABLE expertise_assigned (
  build_id VARCHAR(32) NOT NULL,
  document_key VARCHAR(24) NOT NULL,
  topics TEXT NOT NULL,
  CONSTRAINT expertise_assigned_pkey PRIMARY KEY (build_id, document_key)
);
INSERT INTO "expertise_assigned" VALUES ('build_idé', 'document_keyé', 'topicsé');
CREATE TABLE expertise_builds (
  id VARCHAR(32) NOT NULL,
  day DATE NOT NULL,
  digest VARCHAR(64) NOT NULL,
  topics_digest VARCHAR(64) NOT NULL,
  least_strength DOUBLE PRECISION NOT NULL,
  documents INTEGER NOT NULL,
  contributions INTEGER NOT NULL,
  contributions_seen INTEGER NOT NULL,
  CONSTRAINT expertise_builds_pkey PRIMARY KEY (id)
);
INSERT INTO "expertise_builds" VALUES ('idé', '2026-11-01', 'digesté', 'topics_digesté', 0.5, 1, 1, 1);
CREATE TABLE expertise_cells (
  build_id VARCHAR(32) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  departement VARCHAR(20) NOT NULL,
  basis VARCHAR(20) NOT NULL,
  strength DOUBLE PRECISION NOT NULL,
  scope VARCHAR(20) NOT NULL,
  nearest TEXT NOT NULL,
  proofs BYTEA NOT NULL,
  CONSTRAINT expertise_cells_pkey PRIMARY KEY (build_id, topic_id, agent_key)
);
INSERT INTO "expertise_cells" VALUES ('build_idé', 'topic_idé', 'agent_keyé', 'agent_idé', 'departementé', 'basisé', 0.5, 'scopeé', 'nearesté', '\x0102');
CREATE INDEX expertise_cells_alone ON expertise_cells (build_id, scope, departement);
CREATE INDEX expertise_cells_by_agent ON expertise_cells (build_id, agent_key);
CREATE TABLE expertise_communities (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  kind VARCHAR(20) NOT NULL,
  topics TEXT NOT NULL,
  CONSTRAINT expertise_communities_pkey PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_communities" VALUES ('build_idé', 1, 'kindé', 'topicsé');
CREATE TABLE expertise_current (
  place INTEGER NOT NULL,
  build_id VARCHAR(32) NOT NULL,
  CONSTRAINT expertise_current_pkey PRIMARY KEY (place)
);
INSERT INTO "expertise_current" VALUES (1, 'build_idé');
CREATE TABLE expertise_left_out (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  part VARCHAR(20) NOT NULL,
  id TEXT NOT NULL,
  reason TEXT NOT NULL,
  CONSTRAINT expertise_left_out_pkey PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_left_out" VALUES ('build_idé', 1, 'parté', 'idé', 'reasoné');
CREATE TABLE expertise_members (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  CONSTRAINT expertise_members_pkey PRIMARY KEY (build_id, number, agent_key)
);
INSERT INTO "expertise_members" VALUES ('build_idé', 1, 'agent_keyé', 'agent_idé');
CREATE INDEX expertise_members_by_agent ON expertise_members (build_id, agent_key);
CREATE TABLE expertise_proposals (
  build_id VARCHAR(32) NOT NULL,
  number INTEGER NOT NULL,
  documents TEXT NOT NULL,
  terms TEXT NOT NULL,
  CONSTRAINT expertise_proposals_pkey PRIMARY KEY (build_id, number)
);
INSERT INTO "expertise_proposals" VALUES ('build_idé', 1, 'documentsé', 'termsé');
CREATE TABLE expertise_topics (
  build_id VARCHAR(32) NOT NULL,
  id VARCHAR(200) NOT NULL,
  label TEXT NOT NULL,
  kind VARCHAR(20) NOT NULL,
  lists TEXT NOT NULL,
  CONSTRAINT expertise_topics_pkey PRIMARY KEY (build_id, id)
);
INSERT INTO "expertise_topics" VALUES ('build_idé', 'idé', 'labelé', 'kindé', 'listsé');
CREATE TABLE failures (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  key TEXT NOT NULL,
  kind VARCHAR(40) NOT NULL,
  reason TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  tries INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT failures_pkey PRIMARY KEY (source, digest)
);
INSERT INTO "failures" VALUES ('sourceé', 'digesté', 'keyé', 'kindé', 'reasoné', '2026-11-01 20:00:00+00', 1);
CREATE TABLE follows (
  agent_key VARCHAR(64) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT follows_pkey PRIMARY KEY (agent_key, kind, subject_key)
);
INSERT INTO "follows" VALUES ('agent_keyé', 'kindé', 'subject_keyé', 'agent_idé', 'subjecté', '2026-11-01 20:00:00+00');
CREATE TABLE given_answers (
  id VARCHAR(32) NOT NULL,
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  text TEXT NOT NULL,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  corrected JSON NOT NULL,
  accepted BOOLEAN NOT NULL,
  thanked BOOLEAN NOT NULL,
  valid_until DATE,
  CONSTRAINT given_answers_pkey PRIMARY KEY (id)
);
INSERT INTO "given_answers" VALUES ('idé', 'question_idé', 'agent_keyé', 'agent_idé', 'texté', '2026-11-01 20:00:00+00', '["un"]', true, true, '2026-11-01');
CREATE INDEX ix_given_answers_agent_key ON given_answers (agent_key);
CREATE INDEX ix_given_answers_question_id ON given_answers (question_id);
CREATE TABLE groups (
  principal_key VARCHAR(64) NOT NULL,
  principal TEXT NOT NULL,
  CONSTRAINT groups_pkey PRIMARY KEY (principal_key)
);
INSERT INTO "groups" VALUES ('principal_keyé', 'principalé');
CREATE TABLE hidden_texts (
  question_id VARCHAR(32) NOT NULL,
  answer_id VARCHAR(32) NOT NULL,
  reason TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  outdated BOOLEAN DEFAULT false NOT NULL,
  CONSTRAINT hidden_texts_pkey PRIMARY KEY (question_id, answer_id)
);
INSERT INTO "hidden_texts" VALUES ('question_idé', 'answer_idé', 'reasoné', '2026-11-01 20:00:00+00', true);
CREATE TABLE journal_askings (
  hour TIMESTAMP WITH TIME ZONE NOT NULL,
  asker VARCHAR(64) NOT NULL,
  asked_for VARCHAR(20) NOT NULL,
  query VARCHAR(64) NOT NULL,
  results INTEGER,
  further BOOLEAN NOT NULL,
  followed BOOLEAN NOT NULL,
  CONSTRAINT journal_askings_pkey PRIMARY KEY (hour, asker, asked_for, query)
);
INSERT INTO "journal_askings" VALUES ('2026-11-01 20:00:00+00', 'askeré', 'asked_foré', 'queryé', 1, true, true);
CREATE INDEX journal_askings_query ON journal_askings (query);
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
  CONSTRAINT journal_counts_pkey PRIMARY KEY (id)
);
INSERT INTO "journal_counts" VALUES (1, '2026-11-01 20:00:00+00', 'asked_foré', 'texté', 1, 1, 1, 1, 1, 1);
CREATE INDEX ix_journal_counts_start ON journal_counts (start);
CREATE TABLE journal_named (
  agent_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  asker VARCHAR(64) NOT NULL,
  CONSTRAINT journal_named_pkey PRIMARY KEY (agent_key, topic_id, asker)
);
INSERT INTO "journal_named" VALUES ('agent_keyé', 'topic_idé', 'askeré');
CREATE TABLE journal_named_counts (
  agent_key VARCHAR(64) NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  start TIMESTAMP WITH TIME ZONE NOT NULL,
  askers INTEGER NOT NULL,
  CONSTRAINT journal_named_counts_pkey PRIMARY KEY (agent_key, topic_id, start)
);
INSERT INTO "journal_named_counts" VALUES ('agent_keyé', 'topic_idé', '2026-11-01 20:00:00+00', 1);
CREATE TABLE journal_period (
  id INTEGER NOT NULL,
  start TIMESTAMP WITH TIME ZONE NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  salt VARCHAR(64) NOT NULL,
  key_check VARCHAR(64) NOT NULL,
  CONSTRAINT journal_period_pkey PRIMARY KEY (id)
);
INSERT INTO "journal_period" VALUES (1, '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'salté', 'key_checké');
CREATE TABLE journal_texts (
  query VARCHAR(64) NOT NULL,
  text TEXT NOT NULL,
  CONSTRAINT journal_texts_pkey PRIMARY KEY (query)
);
INSERT INTO "journal_texts" VALUES ('queryé', 'texté');
CREATE TABLE logout_tokens (
  key VARCHAR(64) NOT NULL,
  until_s BIGINT NOT NULL,
  CONSTRAINT logout_tokens_pkey PRIMARY KEY (key)
);
INSERT INTO "logout_tokens" VALUES ('keyé', 1);
CREATE TABLE mail_preferences (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  asked BOOLEAN NOT NULL,
  answered BOOLEAN NOT NULL,
  digest VARCHAR(20) NOT NULL,
  chosen TIMESTAMP WITH TIME ZONE NOT NULL,
  digested TIMESTAMP WITH TIME ZONE NOT NULL,
  refused TIMESTAMP WITH TIME ZONE,
  refused_key VARCHAR(64) NOT NULL,
  CONSTRAINT mail_preferences_pkey PRIMARY KEY (agent_key)
);
INSERT INTO "mail_preferences" VALUES ('agent_keyé', 'agent_idé', true, true, 'digesté', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'refused_keyé');
CREATE TABLE mail_queue (
  id VARCHAR(32) NOT NULL,
  message_id TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  kind VARCHAR(20) NOT NULL,
  subject VARCHAR(64) NOT NULL,
  queued TIMESTAMP WITH TIME ZONE NOT NULL,
  begins TIMESTAMP WITH TIME ZONE,
  due TIMESTAMP WITH TIME ZONE NOT NULL,
  state VARCHAR(20) NOT NULL,
  attempts INTEGER NOT NULL,
  lease TIMESTAMP WITH TIME ZONE,
  holder VARCHAR(32) NOT NULL,
  code INTEGER,
  changed TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT mail_queue_pkey PRIMARY KEY (id),
  CONSTRAINT mail_queue_once UNIQUE NULLS DISTINCT (agent_key, kind, subject)
);
INSERT INTO "mail_queue" VALUES ('idé', 'message_idé', 'agent_keyé', 'agent_idé', 'kindé', 'subjecté', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'stateé', 1, '2026-11-01 20:00:00+00', 'holderé', 1, '2026-11-01 20:00:00+00');
CREATE INDEX mail_queue_due ON mail_queue (state, due);
CREATE TABLE memberships (
  agent_key VARCHAR(64) NOT NULL,
  principal_key VARCHAR(64) NOT NULL,
  principal TEXT NOT NULL,
  CONSTRAINT memberships_pkey PRIMARY KEY (agent_key, principal_key)
);
INSERT INTO "memberships" VALUES ('agent_keyé', 'principal_keyé', 'principalé');
CREATE TABLE news_seen (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  seen TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT news_seen_pkey PRIMARY KEY (agent_key)
);
INSERT INTO "news_seen" VALUES ('agent_keyé', 'agent_idé', '2026-11-01 20:00:00+00');
CREATE TABLE once_known (
  principal_key VARCHAR(64) NOT NULL,
  CONSTRAINT once_known_pkey PRIMARY KEY (principal_key)
);
INSERT INTO "once_known" VALUES ('principal_keyé');
CREATE TABLE outdated_marks (
  document_key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  day DATE NOT NULL,
  CONSTRAINT outdated_marks_pkey PRIMARY KEY (document_key, agent_key)
);
INSERT INTO "outdated_marks" VALUES ('document_keyé', 'agent_keyé', 'document_idé', 'agent_idé', 'content_hashé', '2026-11-01');
CREATE INDEX outdated_marks_agent ON outdated_marks (agent_key, day);
CREATE TABLE personal_tokens (
  key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  label TEXT NOT NULL,
  made DATE NOT NULL,
  ends_s BIGINT NOT NULL,
  last_used DATE,
  CONSTRAINT personal_tokens_pkey PRIMARY KEY (key)
);
INSERT INTO "personal_tokens" VALUES ('keyé', 'agent_keyé', 'agent_idé', 'labelé', '2026-11-01', 1, '2026-11-01');
CREATE INDEX ix_personal_tokens_agent_key ON personal_tokens (agent_key);
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
  CONSTRAINT push_documents_pkey PRIMARY KEY (source, key)
);
INSERT INTO "push_documents" VALUES ('sourceé', 'keyé', 1, 1, 'idé', 'lineé', '["un"]', 'versioné', 'version_digesté', 'digesté', '2026-11-01 20:00:00+00');
CREATE INDEX push_documents_access ON push_documents (source, access_seq);
CREATE INDEX push_documents_seq ON push_documents (source, seq);
CREATE TABLE push_sources (
  source VARCHAR(200) NOT NULL,
  last_seq BIGINT NOT NULL,
  applied_seq BIGINT NOT NULL,
  CONSTRAINT push_sources_pkey PRIMARY KEY (source)
);
INSERT INTO "push_sources" VALUES ('sourceé', 1, 1);
CREATE TABLE push_token_lives (
  id VARCHAR(8) NOT NULL,
  ends TIMESTAMP WITH TIME ZONE,
  used DATE,
  CONSTRAINT push_token_lives_pkey PRIMARY KEY (id)
);
INSERT INTO "push_token_lives" VALUES ('idé', '2026-11-01 20:00:00+00', '2026-11-01');
CREATE TABLE push_tokens (
  id VARCHAR(8) NOT NULL,
  source VARCHAR(200) NOT NULL,
  label VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT push_tokens_pkey PRIMARY KEY (id)
);
INSERT INTO "push_tokens" VALUES ('idé', 'sourceé', 'labelé', 'digesté', '2026-11-01 20:00:00+00');
CREATE INDEX ix_push_tokens_source ON push_tokens (source);
CREATE TABLE pushed_groups (
  source VARCHAR(200) NOT NULL,
  id VARCHAR(100) NOT NULL,
  name_key VARCHAR(64) NOT NULL,
  name TEXT NOT NULL,
  external_id TEXT NOT NULL,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  modified TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pushed_groups_pkey PRIMARY KEY (source, id),
  CONSTRAINT pushed_groups_name UNIQUE NULLS DISTINCT (source, name_key)
);
INSERT INTO "pushed_groups" VALUES ('sourceé', 'idé', 'name_keyé', 'nameé', 'external_idé', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00');
CREATE TABLE pushed_members (
  source VARCHAR(200) NOT NULL,
  group_id VARCHAR(100) NOT NULL,
  value_key VARCHAR(64) NOT NULL,
  email_key VARCHAR(64) NOT NULL,
  value TEXT NOT NULL,
  email TEXT NOT NULL,
  CONSTRAINT pushed_members_pkey PRIMARY KEY (source, group_id, value_key)
);
INSERT INTO "pushed_members" VALUES ('sourceé', 'group_idé', 'value_keyé', 'email_keyé', 'valueé', 'emailé');
CREATE INDEX pushed_members_email ON pushed_members (source, email_key);
CREATE INDEX pushed_members_value ON pushed_members (source, value_key);
CREATE TABLE question_readers (
  question_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  CONSTRAINT question_readers_pkey PRIMARY KEY (question_id, agent_key)
);
INSERT INTO "question_readers" VALUES ('question_idé', 'agent_keyé', 'agent_idé');
CREATE INDEX ix_question_readers_agent_key ON question_readers (agent_key);
CREATE TABLE question_recipients (
  question_id VARCHAR(32) NOT NULL,
  place INTEGER NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  CONSTRAINT question_recipients_pkey PRIMARY KEY (question_id, place)
);
INSERT INTO "question_recipients" VALUES ('question_idé', 1, 'agent_keyé', 'agent_idé');
CREATE INDEX ix_question_recipients_agent_key ON question_recipients (agent_key);
CREATE TABLE question_uses (
  question_id VARCHAR(32) NOT NULL,
  day DATE NOT NULL,
  CONSTRAINT question_uses_pkey PRIMARY KEY (question_id)
);
INSERT INTO "question_uses" VALUES ('question_idé', '2026-11-01');
CREATE TABLE questions_found_again (
  day DATE NOT NULL,
  count INTEGER NOT NULL,
  CONSTRAINT questions_found_again_pkey PRIMARY KEY (day)
);
INSERT INTO "questions_found_again" VALUES ('2026-11-01', 1);
CREATE TABLE register_mark (
  place INTEGER NOT NULL,
  line VARCHAR(32) NOT NULL,
  CONSTRAINT register_mark_pkey PRIMARY KEY (place)
);
INSERT INTO "register_mark" VALUES (1, 'lineé');
CREATE TABLE register_waiting (
  number SERIAL NOT NULL,
  of_agent VARCHAR(64) NOT NULL,
  line TEXT NOT NULL,
  CONSTRAINT register_waiting_pkey PRIMARY KEY (number)
);
INSERT INTO "register_waiting" VALUES (1, 'of_agenté', 'lineé');
CREATE INDEX ix_register_waiting_of_agent ON register_waiting (of_agent);
CREATE TABLE requested_runs (
  source VARCHAR(200) NOT NULL,
  moment TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT requested_runs_pkey PRIMARY KEY (source)
);
INSERT INTO "requested_runs" VALUES ('sourceé', '2026-11-01 20:00:00+00');
CREATE TABLE runs (
  id SERIAL NOT NULL,
  source VARCHAR(200) NOT NULL,
  started TIMESTAMP WITH TIME ZONE NOT NULL,
  ended TIMESTAMP WITH TIME ZONE,
  outcome VARCHAR(40) NOT NULL,
  changed INTEGER NOT NULL,
  reason TEXT DEFAULT ''::text NOT NULL,
  noted TIMESTAMP WITH TIME ZONE,
  done INTEGER DEFAULT 0 NOT NULL,
  expected INTEGER,
  rate DOUBLE PRECISION DEFAULT '0'::double precision NOT NULL,
  passages INTEGER DEFAULT 0 NOT NULL,
  passage_rate DOUBLE PRECISION DEFAULT '0'::double precision NOT NULL,
  waiting VARCHAR(20) DEFAULT ''::character varying NOT NULL,
  waited_s INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT runs_pkey PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES (1, 'sourceé', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00', 'outcomeé', 1, 'reasoné', '2026-11-01 20:00:00+00', 1, 1, 0.5, 1, 0.5, '', 0);
CREATE INDEX ix_runs_source ON runs (source);
CREATE TABLE said_words (
  said VARCHAR(10) NOT NULL,
  word VARCHAR(200) COLLATE "C" NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  CONSTRAINT said_words_pkey PRIMARY KEY (said, word, agent_key)
);
INSERT INTO "said_words" VALUES ('saidé', 'wordé', 'agent_keyé');
CREATE TABLE scan_days (
  day DATE NOT NULL,
  pages INTEGER NOT NULL,
  CONSTRAINT scan_days_pkey PRIMARY KEY (day)
);
INSERT INTO "scan_days" VALUES ('2026-11-01', 1);
CREATE TABLE scans (
  source VARCHAR(200) NOT NULL,
  digest VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  content VARCHAR(64) NOT NULL,
  state VARCHAR(20) NOT NULL,
  noted TIMESTAMP WITH TIME ZONE NOT NULL,
  tries INTEGER NOT NULL,
  file_pages INTEGER,
  confidence INTEGER,
  pages JSON NOT NULL,
  CONSTRAINT scans_pkey PRIMARY KEY (source, digest)
);
INSERT INTO "scans" VALUES ('sourceé', 'digesté', 'document_idé', 'contenté', 'stateé', '2026-11-01 20:00:00+00', 1, 1, 1, '["un"]');
CREATE TABLE schema_version (
  version INTEGER NOT NULL,
  CONSTRAINT schema_version_pkey PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES (3);
CREATE TABLE sessions (
  key VARCHAR(64) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  begun_s BIGINT NOT NULL,
  seen_s BIGINT NOT NULL,
  ends_s BIGINT NOT NULL,
  id_token TEXT NOT NULL,
  CONSTRAINT sessions_pkey PRIMARY KEY (key)
);
INSERT INTO "sessions" VALUES ('keyé', 'agent_keyé', 'agent_idé', 1, 1, 1, 'id_tokené');
CREATE INDEX ix_sessions_agent_key ON sessions (agent_key);
CREATE TABLE sessions_at_provider (
  key VARCHAR(64) NOT NULL,
  subject_key VARCHAR(64) NOT NULL,
  session_key VARCHAR(64) NOT NULL,
  CONSTRAINT sessions_at_provider_pkey PRIMARY KEY (key)
);
INSERT INTO "sessions_at_provider" VALUES ('keyé', 'subject_keyé', 'session_keyé');
CREATE INDEX ix_sessions_at_provider_session_key ON sessions_at_provider (session_key);
CREATE INDEX ix_sessions_at_provider_subject_key ON sessions_at_provider (subject_key);
CREATE TABLE source_indexes (
  source VARCHAR(200) NOT NULL,
  index_id VARCHAR(200) NOT NULL,
  whole BOOLEAN NOT NULL,
  CONSTRAINT source_indexes_pkey PRIMARY KEY (source, index_id)
);
INSERT INTO "source_indexes" VALUES ('sourceé', '', true);
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
  rate DOUBLE PRECISION NOT NULL,
  passage_rate DOUBLE PRECISION NOT NULL,
  whole BOOLEAN NOT NULL,
  accept_deletions BOOLEAN NOT NULL,
  CONSTRAINT source_parts_pkey PRIMARY KEY (source, number)
);
INSERT INTO "source_parts" VALUES ('sourceé', 1, 1, 1, 1, 1, 'outcomeé', 'reasoné', 'reporté', 0.5, 0.5, true, true);
CREATE TABLE source_roots (
  source VARCHAR(200) NOT NULL,
  path TEXT NOT NULL,
  identity TEXT NOT NULL,
  CONSTRAINT source_roots_pkey PRIMARY KEY (source)
);
INSERT INTO "source_roots" VALUES ('sourceé', 'pathé', 'identityé');
CREATE TABLE text_reports (
  question_id VARCHAR(32) NOT NULL,
  answer_id VARCHAR(32) NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  created TIMESTAMP WITH TIME ZONE NOT NULL,
  decided TIMESTAMP WITH TIME ZONE,
  CONSTRAINT text_reports_pkey PRIMARY KEY (question_id, answer_id, agent_key)
);
INSERT INTO "text_reports" VALUES ('question_idé', 'answer_idé', 'agent_keyé', 'agent_idé', 'reasoné', '2026-11-01 20:00:00+00', '2026-11-01 20:00:00+00');
CREATE INDEX text_reports_agent ON text_reports (agent_key, created);
CREATE TABLE topic_decisions (
  id VARCHAR(32) NOT NULL,
  verdict VARCHAR(20) NOT NULL,
  label TEXT NOT NULL,
  topic_id VARCHAR(200) NOT NULL,
  documents TEXT NOT NULL,
  terms TEXT NOT NULL,
  day DATE NOT NULL,
  CONSTRAINT topic_decisions_pkey PRIMARY KEY (id)
);
INSERT INTO "topic_decisions" VALUES ('idé', 'verdicté', 'labelé', 'topic_idé', 'documentsé', 'termsé', '2026-11-01');
CREATE TABLE verification_paces (
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  per_month INTEGER NOT NULL,
  CONSTRAINT verification_paces_pkey PRIMARY KEY (agent_key)
);
INSERT INTO "verification_paces" VALUES ('agent_keyé', 'agent_idé', 1);
CREATE TABLE verifications (
  document_key VARCHAR(64) NOT NULL,
  document_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  agent_key VARCHAR(64) NOT NULL,
  agent_id TEXT NOT NULL,
  day DATE NOT NULL,
  "right" BOOLEAN NOT NULL,
  note TEXT NOT NULL,
  CONSTRAINT verifications_pkey PRIMARY KEY (document_key)
);
INSERT INTO "verifications" VALUES ('document_keyé', 'document_idé', 'content_hashé', 'agent_keyé', 'agent_idé', '2026-11-01', true, 'noteé');
CREATE INDEX ix_verifications_agent_key ON verifications (agent_key);
