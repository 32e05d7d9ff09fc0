"""Runs jobs of the type GreetJob: python examples/work.py http://localhost:5000 KEY"""

import sys
from typing import Any, Dict

from tickerq import JobContext, TickerQClient, Worker

url, key = (sys.argv[1:] + ["http://localhost:5000", ""])[:2]
worker = Worker(TickerQClient(url, key), name="greeter", concurrency=10)


@worker.handler("GreetJob")
def greet(parameters: Dict[str, Any], context: JobContext) -> Dict[str, str]:
    context.progress(50, "thinking of a greeting")
    context.log(f"greeting {parameters['name']}")
    context.raise_if_stopped()
    return {"greeting": f"hello {parameters['name']}"}


print("working", flush=True)
worker.run()
