// Lines for the first visit: a job, and a worker in each language of the SDKs.
export const jobType = "GreetJob";

export function curlOf(rest: string, token: string): string {
  const header = token === "" ? "" : " \\\n  -H \"Authorization: Bearer $TICKERQ_TOKEN\"";
  return `curl -X POST ${rest}/jobs${header} \\\n  -H 'content-type: application/json' \\\n  -d '{"type":"${jobType}","parameters":{"name":"Ann"}}'`;
}

export interface Sample {
  language: string;
  install: string;
  code: string;
}

export function samplesOf(root: string): Sample[] {
  const address = root.replace(/\/$/, "");
  return [
    {
      language: "JavaScript",
      install: "npm install ./sdk/javascript",
      code: `import { TickerQClient, Worker } from '@tickerq/client';

const client = new TickerQClient('${address}', process.env.TICKERQ_TOKEN);
const worker = new Worker(client, { name: 'greeter', concurrency: 10 });
worker.handle('${jobType}', async ({ name }) => ({ greeting: \`hello \${name}\` }));
await worker.start();`,
    },
    {
      language: "Python",
      install: "pip install ./sdk/python",
      code: `import os
from tickerq import JobContext, TickerQClient, Worker

client = TickerQClient("${address}", os.environ.get("TICKERQ_TOKEN"))
worker = Worker(client, name="greeter", concurrency=10)

@worker.handler("${jobType}")
def greet(parameters: dict[str, str], context: JobContext) -> dict[str, str]:
    return {"greeting": f"hello {parameters['name']}"}

worker.run()`,
    },
    {
      language: "Rust",
      install: "cargo add tickerq-client --path sdk/rust",
      code: `use tickerq_client::{Client, Error, JobContext, JobError, Worker};

#[derive(serde::Deserialize)]
struct Greet {
    name: String,
}

async fn greet(Greet { name }: Greet, _: JobContext) -> Result<String, JobError> {
    Ok(format!("hello {name}"))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = Client::new("${address}", None);
    let worker = Worker::new(client, "greeter").handle("${jobType}", greet).start().await?;
    tokio::signal::ctrl_c().await.ok();
    worker.stop(std::time::Duration::from_secs(30)).await
}`,
    },
    {
      language: ".NET",
      install: "dotnet add reference sdk/dotnet/src/TickerQ.Client.csproj",
      code: `using System.Threading;
using System.Threading.Tasks;
using TickerQ.Client;

using var client = new TickerQDashboardClient("${address}", null);
await using var worker = new TickerQWorker(client, "greeter");
worker.Handle<${jobType}>((data, context) => Task.FromResult<object>(new { greeting = $"hello {data.Name}" }));
await worker.StartAsync();
await Task.Delay(Timeout.Infinite);

public class ${jobType} { public string Name { get; set; } }`,
    },
  ];
}
