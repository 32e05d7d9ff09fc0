// Live updates over WebSocket, with reconnects.

using System;
using System.IO;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>A subscription to live updates. It ends when it is disposed, or when its client is.</summary>
    public sealed class TickerQSubscription : IDisposable, IAsyncDisposable
    {
        private readonly TickerQDashboardClient _client;
        private readonly Action<string, JsonElement> _handler;
        private readonly byte[] _request;
        private readonly CancellationTokenSource _closed;
        private readonly TaskCompletionSource<bool> _subscribed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TickerQSubscription(TickerQDashboardClient client, string[] topics, Action<string, JsonElement> handler, object filter, CancellationToken cancellation)
        {
            _client = client;
            _handler = handler;
            _request = JsonSerializer.SerializeToUtf8Bytes(filter == null ? (object)new { action = "subscribe", topics } : new { action = "subscribe", topics, filter });
            _closed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Completion = Task.Run(ReceiveAsync);
        }

        /// <summary>Completes when the subscription has ended.</summary>
        public Task Completion { get; }

        internal Task Subscribed => _subscribed.Task;

        /// <summary>Ends the subscription.</summary>
        public void Dispose()
        {
            _closed.Cancel();
            _client.Remove(this);
        }

        /// <summary>Ends the subscription, and waits until its connection is closed.</summary>
        public async ValueTask DisposeAsync()
        {
            Dispose();
            await Completion.ConfigureAwait(false);
        }

        private async Task ReceiveAsync()
        {
            var url = new Uri("ws" + _client.Root.Substring("http".Length) + "/ws");
            var tries = 0;
            while (!_closed.IsCancellationRequested)
            {
                var wasConnected = false;
                using (var socket = new ClientWebSocket())
                {
                    if (!string.IsNullOrEmpty(_client.ApiKey)) socket.Options.SetRequestHeader("Authorization", "Bearer " + _client.ApiKey);
                    try
                    {
                        await socket.ConnectAsync(url, _closed.Token).ConfigureAwait(false);
                        wasConnected = true;
                        await socket.SendAsync(new ArraySegment<byte>(_request), WebSocketMessageType.Text, true, _closed.Token).ConfigureAwait(false);
                        while (await NextAsync(socket).ConfigureAwait(false) is JsonElement message)
                        {
                            if (Handle(message)) tries = 0;
                        }
                    }
                    catch (Exception error) when (error is WebSocketException || error is IOException || error is JsonException)
                    {
                        Refuse(error);
                    }
                    catch (OperationCanceledException)
                    {
                        break;
                    }
                }
                if (_subscribed.Task.IsFaulted) break;
                if (wasConnected) _handler("disconnected", default);
                try { await Task.Delay(TickerQDashboardClient.Backoff(tries), _closed.Token).ConfigureAwait(false); } catch (OperationCanceledException) { }
                tries = Math.Min(tries + 1, 20);
            }
            _subscribed.TrySetCanceled();
        }

        /// <summary>The next message; null when the connection was closed.</summary>
        private async Task<JsonElement?> NextAsync(WebSocket socket)
        {
            var part = new ArraySegment<byte>(new byte[16384]);
            using var whole = new MemoryStream();
            WebSocketReceiveResult received;
            do
            {
                received = await socket.ReceiveAsync(part, _closed.Token).ConfigureAwait(false);
                whole.Write(part.Array, 0, received.Count);
            }
            while (!received.EndOfMessage);
            if (received.MessageType != WebSocketMessageType.Text) return null;
            return JsonDocument.Parse(whole.ToArray()).RootElement;
        }

        /// <summary>Passes a message to the handler; true for the confirmation of the subscription.</summary>
        private bool Handle(JsonElement message)
        {
            var type = message.GetProperty("type").GetString();
            message.TryGetProperty("data", out var data);
            if (type == "error" && !_subscribed.Task.IsCompleted)
            {
                var text = data.ValueKind == JsonValueKind.Object && data.TryGetProperty("detail", out var detail) ? detail.GetString() : data.ToString();
                _subscribed.TrySetException(TickerQException.Of(400, JsonSerializer.Serialize(new { detail = text }), null));
                _closed.Cancel();
                return false;
            }
            var isSubscribed = type == "subscribed";
            _handler(isSubscribed ? "connected" : type, data);
            if (isSubscribed) _subscribed.TrySetResult(true);
            return isSubscribed;
        }

        /// <summary>A first connection that the server refuses, such as for a wrong key, is not tried again.</summary>
        private void Refuse(Exception error)
        {
            var status = Regex.Match(error.Message, @"'(4\d\d)'");
            if (_subscribed.Task.IsCompleted || !status.Success) return;
            var code = int.Parse(status.Groups[1].Value);
            _subscribed.TrySetException(TickerQException.Of(code, $"the server responded {code}", null));
        }
    }

    /// <summary>Live updates.</summary>
    public static class Subscriptions
    {
        /// <summary>Subscribes to live updates; completes once subscribed. <paramref name="handler"/> is called with the type
        /// and the data of each message; beside the server's types there are <c>connected</c> and <c>disconnected</c>. The
        /// subscription reconnects by itself, and ends when it or its client is disposed, or when it is cancelled.</summary>
        public static async Task<TickerQSubscription> SubscribeAsync(this TickerQDashboardClient client, string[] topics, Action<string, JsonElement> handler, object filter = null, CancellationToken cancellation = default)
        {
            var subscription = new TickerQSubscription(client, topics, handler, filter, cancellation);
            client.Add(subscription);
            try
            {
                await subscription.Subscribed.ConfigureAwait(false);
                return subscription;
            }
            catch
            {
                subscription.Dispose();
                throw;
            }
        }
    }
}
