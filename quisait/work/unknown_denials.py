"""Denials that name nobody known: how many documents they close, and what a person can do."""

from dataclasses import dataclass

from indexer.access import Known
from indexer.ports import IndexDenials
from search_api.catalogue.texts import _, marked, ngettext

REMEDY = marked(
    "Corrigez ce nom à la source, ou complétez l'annuaire, puis lancez « quisait crawl ». Si le "
    "refus est voulu tel quel (un groupe supprimé, par exemple), ajoutez-le à [access] "
    "accepted_denials et redémarrez."
)


@dataclass(frozen=True, slots=True)
class UnknownDenial:
    """A principal that documents deny and that names nobody known: nobody reads them."""

    principal: str
    documents: int
    remedy: str

    @property
    def closed(self) -> str:
        """How many documents it closes, in words."""
        return ngettext(
            "%(num)s document fermé à tous", "%(num)s documents fermés à tous", self.documents
        )


def unknown_denials(index: IndexDenials, known: Known, source: str) -> tuple[UnknownDenial, ...]:
    """Those of a source, the ones that close most first. Raises as the index does."""
    denials = index.denials(source)
    strangers = known.strangers(denials)
    found = (UnknownDenial(one, denials[one], _(REMEDY)) for one in strangers)
    return tuple(sorted(found, key=lambda one: (-one.documents, one.principal)))
