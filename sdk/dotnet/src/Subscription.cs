// Live updates over WebSocket, connected again whenever the connection ends.

using System;
using System.IO;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>Live updates.</summary>
    public static class Subscriptions
    {
        /// <summary>Listens until it is cancelled. <paramref name="told"/> is called with the type and the data of each message;
        /// beside the server's types there are <c>connected</c> and <c>disconnected</c>.</summary>
        public static async Task SubscribeAsync(this TickerQDashboardClient client, string[] topics, Action<string, JsonElement> told, object filter = null, CancellationToken cancellation = default)
        {
            var request = JsonSerializer.Serialize(filter == null ? (object)new { action = "subscribe", topics } : new { action = "subscribe", topics, filter });
            var url = new Uri(client.Root.Replace("http://", "ws://").Replace("https://", "wss://") + "/ws");
            var tries = 0;
            while (!cancellation.IsCancellationRequested)
            {
                using var socket = new ClientWebSocket();
                if (!string.IsNullOrEmpty(client.ApiKey)) socket.Options.SetRequestHeader("Authorization", "Bearer " + client.ApiKey);
                var wasConnected = false;
                try
                {
                    await socket.ConnectAsync(url, cancellation).ConfigureAwait(false);
                    wasConnected = true;
                    await socket.SendAsync(new ArraySegment<byte>(Encoding.UTF8.GetBytes(request)), WebSocketMessageType.Text, true, cancellation).ConfigureAwait(false);
                    var part = new ArraySegment<byte>(new byte[16384]);
                    while (socket.State == WebSocketState.Open)
                    {
                        using var whole = new MemoryStream();
                        WebSocketReceiveResult received;
                        do
                        {
                            received = await socket.ReceiveAsync(part, cancellation).ConfigureAwait(false);
                            whole.Write(part.Array, 0, received.Count);
                        }
                        while (!received.EndOfMessage);
                        if (received.MessageType != WebSocketMessageType.Text) break;
                        var message = JsonDocument.Parse(whole.ToArray()).RootElement;
                        var type = message.GetProperty("type").GetString();
                        if (type == "subscribed") tries = 0;
                        told(type == "subscribed" ? "connected" : type, message.TryGetProperty("data", out var data) ? data : default);
                    }
                }
                catch (Exception error) when (!cancellation.IsCancellationRequested && (error is WebSocketException || error is IOException))
                {
                    // Tried again below.
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                if (wasConnected) told("disconnected", default);
                await Task.Delay(TickerQDashboardClient.Backoff(tries)).ConfigureAwait(false);
                tries = Math.Min(tries + 1, 20);
            }
        }
    }
}
