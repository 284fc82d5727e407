"""How the tests run bugsink: everything in one directory, one process, nobody to call home to."""

import os

from bugsink.settings.default import *  # noqa: F403

DIRECTORY = os.environ["BUGSINK_DIRECTORY"]

SECRET_KEY = "of-tests-alone-" * 4
DATABASES["default"]["NAME"] = os.path.join(DIRECTORY, "db.sqlite3")  # noqa: F405
DATABASES["snappea"]["NAME"] = os.path.join(DIRECTORY, "snappea.sqlite3")  # noqa: F405
TIME_ZONE = "UTC"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# Its worker is no process of its own: an event is digested before its request is answered.
SNAPPEA = {"TASK_ALWAYS_EAGER": True}

BUGSINK = {
    "BASE_URL": "http://127.0.0.1",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
    "INGEST_STORE_BASE_DIR": os.path.join(DIRECTORY, "ingestion"),
}
