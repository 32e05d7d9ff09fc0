// A webhook receiver in C# (ASP.NET Core minimal API): the controller of the dashboard API, with the exact bytes.
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

var app = WebApplication.CreateBuilder(args).Build();
var secret = Encoding.UTF8.GetBytes(app.Configuration["TickerQ:WebhookSecret"]!);

app.MapPost("/tickerq/webhook", async (HttpRequest request) =>
{
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();
    var expected = "sha256=" + Convert.ToHexString(HMACSHA256.HashData(secret, body)).ToLowerInvariant();
    var given = request.Headers["X-TickerQ-Signature"].FirstOrDefault() ?? "";
    if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(given)))
    {
        return Results.Unauthorized();
    }
    using var payload = JsonDocument.Parse(body);
    Console.WriteLine(payload.RootElement.GetProperty("event").GetString());
    return Results.NoContent();
});

app.Run();
