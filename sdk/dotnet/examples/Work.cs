// Runs jobs of the type GreetJob: dotnet Work.dll http://localhost:5000 KEY

using System;
using System.Threading;
using System.Threading.Tasks;
using TickerQ.Client;

public class GreetJob { public string Name { get; set; } }

public static class Work
{
    public static async Task Main(string[] arguments)
    {
        var client = new TickerQDashboardClient(arguments[0], arguments.Length > 1 ? arguments[1] : null);
        var worker = new TickerQWorker(client, "greeter", concurrency: 10);
        worker.Handle<GreetJob>((data, context) =>
        {
            context.Progress(50, "thinking of a greeting");
            context.Log($"greeting {data.Name}");
            context.Cancellation.ThrowIfCancellationRequested();
            return Task.FromResult<object>(new { greeting = $"hello {data.Name}" });
        });
        await worker.StartAsync();
        Console.WriteLine("working");
        AppDomain.CurrentDomain.ProcessExit += (_, __) => worker.StopAsync(TimeSpan.FromSeconds(30)).Wait();
        await Task.Delay(Timeout.Infinite);
    }
}
