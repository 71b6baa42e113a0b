"""Django's settings, derived from :func:`gongfu.kernel.settings.settings`. Nothing here is read from anywhere else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONCE, NONE, SELF

from gongfu.kernel import i18n
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import settings as load_settings

_node = load_settings()
_console = Path(__file__).resolve().parent

SECRET_KEY = secret(_node.home, "django")
DEBUG = False
ROOT_URLCONF = "gongfu.console.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = sorted(
    {_node.host, "localhost", "127.0.0.1", "[::1]", urlsplit(_node.url).hostname or "localhost", *_node.allowed_hosts}
)
CSRF_TRUSTED_ORIGINS = [_node.public_url] if _node.public_url else []


def _database(url: str) -> dict[str, object]:
    """Django's description of the database: SQLite below home, or PostgreSQL by URL."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _node.path("db.sqlite3"),
            "OPTIONS": {
                # A transaction takes the write lock when it begins: it waits for its turn instead of failing halfway.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA cache_size=-32000; PRAGMA mmap_size=268435456;",
            },
            # A file, so that threads and processes of a test meet each other as on a node.
            "TEST": {"NAME": str(_node.path("test.sqlite3"))},
        }
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "gongfu",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": query,
    }


DATABASES = {"default": _database(_node.database_url)}

# Gongfu's own, lowest first: a template of a later one wins over none, so names are prefixed by module.
GONGFU_APPS = [
    "gongfu.kernel.accounts",
    "gongfu.kernel.audit",
    "gongfu.kernel.pages",
    "gongfu.kernel.tasks",
    "gongfu.identity.registry",
    "gongfu.identity.business",
    "gongfu.identity.hierarchy",
    "gongfu.identity.schemes",
    "gongfu.identity.carriers",
    "gongfu.identity.bulk",
    "gongfu.identity.search",
    "gongfu.identity.authentication",
    "gongfu.identity.peers",
    "gongfu.identity.filing",
    "gongfu.identity.escrow",
    "gongfu.platform.devices",
    "gongfu.platform.discovery",
    "gongfu.platform.commands",
    "gongfu.platform.northbound",
    "gongfu.platform.map",
    "gongfu.platform.edges",
    "gongfu.platform.modelling",
    "gongfu.data.telemetry",
    "gongfu.data.access",
    "gongfu.data.retrofit",
    "gongfu.data.alarms",
    "gongfu.data.computed",
    "gongfu.data.performance",
    "gongfu.data.dashboards",
    "gongfu.data.backup",
    "gongfu.governance.support",
    "gongfu.governance.indicators",
    "gongfu.governance.applications",
    "gongfu.governance.review",
    "gongfu.governance.assessments",
    "gongfu.console",
]
INSTALLED_APPS = [
    *reversed(GONGFU_APPS),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "csp",
    "django_htmx",
    "django_fsm",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_tasks",
    "django_tasks_db",
    "ninja",
    "rules",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "gongfu.kernel.audit.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "gongfu.kernel.accounts.middleware.PersonMiddleware",
    "gongfu.kernel.accounts.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gongfu.kernel.pages.middleware.ErrorMiddleware",
    "gongfu.kernel.accounts.middleware.SignInRequiredMiddleware",
    "gongfu.governance.review.middleware.ExpertsOnlyMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "gongfu.kernel.accounts.context.organisations",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# People and how they sign in.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["gongfu.kernel.accounts.backends.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # some hold a password, once
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
OTP_TOTP_ISSUER = "Gongfu"

# Cookies and transport.
_https = _node.url.startswith("https://")
SESSION_COOKIE_NAME = "gongfu_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_NAME = "gongfu_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _https
CSRF_FAILURE_VIEW = "gongfu.kernel.pages.errors.csrf_failure"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if _https else None  # browsers ignore and warn about it on http
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 10
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None
MEDIA_ROOT = _node.home / "files"

# Languages and time.
LANGUAGE_CODE = _node.language
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "gongfu_language"
LANGUAGE_COOKIE_AGE = 365 * 86400
LOCALE_PATHS = i18n.locale_paths()
FORMAT_MODULE_PATH = ["gongfu.console.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = _node.timezone

# Static files: found in the packages, served by whitenoise from this process.
STATIC_URL = "/static/"
STATIC_ROOT = _node.home / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "gongfu.console.static_files.Storage"},
}

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
NINJA_PAGINATION_MAX_LIMIT = 500
SILENCED_SYSTEM_CHECKS: list[str] = []
LOGGING_CONFIG = None  # kernel.logs configures the process
