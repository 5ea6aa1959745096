"""The build in SQL: each step makes a table from earlier tables.

The text is DuckDB's SQL; another engine translates it (packages/spark). Two rules ensure the same
result everywhere:

- Weights become whole millionths by a multiplication, an addition and `floor`, whose bits IEEE 754
  fixes. From there on only whole numbers are added: their sum does not depend on the order of rows,
  nor on the number of threads or machines.
- Every order is total: ties are broken by id, compared by code point.

The steps begin with the tables of `build_input`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expertise.holders import (
    AGREED,
    BASES,
    COMMENT_ON_TOPIC,
    DISCOUNT_SCALE,
    DISCOUNTS,
    WROTE_ON_TOPIC,
    Basis,
    least_millionths,
)

KEPT_PER_AREA = 4
"""Holders of a topic kept for each département: the nearest three, and possibly the agent who looks
for them.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A table, and the query that makes it."""

    table: str
    query: str


_CONTRIBUTED = f"""
    SELECT l.topic, o.agent, c.document, c.account, c.weight,
           CAST(floor(l.confidence * c.weight * 1e6 + 0.5) AS BIGINT) AS shown,
           CAST(floor(
               l.confidence * c.weight
               * CASE WHEN g.agent IS NULL THEN 1e0 ELSE {AGREED} END * 1e6 + 0.5
           ) AS BIGINT) AS said,
           c.own, d.asks, d.id, d.mark
    FROM contributions c
    JOIN owners o ON o.account = c.account
    JOIN documents d ON d.document = c.document
    JOIN labels l ON l.document = c.document
    LEFT JOIN agreed g ON g.topic = l.topic AND g.agent = o.agent
