// Schedules a job and waits until it has finished: dotnet Schedule.dll http://localhost:5000 KEY

using System;
using System.Threading.Tasks;
using TickerQ.Client;

public class GreetJob { public string Name { get; set; } }

public static class Schedule
{
    public static async Task Main(string[] arguments)
    {
        using var client = new TickerQDashboardClient(arguments[0], arguments.Length > 1 ? arguments[1] : null);
        string jobId = await client.ScheduleJobAsync(new GreetJob { Name = "Ann" }, new JobOptions { MaxRetries = 3, Priority = "high" });
        var job = await client.WaitForJobAsync(jobId);
        Console.WriteLine($"{job.Status}: {job.Result}, job {jobId}");
    }
}
