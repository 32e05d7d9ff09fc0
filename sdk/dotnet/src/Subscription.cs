// Live updates over WebSocket, with reconnects.

using System;
using System.IO;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

namespace TickerQ.Client
{
    /// <summary>A subscription to live updates. It ends when it is disposed, when its client is, or when the server refuses it.</summary>
    public sealed class TickerQSubscription : IDisposable, IAsyncDisposable
    {
        private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(30);
        private static readonly TimeSpan PingIntervalDefault = TimeSpan.FromSeconds(30);

        private readonly TickerQDashboardClient _client;
        private readonly Action<string, JsonElement> _handler;
        private readonly Action<string> _logger;
        private readonly TimeSpan _pingInterval;
        private readonly byte[] _request;
        private readonly CancellationTokenSource _closed;
        private readonly TaskCompletionSource<bool> _subscribed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _isConfirmed;
        private string _trouble;

        internal TickerQSubscription(TickerQDashboardClient client, string[] topics, Action<string, JsonElement> handler, object filter, Action<string> logger, TimeSpan? pingInterval, CancellationToken cancellation)
        {
            _client = client;
            _handler = handler;
            _logger = logger ?? (text => Console.Error.WriteLine(text));
            _pingInterval = pingInterval ?? PingIntervalDefault;
            _request = JsonSerializer.SerializeToUtf8Bytes(filter == null ? (object)new { action = "subscribe", topics } : new { action = "subscribe", topics, filter });
            _closed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Completion = Task.Run(ReceiveAsync);
        }

        /// <summary>Completes when the subscription has ended; with a <see cref="TickerQException"/> if the server has refused
        /// it.</summary>
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
            // A refusal is in the completion.
            await Task.WhenAny(Completion).ConfigureAwait(false);
        }

        private async Task ReceiveAsync()
        {
            try
            {
                await ConnectAgainAndAgainAsync().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                _client.Remove(this);
                if (!_subscribed.TrySetException(error))
                {
                    Log($"live updates: the subscription was refused: {error.Message}");
                    var status = (error as TickerQException)?.Status ?? 0;
                    Call("error", JsonDocument.Parse(JsonSerializer.Serialize(new { status, message = error.Message })).RootElement);
                }
                throw;
            }
            finally
            {
                _subscribed.TrySetCanceled();
            }
        }

        private async Task ConnectAgainAndAgainAsync()
        {
            var url = new Uri("ws" + _client.Root.Substring("http".Length) + "/ws");
            for (var tries = 0; !_closed.IsCancellationRequested; tries = Math.Min(tries + 1, 20))
            {
                var isConnected = false;
                var reason = "the connection was closed";
                _isConfirmed = false;
                using (var socket = new ClientWebSocket())
                {
                    try
                    {
                        await ConnectAsync(socket, url).ConfigureAwait(false);
                        isConnected = true;
                        await SendRequestAsync(socket).ConfigureAwait(false);
                        while (await NextAsync(socket).ConfigureAwait(false) is JsonElement message) Handle(message);
                    }
                    catch (Exception) when (_closed.IsCancellationRequested)
                    {
                        return;
                    }
                    catch (TickerQException)
                    {
                        throw;
                    }
                    catch (Exception error)
                    {
                        var refusal = isConnected ? 0 : StatusOf(error);
                        if (refusal >= 400 && refusal < 500 && refusal != 408 && refusal != 429)
                        {
                            throw TickerQException.Of(refusal, $"the server responded {refusal}", null);
                        }
                        reason = error.Message;
                    }
                }
                if (_isConfirmed) tries = 0;
                Failed(reason);
                if (isConnected) Call("disconnected", default);
                try { await Task.Delay(TickerQDashboardClient.Backoff(tries), _closed.Token).ConfigureAwait(false); } catch (OperationCanceledException) { }
            }
        }

        private async Task ConnectAsync(ClientWebSocket socket, Uri url)
        {
            if (!string.IsNullOrEmpty(_client.ApiKey)) socket.Options.SetRequestHeader("Authorization", "Bearer " + _client.ApiKey);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
            over.CancelAfter(ConnectMax);
            await socket.ConnectAsync(url, over.Token).ConfigureAwait(false);
        }

