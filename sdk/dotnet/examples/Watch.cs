// Prints live updates: dotnet Watch.dll http://localhost:5000 KEY

using System;
using System.Threading.Tasks;
using TickerQ.Client;

public static class Watch
{
    public static async Task Main(string[] arguments)
    {
        var client = new TickerQDashboardClient(arguments[0], arguments.Length > 1 ? arguments[1] : null);
        using var subscription = await client.SubscribeAsync(new[] { "job-status", "system-health" }, (type, data) =>
        {
            if (type == "job-status-changed") Console.WriteLine($"{data.GetProperty("jobId").GetString()} {data.GetProperty("status").GetString()}");
            else Console.WriteLine(type);
        });
        await subscription.Completion;
    }
}
