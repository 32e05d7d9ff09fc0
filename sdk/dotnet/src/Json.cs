// The JSON form of values.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TickerQ.Client
{
    /// <summary>Durations in the server's notation, <c>[d.]hh:mm:ss[.fffffff]</c>.</summary>
    internal sealed class TimeSpanConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => TimeSpan.ParseExact(reader.GetString(), "c", null);

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString("c"));
    }

    internal static class Wire
    {
        /// <summary>For parameters and results: `null` remains.</summary>
        internal static readonly JsonSerializerOptions Values = Options(false);

        /// <summary>For options: members that are not set are left out.</summary>
        internal static readonly JsonSerializerOptions Sparse = Options(true);

        private static JsonSerializerOptions Options(bool isSparse)
        {
            var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, IgnoreNullValues = isSparse };
            options.Converters.Add(new TimeSpanConverter());
            return options;
        }

        /// <summary>The members of an options object that are set, as JSON.</summary>
        internal static Dictionary<string, object> Fields(object options)
        {
            if (options == null) return new Dictionary<string, object>();
            var document = JsonSerializer.SerializeToUtf8Bytes(options, options.GetType(), Sparse);
            var fields = JsonDocument.Parse(document).RootElement.EnumerateObject().ToDictionary(member => member.Name, member => (object)member.Value);
            // The parameters of a job keep their `null`s.
            if (options.GetType().GetProperty("Parameters")?.GetValue(options) is object parameters) fields["parameters"] = parameters;
            return fields;
        }

        internal static T Read<T>(JsonElement element) => JsonSerializer.Deserialize<T>(element.GetRawText(), Values);

        /// <summary>The content of a response. One of another form, such as a proxy's, is an error of the server.</summary>
        internal static T ResponseOf<T>(JsonElement element) where T : class
        {
            try
            {
                if (element.ValueKind == JsonValueKind.Object) return Read<T>(element);
            }
            catch (Exception error) when (error is JsonException || error is InvalidOperationException || error is FormatException)
            {
                throw new ServerException("the response does not have the expected form: " + error.Message, 200, null, null);
            }
            throw new ServerException("the response is not a JSON object", 200, null, null);
        }
    }

    /// <summary>A filter of a list: its members that are set are query parameters.</summary>
    public abstract class Query
    {
        internal static string Of(Query query)
        {
            if (query == null) return "";
            var parts = Wire.Fields(query).Select(member => $"{member.Key}={Uri.EscapeDataString(Text((JsonElement)member.Value))}").ToList();
            return parts.Count == 0 ? "" : "?" + string.Join("&", parts);
        }

        // ToString writes True and False.
        private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.True || value.ValueKind == JsonValueKind.False ? value.GetRawText() : value.ToString();
    }
}
