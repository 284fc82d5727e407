"""Serves bugsink with one project; says the port and the project's key on the first line."""

import os
import shutil
import socketserver
import sqlite3
import sys
import wsgiref.simple_server
from contextlib import closing
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "bugsink_conf"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection

# Making the tables takes long: they are kept beside what is installed, and go with it.
EMPTY = Path(sys.prefix, "empty.sqlite3")
database = settings.DATABASES["default"]["NAME"]

if EMPTY.exists():
    shutil.copy(EMPTY, database)
else:
    call_command("migrate", verbosity=0)
    connection.close()
    # Another one may do the same at this moment.
    unfinished = EMPTY.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(unfinished)) as copy:
        made.backup(copy)
    unfinished.replace(EMPTY)

from projects.models import Project

project = Project.objects.create(name="vitals")


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


from bugsink.wsgi import application

server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, server_class=Server)
# What it loads at its first request is not for the clients to wait for.
from django.test import Client

Client().get("/")
print(server.server_port, project.id, project.sentry_key.hex, flush=True)
server.serve_forever()
