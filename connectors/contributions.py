"""Sum up messages, revisions and other single acts into the contributions to a document."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connectors.values import Contribution, ContributorRole


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that an account did to a document, such as a message or a revision.

    `when` is a date or a time, or None if it is unknown. The other fields are as in `Contribution`.
    """

    account: str
    role: ContributorRole
    label: str = ""
    when: date | None = None
    thanks: int = 0
    volume: int | None = None


def contributions_of(acts: Iterable[Act]) -> tuple[Contribution, ...]:
    """Return one contribution per account and role, in the order of their first acts."""
    by_role: dict[tuple[str, ContributorRole], list[Act]] = {}
    for act in acts:
        by_role.setdefault((act.account, act.role), []).append(act)
    return tuple(_contribution(account, role, same) for (account, role), same in by_role.items())


def _contribution(account: str, role: ContributorRole, acts: Sequence[Act]) -> Contribution:
    moments = [act.when for act in acts if act.when]
    days = [when.date() if isinstance(when, datetime) else when for when in moments]
    years = sorted(Counter(day.year for day in days).items())
    volumes = [act.volume for act in acts if act.volume is not None]
    return Contribution(
        account,
        role,
        label=next((act.label for act in acts if act.label), ""),
        count=len(acts),
        first=min(days, default=None),
        last=max(days, default=None),
        years=tuple(years) if len(days) == len(acts) else (),
        thanks=sum(act.thanks for act in acts),
        volume=sum(volumes) if volumes else None,
    )
