"""Django's settings of the archives of the tests; the environment says where they are."""

import os
from pathlib import Path

RUN = Path(os.environ["HYPERKITTY_RUN"])
SECRET_KEY = "essai"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "archive_urls"
SITE_ID = 1
USE_TZ = True
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "hk_root"
LOGOUT_URL = "account_logout"
MAILMAN_REST_API_URL = os.environ["HYPERKITTY_CORE"]
MAILMAN_REST_API_USER = "restadmin"
MAILMAN_REST_API_PASS = "restpass"
MAILMAN_ARCHIVER_KEY = "cle"
MAILMAN_ARCHIVER_FROM = ("127.0.0.1",)
FILTER_VHOST = False
HYPERKITTY_MBOX_EXPORT = True
HYPERKITTY_BATCH_MODE = True
STATIC_ROOT = RUN / "static"
COMPRESS_ENABLED = False
COMPRESS_PRECOMPILERS = ()
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = (
    *("hyperkitty", "django_mailman3"),
    *("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"),
    *("django.contrib.sites", "django.contrib.messages", "django.contrib.staticfiles"),
    *("django.contrib.humanize", "rest_framework", "django_gravatar", "compressor", "haystack"),
    *("django_extensions", "django_q", "allauth", "allauth.account", "allauth.socialaccount"),
)
MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
)
AUTHENTICATION_BACKENDS = (
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
)
_PROCESSORS = (
    *("django.template.context_processors.request", "django.contrib.auth.context_processors.auth"),
    *("django.template.context_processors.static", "django.template.context_processors.i18n"),
    "django.contrib.messages.context_processors.messages",
    *("django_mailman3.context_processors.common", "hyperkitty.context_processors.common"),
)
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _PROCESSORS},
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": RUN / "archives.db"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
Q_CLUSTER = {"orm": "default", "sync": True, "timeout": 30, "retry": 60}
LOGGING = {"version": 1, "root": {"level": "WARNING"}}