        private async Task SendRequestAsync(ClientWebSocket socket)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
            over.CancelAfter(ConnectMax);
            await socket.SendAsync(new ArraySegment<byte>(_request), WebSocketMessageType.Text, true, over.Token).ConfigureAwait(false);
        }

        /// <summary>The next message; null when the connection was closed.</summary>
        private async Task<JsonElement?> NextAsync(ClientWebSocket socket)
        {
            var part = new ArraySegment<byte>(new byte[16384]);
            using var whole = new MemoryStream();
            WebSocketReceiveResult received;
            do
            {
                received = await PartAsync(socket, part).ConfigureAwait(false);
                whole.Write(part.Array, 0, received.Count);
            }
            while (!received.EndOfMessage);
            if (received.MessageType != WebSocketMessageType.Text) return null;
            return JsonDocument.Parse(whole.ToArray()).RootElement;
        }

        /// <summary>The next part of a message. The class shows no pings, so after a silence the same request is sent, which
        /// adds no subscription: without a pong the other end is gone.</summary>
        private async Task<WebSocketReceiveResult> PartAsync(ClientWebSocket socket, ArraySegment<byte> part)
        {
            var receiving = socket.ReceiveAsync(part, _closed.Token);
            var isSilent = await IsSilentAsync(receiving, _isConfirmed ? _pingInterval : ConnectMax).ConfigureAwait(false);
            if (isSilent && _isConfirmed)
            {
                await SendRequestAsync(socket).ConfigureAwait(false);
                isSilent = await IsSilentAsync(receiving, TimeSpan.FromTicks(_pingInterval.Ticks / 2)).ConfigureAwait(false);
            }
            if (isSilent)
            {
                socket.Abort();
                throw new IOException("no response");
            }
            return await receiving.ConfigureAwait(false);
        }

        private async Task<bool> IsSilentAsync(Task receiving, TimeSpan time)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
            var first = await Task.WhenAny(receiving, Task.Delay(time, over.Token)).ConfigureAwait(false);
            over.Cancel();
            return first != receiving;
        }

        /// <summary>Passes a message to the handler.</summary>
        private void Handle(JsonElement message)
        {
            if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("type", out var kind) || kind.ValueKind != JsonValueKind.String) return;
            var type = kind.GetString();
            message.TryGetProperty("data", out var data);
            if (type == "error" && !_isConfirmed) throw Refusal(data);
            if (type != "subscribed")
            {
                Call(type, data);
                return;
            }
            // Otherwise it is the response to a check of the connection.
            if (_isConfirmed) return;
            _isConfirmed = true;
            if (Interlocked.Exchange(ref _trouble, null) != null) Log("live updates: connected");
            Call("connected", data);
            _subscribed.TrySetResult(true);
        }

        /// <summary>The error of a message that rejects the subscription.</summary>
        private static TickerQException Refusal(JsonElement data)
        {
            string Text(string name) => data.ValueKind == JsonValueKind.Object && data.TryGetProperty(name, out var text) ? text.ToString() : null;
            var problem = new { type = "urn:tickerq:problem:" + (Text("code") ?? "invalid"), status = 400, detail = Text("message") ?? data.ToString() };
            return TickerQException.Of(400, JsonSerializer.Serialize(problem), null);
        }

        /// <summary>The status of a refused handshake; 0 if there is none.</summary>
        private static int StatusOf(Exception error)
        {
            if (error.InnerException is WebException web && web.Response is HttpWebResponse response) return (int)response.StatusCode;
            var status = Regex.Match(error.Message, @"'(\d\d\d)'");
            return status.Success ? int.Parse(status.Groups[1].Value) : 0;
        }

        /// <summary>Calls the handler. Its error does not end the subscription.</summary>
        private void Call(string type, JsonElement data)
        {
            try { _handler(type, data); } catch (Exception error) { Log($"live updates: the handler of '{type}' failed: {error}"); }
        }

        /// <summary>Logs a failed connection; repetitions are logged once.</summary>
        private void Failed(string reason)
        {
            if (Interlocked.Exchange(ref _trouble, reason) != reason) Log($"live updates: {reason}; reconnecting");
        }

        private void Log(string text)
        {
            // An error of the logger can't be reported elsewhere.
            try { _logger(text); } catch (Exception) { }
        }
    }

    /// <summary>Live updates.</summary>
    public static class Subscriptions
    {
        /// <summary>Subscribes to live updates; completes once subscribed. <paramref name="handler"/> is called with the type
        /// and the data of each message; beside the server's types there are <c>connected</c> and <c>disconnected</c>. The
        /// subscription reconnects by itself, and ends when it or its client is disposed, when it is cancelled, or when the
        /// server refuses the handshake or a topic. <paramref name="logger"/> receives failed connections and errors of the
        /// handler as text, the standard error by default; after <paramref name="pingInterval"/> of silence, 30 seconds by
        /// default, the connection is checked.</summary>
        public static async Task<TickerQSubscription> SubscribeAsync(this TickerQDashboardClient client, string[] topics, Action<string, JsonElement> handler, object filter = null, CancellationToken cancellation = default, Action<string> logger = null, TimeSpan? pingInterval = null)
        {
            var subscription = new TickerQSubscription(client, topics, handler, filter, logger, pingInterval, cancellation);
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
