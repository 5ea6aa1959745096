"""Pages of web sites: their sitemap, robots.txt and text without menus (docs/sources/site.md)."""