"""
"""Query for each contribution of an agent with each topic of its document."""


def steps(least_strength: float) -> Sequence[Step]:
    """Return the steps in the order in which they are computed."""
    least = least_millionths(least_strength)
    comment = least_millionths(COMMENT_ON_TOPIC)
    wrote = least_millionths(WROTE_ON_TOPIC)
    demonstrated = BASES.index(Basis.DEMONSTRATED)
    declared = BASES.index(Basis.DECLARED)
    factors = ", ".join(f"({rank}, {factor})" for rank, factor in enumerate(DISCOUNTS.tolist()))
    return (
        # Agents to whom the directory gives a topic, or whose métier shares a rare word with it.
        Step(
            "agreed",
            """
            SELECT topic, agent FROM entries WHERE basis >= 0
            UNION
            SELECT m.topic, a.agent FROM metiers m JOIN agents a ON a.metier = m.metier
            """,
        ),
        # `shown`: the agent is visible on the topic; `own`: the agent wrote about it; `heavy`: the
        # documents may make the agent a holder, because their sum without discount, which needs no
        # order, is never less than the strength.
        Step(
            "pairs",
            f"""
            SELECT topic, agent, shown, own, heavy FROM (
                SELECT c.topic, c.agent,
                       max(CASE WHEN c.shown >= {comment} THEN 1 ELSE 0 END) AS shown,
                       max(CASE WHEN c.shown >= {wrote} AND own AND NOT asks THEN 1 ELSE 0 END)
                           AS own,
                       CASE WHEN max(CASE WHEN t.is_topic THEN 1 ELSE 0 END) = 1
                                 AND sum(CASE WHEN asks THEN 0 ELSE said END) >= {least}
                            THEN 1 ELSE 0 END AS heavy
                FROM ({_CONTRIBUTED}) c JOIN topics t ON t.topic = c.topic
                GROUP BY c.topic, c.agent
            ) every_pair WHERE shown = 1 OR heavy = 1
            """,
        ),
        Step(
            "evidence",
            f"""
            SELECT topic, agent, id, account, mark, said,
                   row_number() OVER (PARTITION BY topic, agent ORDER BY said DESC, id) - 1
                       AS place
            FROM (
                SELECT c.topic, c.agent, c.id, c.account, c.mark, c.said
                FROM ({_CONTRIBUTED}) c
                JOIN pairs p ON p.topic = c.topic AND p.agent = c.agent
                WHERE p.heavy = 1 AND NOT c.asks
                QUALIFY row_number() OVER (
                    PARTITION BY c.topic, c.agent, c.document ORDER BY c.weight DESC, c.account
                ) = 1
            ) one_of_each WHERE said > 0
            """,
        ),
        # A geometric discount (`VOLUME_DISCOUNT`), in billionths of millionths.
        Step(
            "strengths",
            f"""
            SELECT e.topic, e.agent,
                   CAST(floor(sum(e.said * f.factor) / {DISCOUNT_SCALE} + 0.5) AS BIGINT)
                       AS strength
            FROM evidence e JOIN (VALUES {factors}) AS f(place, factor) ON f.place = e.place
            GROUP BY e.topic, e.agent
            HAVING strength >= {least}
            """,
        ),
        # Pairs with evidence get no second row from the directory.
        Step(
            "holdings",
            f"""
            SELECT h.topic, h.agent, h.basis, h.strength, a.id, a.departement, a.region FROM (
                SELECT topic, agent, {demonstrated} AS basis, strength FROM strengths
                UNION ALL
                SELECT e.topic, e.agent, e.basis, 0 AS strength
                FROM entries e
                LEFT JOIN strengths s ON s.topic = e.topic AND s.agent = e.agent
                WHERE e.basis >= 0 AND s.topic IS NULL
            ) h JOIN agents a ON a.agent = h.agent
            """,
        ),
        # Holders, without agents who only declare the topic or refused it since.
        Step(
            "held",
            f"""
            SELECT h.topic, h.agent, h.id, h.departement, h.region
            FROM holdings h LEFT JOIN refusals r ON r.topic = h.topic AND r.agent = h.agent
            WHERE h.basis <> {declared} AND r.topic IS NULL
            """,
        ),
        # Agents seen on a topic. A holder is alone in an area if no other agent is seen there.
        Step(
            "seen",
            """
            SELECT s.topic, s.agent, a.departement, a.region FROM (
                SELECT p.topic, p.agent FROM pairs p JOIN topics t ON t.topic = p.topic
                LEFT JOIN refusals r ON r.topic = p.topic AND r.agent = p.agent
                WHERE p.own = 1 AND t.is_topic AND r.topic IS NULL
                UNION
                SELECT topic, agent FROM entries WHERE basis >= 0
                UNION
                SELECT topic, agent FROM held
            ) s JOIN agents a ON a.agent = s.agent
            """,
        ),
        # Holders who are the only ones seen in an area: a few for each topic and area.
        Step(
            "lone",
            """
            SELECT h.topic, h.agent, h.departement, h.region,
                   CASE WHEN d.many = 1 AND h.departement <> '' THEN 1 ELSE 0 END
                       AS in_departement,
                   CASE WHEN r.many = 1 AND h.region <> '' THEN 1 ELSE 0 END AS in_region,
                   CASE WHEN c.many = 1 THEN 1 ELSE 0 END AS in_country,
                   coalesce(e.basis, -1) AS stated, coalesce(p.own, 0) AS own,
                   CASE WHEN e.on_mission THEN 1 ELSE 0 END AS on_mission,
                   CASE WHEN e.ended THEN 1 ELSE 0 END AS ended,
                   CASE WHEN a.arrived THEN 1 ELSE 0 END AS arrived
            FROM held h
            JOIN agents a ON a.agent = h.agent
            JOIN (SELECT topic, departement, count(*) AS many FROM seen
                  GROUP BY topic, departement) d
                ON d.topic = h.topic AND d.departement = h.departement
            JOIN (SELECT topic, region, count(*) AS many FROM seen GROUP BY topic, region) r
                ON r.topic = h.topic AND r.region = h.region
            JOIN (SELECT topic, count(*) AS many FROM seen GROUP BY topic) c ON c.topic = h.topic
            LEFT JOIN entries e ON e.topic = h.topic AND e.agent = h.agent
            LEFT JOIN pairs p ON p.topic = h.topic AND p.agent = h.agent
            WHERE d.many = 1 OR r.many = 1 OR c.many = 1
            """,
        ),
        # A few holders of each département, among whom the nearest holders are searched.
        Step(
            "near",
            f"""
            SELECT topic, agent, id, departement FROM held
            QUALIFY row_number() OVER (PARTITION BY topic, departement ORDER BY agent)
                    <= {KEPT_PER_AREA}
            """,
        ),
        Step("topic_counts", _topic_counts(demonstrated)),
        Step(
            "shared",
            f"""
            SELECT one.topic AS topic, other.topic AS other, count(*) AS many
            FROM (SELECT topic, agent FROM holdings WHERE basis <> {declared}) one
            JOIN (SELECT topic, agent FROM holdings WHERE basis <> {declared}) other
                ON other.agent = one.agent
            WHERE one.topic <= other.topic
            GROUP BY one.topic, other.topic
            """,
        ),
        Step("shown_documents", _documents_of_topics("l.confidence DESC, d.dated DESC", "TRUE")),
        Step("questions", _documents_of_topics("d.dated DESC", "d.open_question")),
        # The topics of documents with contributors, because other documents do not vote.
        Step(
            "assigned",
            """
            SELECT d.key AS document_key, l.topic, l.confidence
            FROM labels l
            JOIN (SELECT DISTINCT document FROM contributions) c ON c.document = l.document
            JOIN documents d ON d.document = l.document
            """,
        ),
    )


DOCUMENTS_KEPT_PER_TOPIC = 20
"""Number of documents, and of open questions, stored with each topic."""


def _documents_of_topics(order: str, condition: str) -> str:
    return f"""
        SELECT l.topic, d.id,
               row_number() OVER (PARTITION BY l.topic ORDER BY {order}, d.id) AS place
        FROM labels l JOIN documents d ON d.document = l.document
        WHERE {condition}
        QUALIFY place <= {DOCUMENTS_KEPT_PER_TOPIC}
        """


def _topic_counts(demonstrated: int) -> str:
    """Return the query for the counts of `isolation.SightCounts`; `stated` covers métiers too."""
    return f"""
        SELECT t.topic, t.is_topic,
               coalesce(e.stated, 0) AS stated, coalesce(e.on_mission, 0) AS missions,
               coalesce(p.shown, 0) AS shown, coalesce(b.also, 0) AS also,
               coalesce(b.own, 0) AS both_own, coalesce(h.holders, 0) AS demonstrated,
               coalesce(h.stated, 0) AS borne_out,
               coalesce(k.known, 0) AS known, coalesce(k.on_mission, 0) AS known_on_mission
        FROM topics t
        LEFT JOIN (
            SELECT topic, sum(CASE WHEN basis >= 0 THEN 1 ELSE 0 END) AS stated,
                   sum(CASE WHEN on_mission THEN 1 ELSE 0 END) AS on_mission
            FROM entries GROUP BY topic
        ) e ON e.topic = t.topic
        LEFT JOIN (
            SELECT p.topic, sum(p.shown) AS shown FROM pairs p
            JOIN topics k ON k.topic = p.topic WHERE k.is_topic GROUP BY p.topic
        ) p ON p.topic = t.topic
        LEFT JOIN (
            SELECT e.topic, sum(CASE WHEN k.is_topic THEN p.shown ELSE 0 END) AS also,
                   sum(p.own) AS own
            FROM entries e
            JOIN pairs p ON p.topic = e.topic AND p.agent = e.agent
            JOIN topics k ON k.topic = e.topic
            WHERE e.basis >= 0 GROUP BY e.topic
        ) b ON b.topic = t.topic
        LEFT JOIN (
            SELECT h.topic, count(*) AS holders,
                   sum(CASE WHEN e.basis >= 0 THEN 1 ELSE 0 END) AS stated
            FROM holdings h LEFT JOIN entries e ON e.topic = h.topic AND e.agent = h.agent
            WHERE h.basis = {demonstrated} GROUP BY h.topic
        ) h ON h.topic = t.topic
        LEFT JOIN (
            SELECT k.topic, count(*) AS known,
                   sum(CASE WHEN e.on_mission THEN 1 ELSE 0 END) AS on_mission
            FROM (
                SELECT topic, agent FROM holdings WHERE basis = {demonstrated}
                UNION
                SELECT e.topic, e.agent FROM entries e WHERE e.otherwise
            ) k LEFT JOIN entries e ON e.topic = k.topic AND e.agent = k.agent
            WHERE e.ended IS NULL OR NOT e.ended
            GROUP BY k.topic
        ) k ON k.topic = t.topic
        """
