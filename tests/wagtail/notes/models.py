# mypy: ignore-errors
"""Pages of the tests' site, as sites declare theirs."""

from django.db import models
from wagtail.api import APIField
from wagtail.blocks import CharBlock, ListBlock, RichTextBlock, StructBlock
from wagtail.fields import RichTextField, StreamField
from wagtail.models import Page


class NotePage(Page):
    """A page whose fields the interface gives."""

    intro = models.TextField(blank=True)
    body = RichTextField(blank=True)
    blocks = StreamField(
        [
            ("heading", CharBlock()),
            ("paragraph", RichTextBlock()),
            ("contact", StructBlock([("label", CharBlock()), ("colour", CharBlock())])),
            ("rows", ListBlock(ListBlock(CharBlock()))),
        ],
        blank=True,
    )
    author = models.CharField(max_length=100, blank=True)

    @property
    def related(self):
        """Fails for one page, as a field of a site may."""
        if self.title == "panne":
            raise ValueError(self.title)
        return {"id": 1, "meta": {"detail_url": "http://x/1/"}, "title": "Une autre page secrète"}

    api_fields = (
        APIField("intro"), APIField("body"), APIField("blocks"), APIField("author"),
        APIField("related"),
    )  # fmt: skip
    api_meta_fields = (APIField("last_published_at"),)


class MutePage(Page):
    """A page whose text the interface does not give."""

    body = RichTextField(blank=True)
