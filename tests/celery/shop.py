"""An application of Celery: its workers and Flower load it, and run as a program it sends messages.

    python shop.py QUEUE COUNT
"""

import os
import sys

from celery import Celery

app = Celery("shop", broker=os.environ["CELERY_BROKER"])
app.conf.worker_hijack_root_logger = False


@app.task
def nothing():
    """Does nothing."""


if __name__ == "__main__":
    queue, count = sys.argv[1], int(sys.argv[2])
    with app.producer_pool.acquire() as producer:
        for _ in range(count):
            nothing.apply_async(queue=queue, producer=producer)
