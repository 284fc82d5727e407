"""Prints the events that bugsink has digested, in their order, with what it made of them."""

import json
import sys
from pathlib import Path
from sqlite3 import Row, connect

database = connect(Path(sys.argv[1]).as_uri() + "?mode=ro", uri=True)
database.row_factory = Row

EVENTS = "SELECT * FROM events_event ORDER BY project_digest_order"
TAGS = """
    SELECT key.key, value.value FROM tags_eventtag AS tag
    JOIN tags_tagvalue AS value ON tag.value_id = value.id
    JOIN tags_tagkey AS key ON value.key_id = key.id
    WHERE tag.event_id = ?
"""

events = [
    {
        "issue": event["issue_id"],
        "event_id": event["event_id"],
        "level": event["level"],
        "type": event["calculated_type"],
        "value": event["calculated_value"],
        "last_frame": event["last_frame_function"],
        "release": event["release"],
        "environment": event["environment"],
        "tags": {tag["key"]: tag["value"] for tag in database.execute(TAGS, [event["id"]])},
        "data": json.loads(event["data"]),
    }
    for event in database.execute(EVENTS).fetchall()
]
json.dump(events, sys.stdout)
