"""Schedules a job and waits until it has finished: python examples/schedule.py http://localhost:5000 KEY"""

import sys

from tickerq import TickerQClient

url, key = (sys.argv[1:] + ["http://localhost:5000", ""])[:2]
with TickerQClient(url, key) as client:
    job_id = client.schedule_job("GreetJob", {"name": "Ann"}, max_retries=3, priority="high")["jobId"]
    job = client.wait_for_job(job_id)
print(f"{job['status']}: {job['result'] and job['result']['greeting']}, job {job_id}")
