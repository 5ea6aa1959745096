"""Web sites as sources: by sitemap, feeds, WordPress or Wagtail (docs/sources/sites.md)."""
