// A webhook receiver in C# (ASP.NET Core minimal API): the exact bytes are verified.
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

var app = WebApplication.CreateBuilder(args).Build();
var secret = app.Configuration["TickerQ:WebhookSecret"]!;
var key = secret.StartsWith("whsec_") ? Convert.FromBase64String(secret[6..]) : Encoding.UTF8.GetBytes(secret);

app.MapPost("/tickerq/webhook", async (HttpRequest request) =>
{
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();
    string id = request.Headers["webhook-id"]!, time = request.Headers["webhook-timestamp"]!;
    var signed = Encoding.UTF8.GetBytes($"{id}.{time}.").Concat(body).ToArray();
    var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
    var given = (request.Headers["webhook-signature"].FirstOrDefault() ?? "").Split(' ');
    var isRecent = long.TryParse(time, out var sent) && Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sent) <= 300;
    if (!isRecent || !given.Any(one => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), expected)))
    {
        return Results.Unauthorized();
    }
    using var payload = JsonDocument.Parse(body);
    Console.WriteLine(payload.RootElement.GetProperty("event").GetString());
    return Results.NoContent();
});

app.Run();
