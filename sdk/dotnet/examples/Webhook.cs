// Receives webhooks and verifies their signatures: dotnet Webhook.dll SECRET

using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using TickerQ.Client;

public static class Webhook
{
    public static void Main(string[] arguments)
    {
        // A free port, chosen by the system.
        var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        var listener = new HttpListener();
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        Console.WriteLine($"http://127.0.0.1:{port}/");
        while (true)
        {
            var call = listener.GetContext();
            // The bytes as received: JSON that was parsed and serialized again may differ.
            using var body = new MemoryStream();
            call.Request.InputStream.CopyTo(body);
            var isGenuine = Webhooks.Verify(body.ToArray(), call.Request.Headers["X-TickerQ-Signature"], arguments[0]);
            call.Response.StatusCode = isGenuine ? 200 : 401;
            call.Response.Close();
        }
    }
}
