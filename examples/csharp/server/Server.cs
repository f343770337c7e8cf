// An HTTP server that compresses its answers and unpacks what it is sent, as `Content-Encoding: zstd`, by the
// middleware of ASP.NET Core. A stream that waits for a client holds no thread.
//
// Run:  cargo xtask build
//       export FASTPAR_LIBRARY=$PWD/target/fastpar/lib/libfastpar.so
//       dotnet run -c Release --project examples/csharp/server -- http://localhost:5000
//       curl --compressed -H 'Accept-Encoding: zstd' http://localhost:5000/numbers/1000000
//       zstd -c FILE | curl -H 'Content-Encoding: zstd' --data-binary @- http://localhost:5000/lines
//
// `-- --clients 200` serves so many clients that send and read slowly, all at once, and tells how it went.
using System;
using System.Buffers;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RequestDecompression;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fastpar.Examples;

/// <summary>zstd for both kinds of middleware.</summary>
internal sealed class Zstd : ICompressionProvider, IDecompressionProvider
{
    /// <summary>
    /// Some clients stop after one frame. The window of the level is less than what all take.
    /// </summary>
    private static readonly ZstdOptions Answers = new() { SingleFrame = true, SeekTable = false };

    /// <summary>A window of 8 MiB is what HTTP allows; the middleware limits the length.</summary>
    private static readonly ZstdOptions Requests = new() { WindowLog = 23 };

    public string EncodingName => "zstd";

    public bool SupportsFlush => true;

    public Stream CreateStream(Stream outputStream) =>
        new FastparStream(outputStream, CompressionMode.Compress, Answers, leaveOpen: true);

    public Stream GetDecompressionStream(Stream stream) =>
        new FastparStream(stream, CompressionMode.Decompress, Requests, leaveOpen: true);
}

internal static class Server
{
    private static WebApplication Build(string address)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        var zstd = new Zstd();
        builder.Services.AddResponseCompression(options => options.Providers.Add(zstd));
        builder.Services.AddRequestDecompression(options => options.DecompressionProviders.Add(zstd.EncodingName, zstd));
        WebApplication server = builder.Build();
        server.Urls.Add(address);
        server.UseResponseCompression();
        server.UseRequestDecompression();
        server.MapPost("/lines", async context =>
            await context.Response.WriteAsync($"{await LinesOf(context.Request.Body, context.RequestAborted)}"));
        server.MapGet("/numbers/{count:int}", async context =>
        {
            context.Response.ContentType = "text/plain";
            int count = int.Parse((string)context.Request.RouteValues["count"]!);
            foreach (int[] some in Enumerable.Range(0, count).Chunk(1000))
            {
                byte[] text = Encoding.ASCII.GetBytes(string.Concat(some.Select(number => $"{number}\n")));
                await context.Response.Body.WriteAsync(text, context.RequestAborted);
            }
        });
        return server;
    }

    private static async Task<long> LinesOf(Stream body, CancellationToken token)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            long lines = 0;
            for (int read; (read = await body.ReadAsync(buffer, token)) > 0;)
            {
                lines += buffer.AsSpan(0, read).Count((byte)'\n');
            }
            return lines;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // ---- slow clients ----

    private const int Lines = 100_000;

    private static async Task<bool> ServeSlowClients(int count)
    {
        await using WebApplication server = Build("http://127.0.0.1:0");
        await server.StartAsync();
        using var clients = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = count + 1 })
        {
            BaseAddress = new Uri(server.Urls.First()),
            Timeout = TimeSpan.FromMinutes(5),
        };
        byte[] text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, Lines).Select(number => $"{number}\n")));
        byte[] packed = Codec.Compress(text);
        var clock = Stopwatch.StartNew();
        using var stop = new CancellationTokenSource();
        Task<TimeSpan> other = LongestWait(clients, stop.Token);
        bool[] sent = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Send(clients, packed)));
        bool[] read = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Read(clients, text)));
        TimeSpan time = clock.Elapsed;
        stop.Cancel();
        Console.WriteLine(
            $"{sent.Count(good => good)} of {count} slow requests and {read.Count(good => good)} of {count} slow answers were served, "
            + $"in {time.TotalSeconds:F1} s; another client waited for {(await other).TotalMilliseconds:F0} ms at the most");
        return sent.All(good => good) && read.All(good => good);
    }

    private static async Task<bool> Send(HttpClient clients, byte[] packed)
    {
        using HttpResponseMessage answer = await clients.PostAsync("/lines", new SlowContent(packed));
        return await answer.Content.ReadAsStringAsync() == $"{Lines}";
    }

    private static async Task<bool> Read(HttpClient clients, byte[] text)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/numbers/{Lines}");
        request.Headers.AcceptEncoding.ParseAdd("zstd");
        using HttpResponseMessage answer = await clients.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        bool good = answer.Content.Headers.ContentEncoding.Contains("zstd");
        await using var body = new FastparStream(await answer.Content.ReadAsStreamAsync(), CompressionMode.Decompress);
        var part = new byte[text.Length / 10];
        int read, length = 0;
        while ((read = await body.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false)) > 0)
        {
            good &= text.AsSpan(length).StartsWith(part.AsSpan(0, read));
            length += read;
            await Task.Delay(20);
        }
        return good && length == text.Length;
    }

    private static async Task<TimeSpan> LongestWait(HttpClient clients, CancellationToken stop)
    {
        TimeSpan longest = default;
        while (!stop.IsCancellationRequested)
        {
            var clock = Stopwatch.StartNew();
            await clients.GetStringAsync("/numbers/1", CancellationToken.None);
            longest = clock.Elapsed > longest ? clock.Elapsed : longest;
            await Task.Delay(20, CancellationToken.None);
        }
        return longest;
    }

    /// <summary>Comes in five parts, with pauses.</summary>
    private sealed class SlowContent : HttpContent
    {
        private readonly byte[] bytes;

        internal SlowContent(byte[] bytes)
        {
            this.bytes = bytes;
            Headers.ContentEncoding.Add("zstd");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (byte[] part in bytes.Chunk((bytes.Length / 5) + 1))
            {
                await stream.WriteAsync(part);
                await stream.FlushAsync();
                await Task.Delay(100);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }

    private static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["--clients", string count]:
                return await ServeSlowClients(int.Parse(count)) ? 0 : 1;
            case [string address]:
                await Build(address).RunAsync();
                return 0;
            default:
                Console.Error.WriteLine("usage: Server ADDRESS | Server --clients COUNT");
                return 2;
        }
    }
}
