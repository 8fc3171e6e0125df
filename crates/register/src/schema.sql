CREATE TABLE person (
  number TEXT NOT NULL PRIMARY KEY,
  token BLOB UNIQUE CHECK (token IS NULL OR length(token) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE lead (
  number TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL REFERENCES person (number),
  aid TEXT NOT NULL,
  agency TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('to_social', 'to_judicial'))
) STRICT, WITHOUT ROWID;

-- `place` is where an event counts among the others: its own seq, or that of the event that
-- it corrects. `supersedes` is the id of the event that it corrects or withdraws.
CREATE TABLE event (
  seq INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
  id TEXT NOT NULL UNIQUE,
  place INTEGER NOT NULL,
  supersedes TEXT UNIQUE REFERENCES event (id),
  kind TEXT NOT NULL,
  lead TEXT REFERENCES lead (number),
  person TEXT REFERENCES person (number),
  day TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  fields TEXT NOT NULL CHECK (json_valid(fields)),
  operator TEXT NOT NULL,
  approver TEXT,
  because TEXT,
  previous TEXT NOT NULL,
  digest TEXT NOT NULL UNIQUE
) STRICT;

CREATE INDEX event_of_lead ON event (lead, place);

CREATE INDEX event_of_person ON event (person);

CREATE TABLE head (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  document TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT;

CREATE TRIGGER person_stays BEFORE UPDATE ON person
BEGIN SELECT RAISE(ABORT, 'persons stay'); END;

CREATE TRIGGER person_remains BEFORE DELETE ON person
BEGIN SELECT RAISE(ABORT, 'persons stay'); END;

CREATE TRIGGER lead_stays BEFORE UPDATE ON lead
BEGIN SELECT RAISE(ABORT, 'leads stay'); END;

CREATE TRIGGER lead_remains BEFORE DELETE ON lead
BEGIN SELECT RAISE(ABORT, 'leads stay'); END;

CREATE TRIGGER event_stays BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events stay'); END;

CREATE TRIGGER event_remains BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events stay'); END;

CREATE TRIGGER event_follows BEFORE INSERT ON event
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event)
BEGIN SELECT RAISE(ABORT, 'events are appended'); END;

CREATE TRIGGER head_remains BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the head stays'); END;

-- The events that count: without those that were withdrawn, corrected ones as corrected.
CREATE VIEW effective AS
SELECT e.seq, e.id, e.place, e.lead, e.person,
  CASE e.kind WHEN 'corrected' THEN e.fields ->> '$.event.kind' ELSE e.kind END AS kind,
  CASE e.kind WHEN 'corrected' THEN e.fields ->> '$.on' ELSE e.day END AS day,
  CASE e.kind WHEN 'corrected' THEN e.fields -> '$.event.fields' ELSE e.fields END AS fields
FROM event AS e
WHERE e.kind NOT IN ('withdrawn', 'created', 'rekeyed', 'accepted')
  AND NOT EXISTS (SELECT 1 FROM event AS o WHERE o.supersedes = e.id);

-- Each event of a lead with the stage to which it leads, NULL if the lead stays where it is,
-- and the reason that it gives.
CREATE VIEW step AS
SELECT f.lead, f.place, f.day, f.kind, f.fields, l.direction,
  CASE f.kind
    WHEN 'checked' THEN CASE f.fields ->> '$.finding'
      WHEN 'confirmed' THEN CASE l.direction WHEN 'to_social' THEN 'to_send' ELSE 'suitable' END
      WHEN 'rejected' THEN 'closed' END
    WHEN 'consent' THEN CASE f.fields ->> '$.answer' WHEN 'refused' THEN 'closed' END
    WHEN 'judicial_aid' THEN CASE l.direction WHEN 'to_judicial' THEN CASE f.fields ->> '$.step'
      WHEN 'applied' THEN 'under_review' WHEN 'granted' THEN 'to_pay'
      WHEN 'paid' THEN 'delivered' WHEN 'refused' THEN 'closed' END END
    WHEN 'sent' THEN 'awaiting_receipt'
    WHEN 'signed_for' THEN 'with_agency'
    WHEN 'returned' THEN 'to_send'
    WHEN 'replied' THEN CASE f.fields ->> '$.reply'
      WHEN 'eligible' THEN 'to_deliver' WHEN 'procedure' THEN 'with_person'
      WHEN 'elsewhere' THEN 'to_send' ELSE 'closed' END
    WHEN 'applied_at' THEN 'applied'
    WHEN 'granted' THEN 'delivered'
    WHEN 'refused_finally' THEN 'closed'
    WHEN 'moved' THEN 'moved'
    WHEN 'visited' THEN CASE f.fields ->> '$.result' WHEN 'solved' THEN 'closed' END
    WHEN 'closed' THEN 'closed'
  END AS target,
  CASE
    WHEN f.kind = 'consent' THEN CASE f.fields ->> '$.answer' WHEN 'refused' THEN 'declined' END
    WHEN f.kind IN ('checked', 'replied', 'refused_finally', 'judicial_aid') THEN f.fields ->> '$.reason'
  END AS reason
FROM effective AS f JOIN lead AS l ON l.number = f.lead;

-- The steps that leave a lead to rest, each with the last time that the lead was found.
CREATE VIEW rested AS
SELECT f.lead, f.last, coalesce(max(s.place), 0) AS place
FROM (SELECT lead, max(place) AS last FROM step WHERE kind = 'found' GROUP BY lead) AS f
LEFT JOIN step AS s
  ON s.lead = f.lead AND s.target IN ('delivered', 'moved', 'closed') AND s.place < f.last
GROUP BY f.lead, f.last;

-- Where the present handling of each lead begins: when it was found, or found again while
-- nobody acted on it.
CREATE VIEW opening AS
SELECT r.lead, min(s.place) AS place
FROM rested AS r JOIN step AS s ON s.lead = r.lead AND s.kind = 'found' AND s.place > r.place
GROUP BY r.lead;

-- The steps of the present handling.
CREATE VIEW present AS
SELECT s.* FROM opening AS o JOIN step AS s ON s.lead = o.lead AND s.place > o.place;

-- The last of each kind that matters, in the present handling.
CREATE VIEW last AS
SELECT o.lead, o.place AS opened,
  max(CASE WHEN p.target IS NOT NULL THEN p.place END) AS turn,
  max(CASE WHEN p.kind = 'checked' THEN p.place END) AS decided,
  max(CASE WHEN p.reason IS NOT NULL THEN p.place END) AS reasoned,
  max(CASE WHEN p.kind = 'sent' THEN p.place END) AS sent,
  max(CASE WHEN p.kind = 'visited' THEN p.place END) AS visited,
  max(CASE WHEN p.kind = 'visit_planned' THEN p.place END) AS planned,
  max(CASE WHEN p.target = 'delivered' THEN p.place END) AS delivered
FROM opening AS o LEFT JOIN present AS p ON p.lead = o.lead
GROUP BY o.lead, o.place;

-- When the person was last told the outcome, and when it was last to be told: in every handling
-- of the lead, because nobody tells it when the lead is found again.
CREATE VIEW telling AS
SELECT lead,
  max(CASE WHEN kind = 'told_outcome' THEN place END) AS told,
  max(CASE WHEN (kind = 'replied' AND fields ->> '$.reply' IN ('procedure', 'not_eligible'))
      OR kind = 'refused_finally' OR (kind = 'judicial_aid' AND target = 'closed')
    THEN place END) AS owing
FROM step GROUP BY lead;

CREATE VIEW lead_state AS
SELECT t.lead, l.person, l.aid, l.direction,
  coalesce(s.target, 'lead') AS stage,
  coalesce(s.day, o.day) AS since,
  CASE s.target WHEN 'closed' THEN CASE
    WHEN s.kind = 'closed' THEN s.fields ->> '$.reason'
    WHEN s.kind = 'visited' THEN 'delivered'
    WHEN s.kind = 'consent' THEN 'declined'
    WHEN s.kind = 'replied' AND s.fields ->> '$.reply' = 'receives' THEN 'receives'
    ELSE CASE s.fields ->> '$.reason'
      WHEN 'receives' THEN 'receives' WHEN 'declined' THEN 'declined' WHEN 'not_reachable' THEN 'no_contact'
      WHEN 'dead' THEN 'dead' WHEN 'duplicate' THEN 'duplicate' WHEN 'moved_away' THEN 'moved_away'
      ELSE CASE s.kind WHEN 'checked' THEN 'rejected' ELSE 'refused' END END
  END END AS closure,
  o.day AS opened,
  c.fields ->> '$.finding' AS finding,
  c.day AS decided_on,
  r.reason
FROM last AS t
JOIN lead AS l ON l.number = t.lead
JOIN step AS o ON o.lead = t.lead AND o.place = t.opened
LEFT JOIN step AS s ON s.lead = t.lead AND s.place = t.turn
LEFT JOIN step AS c ON c.lead = t.lead AND c.place = t.decided
LEFT JOIN step AS r ON r.lead = t.lead AND r.place = t.reasoned;

-- The last event of each material.
CREATE VIEW item AS
SELECT p.lead, p.fields ->> '$.item' AS item, max(p.place) AS place
FROM present AS p WHERE p.kind = 'material' GROUP BY p.lead, p.fields ->> '$.item';

-- What is owed: `materials` is 1 if any is owed, `outcome` the day since when the person is to
-- be told, `visit` 1 if the person is to be visited, `visit_planned` for which day.
CREATE VIEW owed AS
SELECT t.lead,
  t.stage NOT IN ('delivered', 'moved', 'closed') AND (
    EXISTS (SELECT 1 FROM item AS i JOIN step AS p ON p.lead = i.lead AND p.place = i.place
      WHERE i.lead = t.lead AND p.fields ->> '$.state' = 'owed')
    OR (NOT EXISTS (SELECT 1 FROM item AS i WHERE i.lead = t.lead) AND t.stage <> 'to_send'
      AND EXISTS (SELECT 1 FROM step AS p
        WHERE p.lead = t.lead AND p.place = m.sent AND p.fields ->> '$.as' = 'advance'))
  ) AS materials,
  CASE WHEN n.owing > coalesce(n.told, 0) AND coalesce(t.closure, '') <> 'dead'
    THEN (SELECT p.day FROM step AS p WHERE p.lead = t.lead AND p.place = n.owing) END AS outcome,
  t.stage = 'delivered' AND (
    coalesce(m.visited, 0) < coalesce(m.delivered, 0) OR coalesce(m.planned, 0) > coalesce(m.visited, 0)
  ) AS visit,
  CASE WHEN m.planned > coalesce(m.visited, 0)
    THEN (SELECT p.fields ->> '$.day' FROM step AS p WHERE p.lead = t.lead AND p.place = m.planned)
  END AS visit_planned
FROM lead_state AS t JOIN last AS m ON m.lead = t.lead JOIN telling AS n ON n.lead = t.lead;
