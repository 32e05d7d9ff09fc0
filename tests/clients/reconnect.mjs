// The official SignalR client while its server is restarted: node reconnect.mjs URL TRANSPORT
//
// Each line of standard output is an event; the test restarts the server in between.
import * as signalR from "@microsoft/signalr";

const [url, transport] = process.argv.slice(2);
const connection = new signalR.HubConnectionBuilder()
  .withUrl(`${url}/api/tickerq/hub`, { transport: signalR.HttpTransportType[transport] })
  .withAutomaticReconnect([0, 200, 200, 500, 500, 1000, 1000, 1000, 2000, 2000, 5000, 5000])
  .configureLogging(signalR.LogLevel.None)
  .build();

connection.on("JobStatusChanged", (jobId, status) => console.log(`received ${jobId} ${status}`));
connection.onreconnecting(() => console.log("reconnecting"));
connection.onreconnected(async () => {
  // Group memberships end with the connection.
  await connection.invoke("JoinGroup", "job-updates");
  console.log("reconnected");
});
connection.onclose((error) => {
  console.log(`closed ${error}`);
  process.exit(1);
});
await connection.start();
await connection.invoke("JoinGroup", "job-updates");
console.log("connected");
