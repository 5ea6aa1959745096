# mypy: ignore-errors
"""A Wagtail site with SQLite: `serve.py make DATABASE`, or `serve.py PORT DATABASE`."""

import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

MIGRATIONS = "migrations_of_notes"
"""Beside the database, where they are made: their models stand in `notes/models.py`."""


class Silent(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_):
        """Nothing."""


def main(port, database):
    """Make the database, or serve it."""
    folder = Path(database).parent
    sys.path.insert(0, str(folder))
    if port == "make":
        (folder / MIGRATIONS).mkdir()
        (folder / MIGRATIONS / "__init__.py").touch()
    settings.configure(
        SECRET_KEY="essai",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="notes.urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LANGUAGE_CODE="fr",
        LOGGING_CONFIG=None,
        MIGRATION_MODULES={"notes": MIGRATIONS},
        STATIC_URL="/static/",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "notes.urls.closing",
        ],
        WAGTAIL_SITE_NAME="Essais",
        WAGTAILADMIN_BASE_URL="http://127.0.0.1",
        WAGTAILAPI_LIMIT_MAX=20,
        WAGTAILSEARCH_BACKENDS={
            "default": {"BACKEND": "wagtail.search.backends.database", "AUTO_UPDATE": False}
        },
        INSTALLED_APPS=[
            *("notes", "wagtail.api.v2", "wagtail.users", "wagtail.documents", "wagtail.images"),
            *("wagtail.search", "wagtail.admin", "wagtail", "modelcluster", "taggit"),
            *("rest_framework", "django.contrib.auth", "django.contrib.contenttypes"),
            *("django.contrib.sessions", "django.contrib.messages"),
        ],
    )
    django.setup()
    if port == "make":
        call_command("makemigrations", "notes", verbosity=0)
        call_command("migrate", verbosity=0)
    else:
        application = get_wsgi_application()
        with make_server("127.0.0.1", int(port), application, handler_class=Silent) as server:
            server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
